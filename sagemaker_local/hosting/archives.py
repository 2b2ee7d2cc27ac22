"""Unpacks a model.tar.gz, and refuses one that writes elsewhere or fills the disk.

Only files and folders are unpacked. Python's tarfile is not used: what it lets through depends on
the patch level of Python, and it holds headers of any length in memory.

Source: POSIX, pax, "pax Interchange Format" and "ustar Interchange Format"; GNU tar manual, "Basic
Tar Format".
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK_BYTES = 512
CHUNK_BYTES = 256 * 1024

_FILE_KINDS = frozenset((b"0", b"\0", b"7"))
_FOLDER = b"5"
_PAX_NEXT, _PAX_ALL, _GNU_LONG_NAME = b"x", b"g", b"L"
_REFUSED_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
    b"K": "a link with a long name",
}
_OCTAL = re.compile(rb"[ \0]*([0-7]*)([ \0].*)?", re.DOTALL)
_PAX_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")


class UnsafeArtifact(Exception):
    """The artifact is damaged or no artifact, or it could do harm; the text says why."""


@dataclass(frozen=True)
class Limits:
    """What an artifact may become."""

    bytes: int = 10 * 1024**3
    """All that comes out of the compression, headers included."""

    ratio: int = 100
    """Decompressed bytes for each compressed byte; gzip can reach 1,032."""

    small_bytes: int = 16 * 1024**2
    """An archive may become this large at any ratio."""

    entries: int = 10_000
    """Files and folders, those included that a file's name implies."""

    depth: int = 32
    """Parts of a name."""

    header_bytes: int = 64 * 1024
    """One extended header, or one long name."""

    def decompressed(self, compressed: int) -> int:
        """Return how much an archive of so many bytes may become."""
        return min(self.bytes, max(self.small_bytes, self.ratio * compressed))


LIMITS = Limits()


@dataclass(frozen=True)
class _Member:
    """The fields of a header that count."""

    name: bytes
    kind: bytes
    size: int
    is_executable: bool

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder; the oldest archives mark one by the end of its name alone."""
        return self.kind == _FOLDER or (self.kind == b"\0" and self.name.endswith(b"/"))

    @classmethod
    def parse(cls, block: bytes) -> _Member:
        checksum = sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")
        if _number(block[148:156]) != checksum:
            raise UnsafeArtifact("a header is damaged, or this is not a tar file")
        name, prefix = (_until_null(field) for field in (block[:100], block[345:500]))
        if prefix and block[257:263] == b"ustar\0":
            name = prefix + b"/" + name
        mode, size, kind = _number(block[100:108]), _number(block[124:136]), block[156:157]
        return cls(name, kind, size, bool(mode & 0o100))


class _Reader:
    """The decompressed archive, up to its limit."""

    def __init__(self, file: gzip.GzipFile, limit: int) -> None:
        self._file = file
        self._left = limit

    def block(self) -> bytes:
        """Return the next block; empty at the end."""
        block = self._read(BLOCK_BYTES)
        if len(block) not in (0, BLOCK_BYTES):
            raise UnsafeArtifact("it is cut off")
        return block

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield content of this size, and skip what fills its last block."""
        if size > self._left:
            raise UnsafeArtifact("it becomes too large")
        unread = size
        while unread:
            chunk = self._read(min(unread, CHUNK_BYTES))
            if not chunk:
                raise UnsafeArtifact("it is cut off")
            unread -= len(chunk)
            yield chunk
        padding = -size % BLOCK_BYTES
        if len(self._read(padding)) < padding:
            raise UnsafeArtifact("it is cut off")

    def finish(self) -> None:
        """Read to the end, where the checksum of the compression stands."""
        while self._read(CHUNK_BYTES):
            pass

    def _read(self, size: int) -> bytes:
        """Read; one byte more than the limit shows that there is more."""
        data = self._file.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise UnsafeArtifact("it becomes too large")
        return data


def unpack(archive: BinaryIO, compressed_bytes: int, folder: Path, limits: Limits = LIMITS) -> None:
    """Unpack a tar.gz into an empty folder.

    Each member is checked before anything of it is written. The folder may hold a part of the
    archive when this fails.

    Args:
        archive: The compressed bytes.
        compressed_bytes: How many these are.
        folder: An existing folder that nobody else writes to.
        limits: What the archive may become.

    Raises:
        UnsafeArtifact: It is no tar.gz, or exceeds a limit, or has a member that may not be.
        OSError: A file cannot be written.
    """
    entries = Entries(folder, limits)
    try:
        with gzip.GzipFile(fileobj=archive, mode="rb") as file:
            reader = _Reader(file, limits.decompressed(compressed_bytes))
            for member in _members(reader, limits):
                _write(member, reader, entries)
            reader.finish()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnsafeArtifact("it is damaged, or not a gzip file") from error


