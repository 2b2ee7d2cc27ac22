"""routing.schema.json, which editors read, is what the code says."""

import json
from pathlib import Path

from gatewayctl.commands.schema import table_schema

PROJECT = Path(__file__).parents[2]


def test_current():
    """If it is out of date, run: gatewayctl schema --out routing.schema.json"""
    written = (PROJECT / "routing.schema.json").read_text(encoding="ascii")

    assert written == json.dumps(table_schema(), indent=2) + "\n"
