"""Packages of npm, in folders beside the environment that runs the tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shared import make_once

INSTALL_SECONDS = 300.0


def program(name: str, package: str) -> str:
    """Return the path of a program; without it, skip the test, or fail it in CI.

    Args:
        package: The package of Debian that has the program.
    """
    found = shutil.which(name)
    if found is None:
        sentence = f"There is no {name} on this machine; on Debian: apt-get install {package}."
        (pytest.fail if os.environ.get("CI") else pytest.skip)(sentence)
    return found


def node_modules(folder: Path) -> Path:
    """Return the folder with the packages that package-lock.json in a test folder lists.

    They are installed once for each list of packages.
    """
    lock = (folder / "package-lock.json").read_bytes()
    name = f"npm-{folder.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    return make_once(Path(sys.prefix) / name, lambda made: _install(folder, made)) / "node_modules"


def _install(folder: Path, made: Path) -> None:
    made.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, made)
    command = (program("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    subprocess.run(command, cwd=made, check=True, timeout=INSTALL_SECONDS)
