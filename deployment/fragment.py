"""What `chalice package` leaves out of its template: `python -m deployment.fragment --stage dev`.

Written to stdout, for `--merge-template`: the parameters, stage settings and access log of
fragment.json as they stand, and the gateway responses, whose CORS headers are the stage's.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from chalicelib.settings import Settings
from deployment.gateway_responses import gateway_responses

ROOT = Path(__file__).parents[1]


def fragment(environment: dict[str, str]) -> dict[str, Any]:
    """For a stage with these environment variables."""
    template: dict[str, Any] = json.loads((ROOT / "deployment/fragment.json").read_bytes())
    origin = Settings.from_env(environment).cors_origin
    template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"] = gateway_responses(origin)
    return template


def environment_of(stage: str) -> dict[str, str]:
    """The stage's variables, as Chalice reads them."""
    config = json.loads((ROOT / ".chalice/config.json").read_bytes())
    levels = (config, config["stages"][stage])
    return {k: v for level in levels for k, v in level.get("environment_variables", {}).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    stage = parser.parse_args().stage
    json.dump(fragment(environment_of(stage)), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
