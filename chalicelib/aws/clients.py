"""botocore clients of AWS services, created without reading the data of services that are not used.

To create one client, a stock session looks into the folders of four hundred services and parses a
megabyte of host names. That is most of what a start costs. Credentials, region, profiles, endpoint
URLs, proxies, CA bundles, FIPS and dual-stack endpoints are found as botocore always finds them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.endpoint import EndpointCreator
from botocore.httpsession import URLLib3Session
from botocore.loaders import Loader
from botocore.session import Session

from chalicelib.aws import connections

OUR_DATA = Path(__file__).parent / "botocore_data"
"""endpoints.json with the services that we call; `deployment.endpoints` writes it."""


def client(
    service: str, credentials: Any = None, *, config: Config | None = None, **settings: str
) -> Any:
    """Create a client that makes each call once, within the deadline that is in force.

    Arguments of calls are not validated, because our own typed code builds them. The user agent is
    a constant text, because botocore would build its own again for every request.

    Args:
        service: botocore's name of the service.
        credentials: botocore's; None for those that it finds.
        config: What differs from this module's configuration.
        **settings: Settings of `botocore.session.Session.create_client`.
    """
    session = Session()
    session._credentials = credentials
    session.register_component("data_loader", _Loader(extra_search_paths=[str(OUR_DATA)]))
    usual = Config(
        connect_timeout=connections.CONNECT_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        parameter_validation=False,
        user_agent=f"inference-gateway {session.user_agent()}",
    )
    config = usual if config is None else usual.merge(config)
    created = session.create_client(service, config=config, **settings)
    connections.use_deadline_connections(created)
    return created


def http_session(url: str) -> URLLib3Session:
    """Return an HTTP session for one server that is not AWS's, configured as a client's would be.

    Proxies come from the environment, and the CA bundle from the environment or the profile. Plain
    HTTP uses no proxy: it is allowed for this machine only, and a proxy is on another one.
    """
    creator = EndpointCreator(event_emitter=None)
    session = URLLib3Session(
        proxies=creator._get_proxies(url) if urlsplit(url).scheme == "https" else {},
        verify=creator._get_verify_value(Session().get_config_variable("ca_bundle")),
    )
    connections.use_deadlines_anywhere(session)
    return session


class _Loader(Loader):  # type: ignore[misc]
    """Finds the data of one service without listing all of them."""

    def list_available_services(self, type_name: str) -> list[str]:
        """List every folder; reading one shows whether it holds data of this type."""
        return [
            folder
            for path in self.search_paths
            if os.path.isdir(path)  # noqa: PTH112 (botocore's paths are texts)
            for folder in os.listdir(path)  # noqa: PTH208
        ]

    def is_builtin_path(self, path: str) -> bool:
        """Treat our endpoints.json as built in. Otherwise botocore would not use its rule sets."""
        return path.startswith(str(OUR_DATA)) or super().is_builtin_path(path)
