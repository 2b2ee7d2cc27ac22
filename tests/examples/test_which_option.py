"""docs/which-option.md: the walk from an endpoint for each model to the options that cost less."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.examples.walk import Walk
from tests.support.local_gateway import ENVIRONMENT
from tests.support.paths import ROOT

EXAMPLE = ROOT / "examples/which-option"
PAGE = ROOT / "docs/which-option.md"


def test_walk(demo, tmp_path):
    """Each command of the page prints what the page shows, and writes the files that it names."""
    aws = {**os.environ, **ENVIRONMENT, "AWS_ENDPOINT_URL": demo.url}
    seeded = subprocess.run(
        [sys.executable, EXAMPLE / "seed.py"], env=aws, capture_output=True, text=True, check=False
    )
    assert seeded.stdout == "14 endpoints are in service\n", seeded.stderr
    shutil.copytree(ROOT / ".chalice", tmp_path / ".chalice")
    with Walk(tmp_path, demo) as walk:
        walk.follow_page(PAGE.read_text(encoding="utf-8"), notes=False)

    page = (tmp_path / "advice.html").read_text(encoding="utf-8")
    assert "one multi-model endpoint instead of 10 endpoints" in page


@pytest.fixture
def log(tmp_path):
    """A log with a call of each model, between lines of others."""
    sys.path.insert(0, str(EXAMPLE))
    try:
        import traffic  # noqa: PLC0415
    finally:
        sys.path.remove(str(EXAMPLE))
    names = [*traffic.WEEK, *traffic.NEXT]
    members = {"message": "request", "timestamp": "2026-05-04 10:00:00,123+0000", "status": 200}
    lines = ["starting", *(json.dumps({**members, "model": name}) for name in names)]
    path = tmp_path / "gateway.log"
    path.write_text("\n".join(lines))
    return path


def week(log):
    return subprocess.run(
        [sys.executable, EXAMPLE / "traffic.py", "week", log],
        capture_output=True,
        text=True,
        check=False,
    )


def test_week(log):
    """The week begins at the next midnight; its lines are in order, and the same in every run."""
    lines = [json.loads(line) for line in week(log).stdout.splitlines()]

    times = [line["timestamp"] for line in lines]
    assert times == sorted(times)
    assert times[0].startswith("2026-05-05 ")
    assert times[-1].startswith("2026-05-11 ")
    assert len({line["model"] for line in lines}) == 14
    assert week(log).stdout == week(log).stdout


def test_no_calls(log):
    """Without a call of each model, the program says which ones are missing."""
    log.write_text("\n".join(log.read_text().splitlines()[:-1]))

    done = week(log)

    assert done.returncode == 1
    assert "has no call of wine-class" in done.stderr
