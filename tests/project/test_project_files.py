"""The requirements files hold exact versions with hashes, and agree with each other."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = ["requirements.txt", "requirements-run.txt", "requirements-dev.txt"]
PIN = re.compile(r"([a-z0-9-]+)==(\S+)( ; .+?)?((?: +--hash=sha256:\w{64})+)")


def pins(file):
    """Return the version and the hashes of each package in a requirements file."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    matches = [PIN.fullmatch(line) for line in lines]
    assert matches
    assert all(matches), f"{file} has a line without a version or a hash; run: make lock"
    return {match[1]: (match[2], frozenset(match[4].split())) for match in matches}


@pytest.mark.parametrize(("smaller", "larger"), [FILES[:2], FILES[1:]])
def test_the_larger_file_contains_the_smaller_one(smaller, larger):
    """The tests and `make run` use the packages that are deployed, in the same versions."""
    assert pins(smaller).items() <= pins(larger).items()


def test_the_emulated_aws_is_pinned():
    """The environment of the emulated AWS has hashes too."""
    assert "ministack" in pins("tests/deployed/emulated/requirements.txt")


@pytest.mark.parametrize("file", FILES)
def test_each_direct_dependency_is_pinned(file):
    """A new dependency in pyproject.toml needs `make lock`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-run.txt": project["dependency-groups"]["run"],
        "requirements-dev.txt": project["dependency-groups"]["dev"],
    }
    names = {
        canonicalize_name(Requirement(line).name) for line in groups[file] if isinstance(line, str)
    }

    assert names <= pins(file).keys()
