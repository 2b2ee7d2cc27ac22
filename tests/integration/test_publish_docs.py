"""docs/tables-in-s3.md says what the command does, and what it needs."""

import json
import re
import shlex
from pathlib import Path

import pytest

from chalicelib.routing import refreshed
from chalicelib.settings import SETTINGS
from gatewayctl.publishing import store
from tests.support.publish_desk import KEY, Desk

PAGE = (Path(__file__).parents[2] / "docs/tables-in-s3.md").read_text(encoding="utf-8")
SESSIONS = re.findall(r"```console\n\$ gatewayctl publish (.*)\n([^`]*)```", PAGE)
(POLICY,) = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))

FIRST = """\
version: 1
models:
  churn: {kind: single, endpoint: churn-prod}
  digit: {kind: single, endpoint: digit-reader}
  summary: {kind: single, endpoint: summary-prod}
  iris: {kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz, timeout_seconds: 5}
"""
SECOND = (
    FIRST.replace("iris-v1", "iris-v2").replace(
        "models:", "defaults: {timeout_seconds: 20}\nmodels:"
    )
    + "  wine: {kind: mme, endpoint: tabular, target_model: wine-v1.tar.gz}\n"
)


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    desk = Desk(sagemaker_local, tmp_path)
    yield desk
    desk.close()


def like(shown, desk):
    """What matches it when versions, dates, digests and the width of columns are different."""
    pattern = re.escape(re.sub(r" +", " ", shown)).replace(
        re.escape("tables-eu/prod/routing.yaml"), f"{desk.bucket}/{KEY}"
    )
    for one in (r"[A-Za-z0-9]{16}", r"\d{4}\\-\d\d\\-\d\dT\d\d:\d\d:\d\dZ", r"[0-9a-f]{12}"):
        pattern = re.sub(rf"\b{one}\b", r"\\S+", pattern)
    return re.compile(pattern)


def test_sessions(desk):
    """What is shown is what one gets."""
    (publish, changes), (listing, versions), (back, _) = SESSIONS
    desk.publish(FIRST)
    (desk.folder / "routing.yaml").write_text(SECOND)
    outcomes = [desk.run(*shlex.split(typed)[1:]) for typed in (publish, listing)]
    old = desk.run("--list", "--format", "json").data["versions"][1]["version"]

    for outcome, shown in zip(outcomes, (changes, versions), strict=True):
        said = re.sub(r" +", " ", outcome.out + (outcome.err if shown is changes else ""))
        assert like(shown, desk).fullmatch(said), said
    assert desk.run(*shlex.split(back)[1:-1], old).code == 0
    assert desk.get()["Body"] == FIRST.encode()


def test_permissions():
    """Who has them can do all that the command does."""
    allowed = {action for one in POLICY["Statement"] for action in one["Action"]}
    asked = set(re.findall(r'"(s3:\w+)"', Path(store.__file__).read_text(encoding="utf-8")))

    assert asked <= allowed
    assert allowed - asked == {"s3:ListBucket"}


def test_numbers():
    """How often, how long, how many."""
    defaults = {setting.variable: setting.default for setting in SETTINGS}
    text = " ".join(PAGE.split())
    pause = int(defaults["GATEWAY_ROUTING_MAX_AGE"])

    assert f"| `GATEWAY_ROUTING_MAX_AGE` | `{pause}` |" in PAGE
    assert f"for {refreshed.LOOK_SECONDS:.0f} seconds at most" in text
    assert f"looks every {refreshed.COOLDOWN_SECONDS:.0f} seconds" in text
    assert f"later than {pause + refreshed.LOOK_SECONDS:.0f} seconds after its end" in text
    assert f"The newest {store.MAX_VERSIONS} versions are listed" in text
