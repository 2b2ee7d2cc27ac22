"""The demo's model.tar.gz files: trained once, then kept in a folder."""

from __future__ import annotations

import gzip
import hashlib
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
    """A folder with all artifacts; the path of each file is its key in the bucket."""

    folder: Path

    @property
    def keys(self) -> list[str]:
        paths = self.folder.rglob("*.tar.gz")
        return sorted(path.relative_to(self.folder).as_posix() for path in paths)

    def read(self, key: str) -> bytes:
        return (self.folder / key).read_bytes()


def ensure(cache: Path, progress: Callable[[str], None]) -> Artifacts:
    """Return the artifacts in the cache, after training the models if they are not there.

    The cache contains either all artifacts of a version or none. Two processes may train at the
    same time: both make the same files, and the files of the first process are kept.

    Args:
        cache: A folder for artifacts of several versions; it need not exist.
        progress: Called with one line of text for each trained model.
    """
    folder = cache / _version()
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".training-", dir=cache) as parent:
            unfinished = Path(parent) / "artifacts"
            _train(unfinished, progress)
            try:
                unfinished.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
    return Artifacts(folder)


def _train(folder: Path, progress: Callable[[str], None]) -> None:
    # This import is slow, and a start that finds the artifacts does not need it.
    from sagemaker_local.demo.training import RECIPES  # noqa: PLC0415

    for number, (key, make_files) in enumerate(RECIPES.items(), 1):
        archive = _archive(make_files())
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(archive)
        progress(f"trained {key} ({number} of {len(RECIPES)}, {len(archive):,} bytes)")


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Return a model.tar.gz whose bytes depend on its files alone."""
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def _version() -> str:
    """Return a digest of what determines the artifacts: this code and the libraries' versions."""
    inputs = [source.read_bytes() for source in SOURCES]
    inputs += [f"{library} {version(library)}".encode() for library in LIBRARIES]
    return hashlib.sha256(b"\0".join(inputs)).hexdigest()[:16]
