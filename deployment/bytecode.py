"""`python -m deployment.bytecode build/deployment.zip`: Chalice's zip, with its modules compiled.

Lambda's task folder is read-only, and Chalice packs sources alone: what is not compiled in the zip
is compiled again at every cold start. The same files give the same zip, byte for byte.
"""

from __future__ import annotations

import compileall
import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

TASK_ROOT = "/var/task"
"""Where Lambda unpacks a zip; compiled code that says another place is mended whenever it loads."""

READABLE_BY_ALL = 0o100644
DEEP_ENOUGH = 100


def add(package: Path) -> int:
    """Compile every module in the zip; the number of files in it then.

    When a module cannot be compiled: ValueError, and the zip is as it was.
    """
    with TemporaryDirectory() as folder:
        root = Path(folder)
        with ZipFile(package) as zipped:
            zipped.extractall(root)
        _compile(root)
        return _pack(root, package)


def _compile(root: Path) -> None:
    """All anew: what this machine compiled for itself is compared with dates that a zip loses."""
    for compiled in list(root.rglob("__pycache__")):
        shutil.rmtree(compiled)
    if not compileall.compile_dir(
        root,
        maxlevels=DEEP_ENOUGH,
        stripdir=root,
        prependdir=TASK_ROOT,
        quiet=1,
        optimize=0,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    ):
        raise ValueError("not every module can be compiled")


def _pack(root: Path, package: Path) -> int:
    """In one order, with one date, and in one step: there is never half a zip."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    new = package.with_name(f"{package.name}.new")
    with ZipFile(new, "w") as zipped:
        for path in files:
            entry = ZipInfo(path.relative_to(root).as_posix())  # of 1980
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = READABLE_BY_ALL << 16
            zipped.writestr(entry, path.read_bytes())
    new.replace(package)
    return len(files)


def main(arguments: Sequence[str]) -> None:
    parser = ArgumentParser("python -m deployment.bytecode", description="Compile a zip's modules.")
    parser.add_argument("package", type=Path, help="the zip; it is replaced")
    package = parser.parse_args(arguments).package
    files = add(package)
    sys.stdout.write(f"{package}: {package.stat().st_size / 1e6:.1f} MB, {files:,} files\n")


if __name__ == "__main__":
    main(sys.argv[1:])
