"""A whole table: taken with all its models, or refused with all its problems."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

from chalicelib.errors import quoted
from chalicelib.routing.reading import values
from chalicelib.routing.reading.entry import read_entry
from chalicelib.routing.reading.keys import OPTIONS, members
from chalicelib.routing.reading.nodes import Mapping, NotYaml, Scalar, read
from chalicelib.routing.reading.problems import Findings
from chalicelib.routing.table import RoutingTable

if TYPE_CHECKING:
    from chalicelib.routing.reading.nodes import Node
    from chalicelib.routing.reading.values import Check
    from chalicelib.routing.table import Row

VERSION = 1
LARGEST_FILE = 10_000_000


def parse(data: bytes, file: str) -> RoutingTable:
    """The table in a file's bytes; `InvalidTable` has everything that is wrong with it."""
    findings = Findings(file)
    said = _document(data, findings)
    if findings.problems or said is None:
        raise findings.error()
    return RoutingTable(
        digest=hashlib.sha256(data).hexdigest(),
        defaults=said.get("defaults", {}),
        rows=said["models"],
        allow_shrink=said.get("allow_shrink", False),
    )


def _document(data: bytes, findings: Findings) -> dict[str, Any] | None:
    try:
        root = read(_text(data, findings), findings)
    except NotYaml:
        return None
    if not isinstance(root, Mapping):
        findings.at(root, _no_table(root))
        return None
    said = members(root, TABLE, findings)
    for key, way_out in MANDATORY.items():
        if said is not None and key not in said:
            findings.add(1, key, f"missing; {way_out}")
    return said


def _text(data: bytes, findings: Findings) -> str:
    if len(data) > LARGEST_FILE:
        findings.add(1, "", f"the file has {len(data):,} bytes; at most {LARGEST_FILE:,} are read")
        raise NotYaml
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.add(
            line, "", f"the byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        )
        raise NotYaml from error


def _no_table(root: Node) -> str:
    if isinstance(root, Scalar) and root.text.endswith((".yaml", ".yml")):
        return (
            f"this was a symbolic link to {quoted(root.text)}, and the checkout made a text file "
            "of it; run 'git config core.symlinks true' and check the file out again"
        )
    return f"a table is a mapping with version and models, not {root}"


def _version(node: Node, findings: Findings) -> int | None:
    if isinstance(node, Scalar) and node.plain and node.text == str(VERSION):
        return VERSION
    findings.at(node, f"must be {VERSION}, the only version that there is, not {node}")
    return None


def _defaults(node: Node, findings: Findings) -> dict[str, Any] | None:
    return members(node, OPTIONS, findings)


def _models(node: Node, findings: Findings) -> dict[str, Row] | None:
    """The rows by key, in the order of the models' names."""
    if not isinstance(node, Mapping) or not node.members:
        findings.at(node, "must be a mapping from name to model, with at least one model")
        return None
    rows: dict[str, Row] = {}
    first: dict[str, Node] = {}
    for text, entry in sorted(node.members.items()):
        name, row = read_entry(text, entry, findings)
        if name is not None and name.key in first:
            _duplicate(first[name.key], entry, findings)
        elif name is not None:
            first[name.key] = entry
            rows[name.key] = cast("Row", row)
    return rows


def _duplicate(one: Node, other: Node, findings: Findings) -> None:
    first, second = sorted((one, other), key=lambda node: node.line)
    findings.at(
        second,
        f"duplicate of {first.path} on line {first.line}: paths to both would look the same",
    )


TABLE: dict[str, Check] = {
    "version": _version,
    "defaults": _defaults,
    "models": _models,
    "allow_shrink": values.boolean,
}
MANDATORY = {
    "version": f"a table starts with 'version: {VERSION}'",
    "models": "a table has at least one model",
}
