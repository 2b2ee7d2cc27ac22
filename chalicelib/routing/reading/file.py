"""A table's YAML file, and the compiled form beside it, which loads faster.

The compiled form contains the digest of its YAML, and is used only beside that YAML. If anything in
the compiled form is not as expected, the YAML is parsed instead.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from chalicelib.routing.reading.problems import InvalidTable, Problem
from chalicelib.routing.table import RoutingTable

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1  # increased whenever the meaning of the rows changes


def load(path: Path) -> RoutingTable:
    """Return the table in a file.

    Raises:
        InvalidTable: The table cannot be used; the error holds all its problems.
    """
    data = read_bytes(path)
    try:
        compiled = compiled_path(path).read_bytes()
    except OSError:
        compiled = b""
    table = from_compiled(compiled, hashlib.sha256(data).hexdigest())
    return parse(data, str(path)) if table is None else table


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
    document = {
        "format": FORMAT,
        "sha256": table.digest,
        "allow_shrink": table.allow_shrink,
        "defaults": table.defaults,
        "models": table.rows,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def from_compiled(data: bytes, digest: str) -> RoutingTable | None:
    """Return the table of a compiled form; None unless its YAML has this digest."""
    try:
        document = json.loads(data)
        if (document["format"], document["sha256"]) != (FORMAT, digest):
            return None
        return RoutingTable(
            digest=digest,
            defaults=document["defaults"],
            rows=document["models"],
            allow_shrink=document["allow_shrink"],
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
