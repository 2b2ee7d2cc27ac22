"""The generators that PyPI has, in an environment of their own beside the one that runs the tests.

It is made once for each list of packages.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from tests.support.shared import make_once

FOLDER = Path(__file__).parent
LOCK = "requirements.txt"
INSTALL_SECONDS = 300.0


def python() -> Path:
    """Return the environment's Python."""
    digest = hashlib.sha256((FOLDER / LOCK).read_bytes()).hexdigest()[:12]
    return make_once(Path(sys.prefix) / f"clients-python-{digest}", _install) / "bin/python"


def jar() -> Path:
    """Return the archive with openapi-generator."""
    (found,) = python().parents[1].glob("lib/*/site-packages/*/openapi-generator.jar")
    return found


def _install(folder: Path) -> None:
    venv.create(folder, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    install = ("install", "--quiet", "--no-deps", "--requirement", LOCK)
    command = (*pip, "--python", str(folder / "bin/python"), *install)
    subprocess.run(command, cwd=FOLDER, check=True, timeout=INSTALL_SECONDS)
