"""A table's file, and the compiled form beside it that is quicker to load.

The compiled form is for speed alone: it says from which YAML it was made, and is used only beside
that very YAML. Anything else about it that is not as expected means that the YAML is parsed.
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

FORMAT = 1  # one more whenever rows come to mean something else


def load(path: Path) -> RoutingTable:
    """The table in a file, or `InvalidTable`."""
    data = read_bytes(path)
    try:
        compiled = compiled_path(path).read_bytes()
    except OSError:
        compiled = b""
    table = from_compiled(compiled, hashlib.sha256(data).hexdigest())
    return parse(data, str(path)) if table is None else table


def read_bytes(path: Path) -> bytes:
    """The YAML of a table, or `InvalidTable` if there is no reading it."""
    try:
        return path.read_bytes()
    except OSError as error:
        text = f"the file cannot be read: {error.strerror}"
        raise InvalidTable([Problem(str(path), None, "", text)]) from error


def parse(data: bytes, file: str) -> RoutingTable:
    """The table in YAML; `file` is what its problems call it."""
    # A start from a compiled table needs neither YAML nor its checks, and does not pay for them.
    from chalicelib.routing.reading import document  # noqa: PLC0415

    return document.parse(data, file)


def compiled_path(path: Path) -> Path:
    """Where the compiled form of a table's file lies."""
    return path.with_suffix(".json")


def compiled_key(key: str) -> str:
    """The same for a table that is an object in S3."""
    return str(PurePosixPath(key).with_suffix(".json"))


def compiled(table: RoutingTable) -> bytes:
    """The compiled form of a table."""
    document = {
        "format": FORMAT,
        "sha256": table.digest,
        "allow_shrink": table.allow_shrink,
        "defaults": table.defaults,
        "models": table.rows,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def from_compiled(data: bytes, digest: str) -> RoutingTable | None:
    """The table of a compiled form, or None unless it was made from the YAML of this digest."""
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
