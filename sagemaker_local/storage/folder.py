"""The folder of `--data`: a JSON file for each resource, and a file for the bytes of each object.

A file is complete or absent: it is written under another name, and renamed when it is on the disk.
No name of a resource becomes a path, because a key of S3 may be any text. Nor is a link followed
that somebody put into the folder, because files of others would be read, and removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sagemaker_local.modelserver.lines import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FORMAT = 1
"""Raise it when an earlier version could not read what this one writes."""

FORMAT_FILE, LOCK_FILE, CONTENTS = "format.json", "lock", "contents"
PARTIAL = ".partial-"
LONGEST_SLUG = 60
OPTION = "--data (make run: DATA=folder)"

_CONTENT_NAME = re.compile(r"[0-9a-f]{32}")

Document = dict[str, Any]


class Unusable(Exception):
    """The folder cannot be used; the text says why, and the way out. Nothing was changed."""


class Name(NamedTuple):
    """What a document is about: its kind is the name of a folder, its text may be any."""

    kind: str
    text: str

    @property
    def file(self) -> str:
        """A file name that people recognize; the digest makes it unique."""
        readable = re.sub(r"[^A-Za-z0-9]+", "-", self.text)[-LONGEST_SLUG:].strip("-")
        digest = hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"{self.kind}/{readable}-{digest}.json".replace("/-", "/")


class DataFolder:
    """A folder that only this process uses, until `close`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._digests: dict[str, bytes] = {}
        self._contents: set[str] = set()

    @classmethod
    def open(cls, path: Path) -> DataFolder:
        """Open the folder, and create it if it does not exist.

        Raises:
            Unusable: It is not a folder of this program, or another process uses it.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_contents(path)
            lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            _lock(path, lock)
            _check_format(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock)

    def close(self) -> None:
        os.close(self._lock)

    def read(self, kind: str, order: str) -> list[tuple[Path, Document]]:
        """Return all documents of a kind with their files, ordered by a member.

        Raises:
            Unusable: A file is damaged.
        """
        found = []
        for path in sorted((self.path / kind).glob("*.json")):
            with reading(path):
                if not _is_own_file(path):
                    raise ValueError("it is not a file")
                encoded = path.read_bytes()
                document = json.loads(encoded)
                if not isinstance(document, dict):
                    raise ValueError("it is not a JSON object")
                found.append((str(document[order]), path, document))
            self._digests[f"{kind}/{path.name}"] = _digest(encoded)
        return [(path, document) for _, path, document in sorted(found, key=itemgetter(0))]

    def replace(self, kinds: Sequence[str], documents: Mapping[Name, Document]) -> None:
        """Write the documents that are new or changed; remove all others of these kinds.

        Documents that others refer to come first: they are written first, and removed last.

        Raises:
            OSError: A file cannot be written. The next call writes what is missing.
        """
        current, changed = set(), set()
        for name, document in documents.items():
            current.add(file := name.file)
            encoded = json.dumps(document).encode()
            digest = _digest(encoded)
            if self._digests.get(file) != digest:
                write(self.path / file, [encoded])
                self._digests[file] = digest
                changed.add(name.kind)
        for file in reversed(self._digests.copy()):
            if file not in current and (kind := file.partition("/")[0]) in kinds:
                (self.path / file).unlink(missing_ok=True)
                del self._digests[file]
                changed.add(kind)
        for kind in changed:
            _sync_folder(self.path / kind)

    def write_content(self, chunks: Iterable[bytes]) -> str:
        """Store bytes that never change, and return the name for `content`."""
        name = secrets.token_hex(16)
        write(self.path / CONTENTS / name, chunks)
        self._contents.add(name)
        return name

    def content(self, name: str, size: int) -> Path:
        """Return the file with the bytes of this name.

        Raises:
            ValueError: It is not there, or was cut.
        """
        if not _CONTENT_NAME.fullmatch(name):
            raise ValueError(f"{name!a} is not the name of a file in {CONTENTS}")
        path = self.path / CONTENTS / name
        found = path.stat().st_size if _is_own_file(path) else None
        if found != size:
            has = "does not exist" if found is None else f"has {found:,} bytes"
            raise ValueError(f"{path} {has}, and should have {size:,} bytes")
        return path

    def remove_contents_except(self, used: set[str]) -> None:
        for name in self._contents - used:
            (self.path / CONTENTS / name).unlink(missing_ok=True)
            self._contents.discard(name)

    def find_leftovers(self) -> None:
        """Remove files that were not complete, and look for bytes that no object has."""
        for pattern in (f"{PARTIAL}*", f"*/{PARTIAL}*"):
            for path in filter(_is_own_file, self.path.glob(pattern)):
                path.unlink()
        contents = filter(_is_own_file, (self.path / CONTENTS).glob("*"))
        self._contents = {path.name for path in contents if _CONTENT_NAME.fullmatch(path.name)}


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name the file of a document if it cannot be read.

    Raises:
        Unusable: Anything in it is not as this program writes it.
    """
    try:
        yield
    except Exception as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise Unusable(
            f"the file {printable(str(path))} cannot be read: {printable(reason)}. Put a copy of it"
            f" back, or remove it: then the {path.parent.name} in it is gone. Nothing was changed."
        ) from error


