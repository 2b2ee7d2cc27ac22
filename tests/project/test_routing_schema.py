"""routing.schema.json, which editors read, is what the code says."""

import json
from pathlib import Path

from gatewayctl.table_schema import schema

PROJECT = Path(__file__).parents[2]


def test_current():
    """When it is stale: python -m gatewayctl schema --out routing.schema.json"""
    written = (PROJECT / "routing.schema.json").read_text(encoding="ascii")

    assert written == json.dumps(schema(), indent=2) + "\n"
