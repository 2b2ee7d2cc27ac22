"""`python -m deployment.endpoints`: reduces botocore's endpoints.json to what the gateway calls.

The complete file is over a megabyte of JSON, which each start would parse for one host name. The
reduced file keeps all partitions, regions and defaults, and with them all host names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

ROOT = Path(__file__).parents[1]
FILE = ROOT / "chalicelib/aws/botocore_data/endpoints.json"
SERVICES = ("oidc", "portal.sso", "runtime.sagemaker", "s3", "secretsmanager", "sqs", "sts")
"""The endpoint prefixes of what the gateway calls, and what botocore calls for credentials."""


def endpoints() -> dict[str, Any]:
    """Return the reduced content of the installed botocore's file."""
    complete: dict[str, Any] = Loader().load_data("endpoints")
    return {**complete, "partitions": [_reduce(partition) for partition in complete["partitions"]]}


def _reduce(partition: dict[str, Any]) -> dict[str, Any]:
    services = partition["services"]
    return {
        **partition,
        "services": {name: services[name] for name in SERVICES if name in services},
    }


def text() -> str:
    return json.dumps(endpoints(), separators=(",", ":"), sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