def _check_contents(path: Path) -> None:
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(PARTIAL)]
    if links := [entry.name for entry in entries if entry.is_symlink()]:
        raise Unusable(
            f"the folder {printable(str(path))} has a link in it, {printable(min(links))}, which is"
            " not followed; put what it leads to in its place, or choose another folder with"
            f" {OPTION}"
        )
    found = {entry.name for entry in entries} - {LOCK_FILE}
    if found and FORMAT_FILE not in found:
        raise Unusable(
            f"the folder {printable(str(path))} holds something else, for example"
            f" {printable(min(found))}; choose a new or an empty folder with {OPTION}"
        )


def _lock(path: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except BlockingIOError as error:
        number = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        raise Unusable(
            f"the folder {printable(str(path))} is in use by process {printable(number)};"
            f" end it, or choose another folder with {OPTION}"
        ) from error
    except OSError as error:
        raise _unusable(path, error) from error


def _check_format(path: Path) -> None:
    """Check that this version can read the folder; a new folder gets the format of this one."""
    file = path / FORMAT_FILE
    try:
        if not file.exists():
            write(file, [b'{"program": "sagemaker_local", "format": %d}\n' % FORMAT])
        if not _is_own_file(file):
            raise ValueError("it is not a file")
        found = int(json.loads(file.read_bytes())["format"])
    except OSError as error:
        raise _unusable(path, error) from error
    except Exception as error:
        raise Unusable(
            f"the file {printable(str(file))} is damaged: it does not say the format of the folder."
            f' If this version wrote the folder, the file was {{"format": {FORMAT}}}.'
        ) from error
    if found > FORMAT:
        raise Unusable(
            f"the folder {printable(str(path))} was written by a later version, in format {found};"
            f" this version reads up to {FORMAT}. Use the later version, or choose another folder"
            f" with {OPTION}"
        )


def _is_own_file(path: Path) -> bool:
    """Whether this is a file: no link, which leads elsewhere, and no pipe, which has no end."""
    return path.is_file() and not path.is_symlink()


def _unusable(path: Path, error: OSError) -> Unusable:
    return Unusable(
        f"the folder {printable(str(path))} cannot be used: {error.strerror or error};"
        f" choose one that you can write to with {OPTION}"
    )


def write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file that only this user can read, and give it its name when it is complete."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _sync_folder(path: Path) -> None:
    """Put new names on the disk, too."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _digest(encoded: bytes) -> bytes:
    return hashlib.sha256(encoded).digest()
