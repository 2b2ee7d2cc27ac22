"""MiniStack in an environment of its own, made when it is first asked for.

It wants another botocore than the gateway ships. And a function runs on the interpreter of the
emulator that starts it, so from there it cannot see a package of the project that is missing in
the zip.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
INSTALL_SECONDS = 300.0


def interpreter() -> Path:
    """Its Python: beside the one that runs the tests, one for each list of requirements."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = Path(sys.prefix) / f"ministack-{digest}"
    if not folder.exists():
        _install(folder)
    return folder / "bin/python"


def _install(folder: Path) -> None:
    """All of it or nothing: what is half made never has the name that is looked for."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="unfinished-") as unfinished:
        made = Path(unfinished) / folder.name
        venv.create(made, symlinks=True)
        install = ("install", "--quiet", "--no-deps", "--requirement", str(REQUIREMENTS))
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check"),
                *("--python", str(made / "bin/python"), *install),
            ],
            check=True,
            timeout=INSTALL_SECONDS,
        )
        if not folder.exists():  # somebody else's tests may have been faster
            made.rename(folder)
