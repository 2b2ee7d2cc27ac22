"""The demo's model.tar.gz files: trained when they are missing, found again when they are not.

`python -m sagemaker_local.demo.artifacts DIR` makes sure that DIR holds them.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOURCES = (Path(__file__), Path(__file__).with_name("training.py"))
LIBRARIES = ("joblib", "lightgbm", "numpy", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Artifacts:
    """A folder with all artifacts, each at the path that is its key in the bucket."""

    folder: Path

    @property
    def keys(self) -> list[str]:
        paths = self.folder.rglob("*.tar.gz")
        return sorted(path.relative_to(self.folder).as_posix() for path in paths)

    def read(self, key: str) -> bytes:
        return (self.folder / key).read_bytes()


def cached(cache: Path) -> Artifacts | None:
    """The artifacts, if this version of the training has made them before."""
    folder = cache / _digest()
    return Artifacts(folder) if folder.is_dir() else None


def train(cache: Path, progress: Callable[[str], None]) -> Artifacts:
    """Train every model into the cache, which holds all of them or none.

    Whoever trains at the same time makes the same files; the first one's are kept.
    """
    # Here, because a start that finds the artifacts should not wait for the frameworks.
    from sagemaker_local.demo.training import RECIPES  # noqa: PLC0415

    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / _digest()
    with tempfile.TemporaryDirectory(prefix=".training-", dir=cache) as unfinished:
        made = Path(unfinished) / "artifacts"
        for place, (key, make_files) in enumerate(RECIPES.items(), 1):
            archive = pack(make_files())
            (made / key).parent.mkdir(parents=True, exist_ok=True)
            (made / key).write_bytes(archive)
            progress(f"trained {key} ({place} of {len(RECIPES)}, {len(archive):,} bytes)")
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    return Artifacts(folder)


def ensure(cache: Path, progress: Callable[[str], None]) -> Artifacts:
    """The artifacts, trained only if need be."""
    return cached(cache) or train(cache, progress)


def pack(files: Mapping[str, bytes]) -> bytes:
    """A model.tar.gz that depends on nothing but its content."""
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def _digest() -> str:
    """Names what the artifacts are made from: this code, and the libraries it trains with."""
    made_from = [source.read_bytes() for source in SOURCES]
    made_from += [f"{library} {version(library)}".encode() for library in LIBRARIES]
    return hashlib.sha256(b"\0".join(made_from)).hexdigest()[:16]


def write_line(line: str) -> None:
    """Progress for a person, or for a parent that reads our standard output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_local.demo.artifacts")
    parser.add_argument("folder", type=Path, help="where the artifacts are kept")
    ensure(parser.parse_args().folder, write_line)


if __name__ == "__main__":
    main()
