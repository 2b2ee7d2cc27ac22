"""A reader who follows the README of an example has a prediction at its end."""

import os
import subprocess
import sys

import pytest

from chalicelib.routing.reading.document import parse
from tests.containers.container import Container
from tests.examples.walk import Walk
from tests.support.local_gateway import ENVIRONMENT
from tests.support.paths import ROOT
from tests.support.ports import free_port
from tests.support.stand_in import StandIn

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def stand_in():
    """A local SageMaker of these examples alone."""
    with StandIn("--creating-seconds", "0.05") as stand_in:
        yield stand_in


@pytest.mark.parametrize(
    "examples",
    [
        pytest.param(["sklearn-artifact", "pipeline"], id="sklearn-artifact-and-pipeline"),
        pytest.param(["container"], id="container"),
    ],
)
def test_readme(stand_in, tmp_path, examples):
    """Each command prints what the README shows, the call at the end included."""
    with Walk(tmp_path, stand_in) as walk:
        for example in examples:
            walk.follow(example)


@pytest.mark.parametrize("example", ["sklearn-artifact", "container", "pipeline"])
def test_entry(example):
    """The README shows the entry that it appends, and the entry belongs into the table."""
    entry = (EXAMPLES / example / "entry.yaml").read_text(encoding="utf-8")
    readme = (EXAMPLES / example / "README.md").read_text(encoding="utf-8")

    assert f"```yaml{entry}```" in readme
    assert len(parse(f"version: 1\nmodels:{entry}".encode(), example)) == 1


def test_container_that_does_not_run():
    """The seed and the log say that nobody answers, and the seed works once the container runs."""
    with StandIn("--startup-timeout", "1") as stand_in, Container() as container:
        away = f"http://127.0.0.1:{free_port()}"
        first = seed("container", stand_in, away)
        log = stand_in.log
        second = seed("container", stand_in, container.url)

    assert first.returncode == 1
    assert first.stderr.startswith("error: endpoint friendliness: The primary container")
    assert "/ping answer?" in first.stderr
    assert f"friendliness/primary: {away}/ping is not healthy yet; limit 1 s" in log
    assert second.returncode == 0, second.stderr


def seed(example, stand_in, image):
    """Run the program, and return its exit code and its output."""
    environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL": stand_in.url, "IMAGE": image}
    return subprocess.run(
        [sys.executable, EXAMPLES / example / "seed.py"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
