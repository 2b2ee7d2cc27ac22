"""A table's YAML file, and the compiled form beside it, which loads faster.

The compiled form is JSON. Its first member is the SHA-256 of the rest, and the rest has the SHA-256
of the YAML. If anything in it is not as `compiled` writes it, the YAML is parsed instead. Each row
is a line of its own, which is decoded and checked when the model is first needed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from chalicelib.routing.reading.problems import InvalidTable, Problem
from chalicelib.routing.rows import CompiledRows
from chalicelib.routing.table import RoutingTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMAT = 4  # increased whenever the meaning of the rows changes

MISFIT = "a row in it is not what gatewayctl writes"
"""The reason if that shows only when the row is needed."""

_UNKNOWN_FORM = "it is not what this version of gatewayctl writes"

_NEXT = ',\n"'
"""What is between two rows; no row has a line break."""

_OPENING, _CLOSING = b'{"content":"', b'",'
_CONTENT_START = len(_OPENING) + hashlib.sha256().digest_size * 2 + len(_CLOSING)


class NotCompiled(Exception):
    """A compiled form cannot be used; the reason is for the log and has nothing of its content."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def load(path: Path, not_compiled: Callable[[str], object] = lambda reason: None) -> RoutingTable:
    """Return the table in a file.

    Args:
        path: The path of the YAML.
        not_compiled: Is called with the reason if the compiled form was not used.

    Raises:
        InvalidTable: The table cannot be used; the error holds all its problems.
    """
    data = read_bytes(path)
    try:
        return from_compiled(_read_compiled(path), hashlib.sha256(data).hexdigest())
    except NotCompiled as error:
        table = parse(data, str(path))
        not_compiled(error.reason)
        return table


def _read_compiled(path: Path) -> bytes:
    try:
        return compiled_path(path).read_bytes()
    except OSError as error:
        raise NotCompiled(f"it cannot be read: {error.strerror}") from error


def read_bytes(path: Path) -> bytes:
    """Return the YAML of a table.

    Raises:
        InvalidTable: The file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        text = f"the file cannot be read: {error.strerror}"
        raise InvalidTable([Problem(str(path), None, "", text)]) from error


def parse(data: bytes, file: str) -> RoutingTable:
    """Return the table in YAML; `file` is the name that its problems show."""
    # A start with a compiled table needs neither PyYAML nor the checks.
    from chalicelib.routing.reading import document  # noqa: PLC0415

    return document.parse(data, file)


def compiled_path(path: Path) -> Path:
    """Return the path of the compiled form of a table's file."""
    return path.with_suffix(".json")


def compiled_key(key: str) -> str:
    """Return the key of the compiled form of a table in S3."""
    return str(PurePosixPath(key).with_suffix(".json"))


def compiled(table: RoutingTable) -> bytes:
    """Return the compiled form of a table."""
    head = {
        "format": FORMAT,
        "sha256": table.digest,
        "allow_shrink": table.allow_shrink,
        "defaults": table.defaults,
        "models": {},
    }
    rows = _NEXT.join(f'{key}":{_json(row)}' for key, row in table.rows.items())
    content = f'{_json(head)[1:-2]}\n"{rows}\n}}}}'.encode()
    return _OPENING + hashlib.sha256(content).hexdigest().encode() + _CLOSING + content


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def content_digest(data: bytes) -> str:
    """Return the digest that a compiled form has of its content.

    Raises:
        NotCompiled: The data is no compiled form, or its content has another digest.
    """
    if not data.startswith(_OPENING):
        raise NotCompiled(_UNKNOWN_FORM)
    actual = hashlib.sha256(memoryview(data)[_CONTENT_START:]).hexdigest()
    if data[len(_OPENING) : _CONTENT_START] != actual.encode() + _CLOSING:
        raise NotCompiled("it is not complete, or was changed after it was written")
    return actual


def from_compiled(data: bytes, digest: str, content: str | None = None) -> RoutingTable:
    """Return the table of a compiled form.

    Args:
        data: The compiled form.
        digest: The SHA-256 of the YAML that it has to be made from.
        content: The digest that its content has to have; its own one if None.

    Raises:
        NotCompiled: It was made from another YAML, or is not what `compiled` writes.
    """
    actual = content_digest(data)
    if actual != (content or actual):
        raise NotCompiled("it is not the one that was published with the table")
    try:
        head, _, rows = str(data[_CONTENT_START:], "ascii").partition("\n")
        document = json.loads(f"{{{head}}}}}")
        if document["sha256"] != digest:
            raise NotCompiled("it was made from another table")
        if not _has_shape(document) or rows[:1] + rows[-3:] != '"\n}}':
            raise NotCompiled(_UNKNOWN_FORM)
        return RoutingTable(
            digest=digest,
            defaults=document["defaults"],
            rows=CompiledRows(dict(row.split('":', 1) for row in rows[1:-3].split(_NEXT))),
            allow_shrink=document["allow_shrink"],
            is_compiled=True,
        )
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise NotCompiled(_UNKNOWN_FORM) from error


def _has_shape(head: dict[str, Any]) -> bool:
    return (
        list(head) == ["format", "sha256", "allow_shrink", "defaults", "models"]
        and head["format"] == FORMAT
        and type(head["allow_shrink"]) is bool
        and type(head["defaults"]) is dict
        and head["models"] == {}
    )
