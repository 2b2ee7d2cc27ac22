"""The policies in .chalice/ are those that the routing table needs."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import gatewayctl

ROOT = Path(__file__).parents[2]
CONFIG = json.loads((ROOT / ".chalice/config.json").read_bytes())
DEPLOYED = pytest.mark.parametrize("stage", ["dev", "prod"])


@DEPLOYED
def test_policies_are_current(stage, monkeypatch):
    """The files are up to date."""
    monkeypatch.chdir(ROOT)
    outcome = gatewayctl("policy", "--check", "--stage", stage, project=ROOT)

    assert outcome.code == 0, outcome.out


@DEPLOYED
def test_chalice_takes_them(stage):
    """Chalice uses these files, and a different one for each function."""
    policies = CONFIG["stages"][stage]
    authorizer = policies["lambda_functions"]["authorize"]["iam_policy_file"]

    assert CONFIG["autogen_policy"] is False
    assert (ROOT / ".chalice" / policies["iam_policy_file"]).is_file()
    assert (ROOT / ".chalice" / authorizer).is_file()
    assert policies["iam_policy_file"] != authorizer
