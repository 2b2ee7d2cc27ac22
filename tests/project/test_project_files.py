"""The requirements files hold exact versions with hashes, and agree with each other."""

import json
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


@pytest.mark.parametrize(
    ("folder", "package"),
    [("tests/deployed/emulated", "ministack"), ("tests/clients", "openapi-generator-cli")],
)
def test_other_environments_are_pinned(folder, package):
    """The environments that tests make for themselves have hashes too."""
    assert package in pins(f"{folder}/requirements.txt")


@pytest.mark.parametrize("folder", ["tests/browser", "tests/clients"])
def test_packages_of_npm_are_pinned(folder):
    """Each package of npm has a hash, and comes from the registry of whoever installs it."""
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))

    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert all("integrity" in package and "resolved" not in package for package in packages)


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
