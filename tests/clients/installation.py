"""The generators, in environments of their own beside the one that runs the tests.

Each is made once for each list of packages.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.shared import make_once

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent
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


def python() -> Path:
    """Return the Python of the environment with the generators that PyPI has."""
    return _installed("python", "requirements.txt", _install_from_pypi) / "bin/python"


def jar() -> Path:
    """Return the archive with openapi-generator."""
    (found,) = python().parents[1].glob("lib/*/site-packages/*/openapi-generator.jar")
    return found


def node_modules() -> Path:
    """Return the folder with the packages of npm."""
    return _installed("npm", "package-lock.json", _install_from_npm) / "node_modules"


def _installed(kind: str, lock: str, install: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256((FOLDER / lock).read_bytes()).hexdigest()[:12]
    return make_once(Path(sys.prefix) / f"clients-{kind}-{digest}", install)


def _install_from_pypi(folder: Path) -> None:
    venv.create(folder, symlinks=True)
    install = ("install", "--quiet", "--no-deps", "--requirement", "requirements.txt")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    _run(FOLDER, *pip, "--python", str(folder / "bin/python"), *install)


def _install_from_npm(folder: Path) -> None:
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(FOLDER / name, folder)
    _run(folder, program("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_SECONDS)