def _write(member: _Member, reader: _Reader, entries: Entries) -> None:
    parts = _parts(member.name)
    if member.is_folder:
        entries.add_folder(parts)
        return
    path = entries.add_file(parts)
    path.unlink(missing_ok=True)  # An archive may hold a later version of a file.
    with path.open("xb") as file:
        if member.is_executable:
            os.fchmod(file.fileno(), 0o755)
        for chunk in reader.chunks(member.size):
            file.write(chunk)


def _members(reader: _Reader, limits: Limits) -> Iterator[_Member]:
    """Yield each file and folder; the content of a file must be read before the next."""
    extended: dict[str, Any] = {}
    headers = 0
    while block := reader.block():
        if not any(block):
            return
        headers += 1
        if headers > 2 * limits.entries:
            raise UnsafeArtifact("it has too many members")
        member = _Member.parse(block)
        if member.kind in (_PAX_NEXT, _PAX_ALL, _GNU_LONG_NAME):
            extended |= _extension(member, reader, limits)
            continue
        member, extended = replace(member, **extended), {}
        if not member.is_folder and member.kind not in _FILE_KINDS:
            kind = _REFUSED_KINDS.get(member.kind, "something that is neither a file nor a folder")
            raise UnsafeArtifact(f"it holds {kind}")
        yield member
    if not headers:
        raise UnsafeArtifact("it is empty")


def _extension(header: _Member, reader: _Reader, limits: Limits) -> dict[str, Any]:
    """Read a header that gives the next member a longer name or a larger size."""
    if header.size > limits.header_bytes:
        raise UnsafeArtifact("it has a header that is too long")
    content = b"".join(reader.chunks(header.size))
    if header.kind == _GNU_LONG_NAME:
        return {"name": _until_null(content)}
    records = dict(_pax_records(content))
    if any(key.startswith(b"GNU.sparse") for key in records):
        raise UnsafeArtifact("it holds a sparse file")
    known: dict[str, Any] = {}
    if b"path" in records:
        known["name"] = records[b"path"]
    if b"size" in records:
        known["size"] = _decimal(records[b"size"])
    if known and header.kind == _PAX_ALL:
        raise UnsafeArtifact("it gives all members one name or size")
    return known


def _pax_records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records of an extended header, each `<its length> <key>=<value>` and a line end."""
    start = 0
    while start < len(content):
        length = _PAX_LENGTH.match(content, start)
        if length is None:
            raise UnsafeArtifact("it has a damaged header")
        end = start + int(length[1])
        record = content[length.end() : end]
        if end > len(content) or not record.endswith(b"\n"):
            raise UnsafeArtifact("it has a damaged header")
        key, _, value = record[:-1].partition(b"=")
        yield key, value
        start = end


class Entries:
    """The files and folders below a folder, whose names and number are checked."""

    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        self._folder = folder
        self._limits = limits
        self._folders: set[tuple[str, ...]] = {()}
        self._count = 0

    def add_folder(self, parts: tuple[str, ...]) -> None:
        """Create a folder, and those above it."""
        if len(parts) > self._limits.depth:
            raise UnsafeArtifact("it has too many folders in one another")
        for length in range(1, len(parts) + 1):
            if parts[:length] not in self._folders:
                self._add_entry()
                self._folder.joinpath(*parts[:length]).mkdir()
                self._folders.add(parts[:length])

    def add_file(self, parts: tuple[str, ...]) -> Path:
        """Create the folders of a file, and return the file's path."""
        if not parts:
            raise UnsafeArtifact("it holds a file without a name")
        self.add_folder(parts[:-1])
        self._add_entry()
        return self._folder.joinpath(*parts)

    def _add_entry(self) -> None:
        self._count += 1
        if self._count > self._limits.entries:
            raise UnsafeArtifact("it has too many members")


def _parts(name: bytes) -> tuple[str, ...]:
    """Return the parts of a member's name; it may not lead out of the folder."""
    if name.startswith(b"/"):
        raise UnsafeArtifact("it holds a member with an absolute name")
    parts = tuple(part for part in os.fsdecode(name).split("/") if part not in ("", "."))
    if ".." in parts or b"\0" in name:
        raise UnsafeArtifact("it holds a member whose name leads out of the folder")
    return parts


def _decimal(text: bytes) -> int:
    if not re.fullmatch(rb"[0-9]{1,15}", text):
        raise UnsafeArtifact("it has a damaged header")
    return int(text)


def _until_null(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    """Parse a number: octal digits, or binary after a byte of 128."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:])
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise UnsafeArtifact("a header is damaged, or this is not a tar file")
    return int(match[1] or b"0", 8)
