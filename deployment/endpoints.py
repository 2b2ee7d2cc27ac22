"""`python -m deployment.endpoints`: botocore's endpoints.json, cut down to what the gateway calls.

The whole file is over a megabyte of JSON, which every start would parse to learn one host name. Its
partitions, regions and defaults stay, so that every partition's host names do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

ROOT = Path(__file__).parents[1]
FILE = ROOT / "chalicelib/aws/botocore_data/endpoints.json"
SERVICES = ("oidc", "portal.sso", "runtime.sagemaker", "s3", "secretsmanager", "sts")
"""What the gateway calls, and what botocore itself calls for credentials; by endpoint prefix."""


def endpoints() -> dict[str, Any]:
    """What the file should hold, made of the botocore that is installed."""
    whole: dict[str, Any] = Loader().load_data("endpoints")
    return {**whole, "partitions": [_cut(partition) for partition in whole["partitions"]]}


def _cut(partition: dict[str, Any]) -> dict[str, Any]:
    services = partition["services"]
    return {
        **partition,
        "services": {name: services[name] for name in SERVICES if name in services},
    }


def text() -> str:
    return json.dumps(endpoints(), separators=(",", ":"), sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
