"""MiniStack, in a virtual environment of its own beside the one that runs the tests.

It needs another botocore than the gateway ships. And because a function runs on the emulator's
interpreter, the function cannot see a package of the project that is missing in the zip.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from tests.support.shared import make_once

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
INSTALL_SECONDS = 300.0


def interpreter() -> Path:
    """Return the Python of the environment, which is made once for each list of requirements."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return make_once(Path(sys.prefix) / f"ministack-{digest}", _install) / "bin/python"


def _install(folder: Path) -> None:
    venv.create(folder, symlinks=True)
    install = ("install", "--quiet", "--no-deps", "--requirement", str(REQUIREMENTS))
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check"),
            *("--python", str(folder / "bin/python"), *install),
        ],
        check=True,
        timeout=INSTALL_SECONDS,
    )
