"""`python -m deployment.bytecode build/*.zip`: compiles the modules in Chalice's zips.

Chalice packs sources only, and Lambda's folders are read-only, so without this step Python
would compile every module at every cold start. The bytecode is that of the Python which runs this
command; Chalice, run by the same Python, writes its version as the functions' runtime.
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

ROOTS = {"deployment.zip": "/var/task", "layer-deployment.zip": "/opt"}
"""Where Lambda unpacks each zip; Python corrects another path in bytecode each time it loads.

Chalice makes the second one with `automatic_layer`: it has the dependencies.
"""

READABLE_BY_ALL = 0o100644
MAX_FOLDER_DEPTH = 100


def add(package: Path) -> int:
    """Add the bytecode of every module to the zip, and return the new number of files.

    The same files always give the same zip, byte for byte.

    Raises:
        KeyError: The zip has a name that Chalice gives to none.
        ValueError: A module cannot be compiled; the zip is unchanged.
    """
    unpacked_at = ROOTS[package.name]
    with TemporaryDirectory() as folder:
        root = Path(folder)
        with ZipFile(package) as zipped:
            zipped.extractall(root)
        _compile(root, unpacked_at)
        return _pack(root, package)


def _compile(root: Path, unpacked_at: str) -> None:
    """Replace all bytecode, because other bytecode depends on file dates, which a zip loses."""
    for compiled in list(root.rglob("__pycache__")):
        shutil.rmtree(compiled)
    if not compileall.compile_dir(
        root,
        maxlevels=MAX_FOLDER_DEPTH,
        stripdir=root,
        prependdir=unpacked_at,
        quiet=1,
        optimize=0,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    ):
        raise ValueError("not every module can be compiled")


def _pack(root: Path, package: Path) -> int:
    """Write the zip with sorted names and one date, and replace the old zip in one step."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    new = package.with_name(f"{package.name}.new")
    with ZipFile(new, "w") as zipped:
        for path in files:
            entry = ZipInfo(path.relative_to(root).as_posix())  # dated 1980
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = READABLE_BY_ALL << 16
            zipped.writestr(entry, path.read_bytes())
    new.replace(package)
    return len(files)


def main(arguments: Sequence[str]) -> None:
    parser = ArgumentParser(
        "python -m deployment.bytecode", description="Compile the modules in zips of Chalice's."
    )
    parser.add_argument("package", type=Path, nargs="+", help="a zip, which is replaced")
    for package in parser.parse_args(arguments).package:
        files = add(package)
        sys.stdout.write(f"{package}: {package.stat().st_size / 1e6:.1f} MB, {files:,} files\n")


if __name__ == "__main__":
    main(sys.argv[1:])
