"""Clients of AWS: botocore's own, found and set up without reading what they do not need.

A stock session looks into the folders of four hundred services and parses a megabyte of host names
to make one client, which is most of what a start costs. Credentials, region, profiles, endpoint
URLs, proxies, CA bundles, FIPS and dual-stack are botocore's business and stay so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

from chalicelib.aws import connections

OUR_DATA = Path(__file__).parent / "botocore_data"
"""endpoints.json with the services that we call; `deployment.endpoints` makes it."""


def client(service: str, **settings: str) -> Any:
    """A client that tries once and ends with the deadline in force. `settings` are botocore's.

    Arguments are not validated again: they are ours, and typed. The user agent is one text, because
    botocore would put its own together anew for every request.
    """
    session = Session()
    session.register_component("data_loader", _Loader(extra_search_paths=[str(OUR_DATA)]))
    config = Config(
        connect_timeout=connections.CONNECT_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        parameter_validation=False,
        user_agent=f"inference-gateway {session.user_agent()}",
    )
    made = session.create_client(service, config=config, **settings)
    connections.bound(made)
    return made


class _Loader(Loader):  # type: ignore[misc]
    """Finds the data of a service where it should be, without looking for all of them."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Every folder; whether it has what is wanted shows when that is read."""
        return [
            folder
            for path in self.search_paths
            if os.path.isdir(path)  # noqa: PTH112 (botocore's paths are texts)
            for folder in os.listdir(path)  # noqa: PTH208
        ]

    def is_builtin_path(self, path: str) -> bool:
        """Ours counts: it is botocore's file, and cut down or not its rule sets go before it."""
        return path.startswith(str(OUR_DATA)) or super().is_builtin_path(path)
