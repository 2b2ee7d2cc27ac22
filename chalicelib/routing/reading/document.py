"""The YAML document of a table: accepted with all its models, or refused with all its problems."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

from chalicelib.errors import quoted
from chalicelib.routing.reading.entry import read_entry
from chalicelib.routing.reading.keys import OPTIONS, members
from chalicelib.routing.reading.nodes import MappingNode, NotYaml, ScalarNode, read
from chalicelib.routing.reading.problems import Findings, TooManyProblems
from chalicelib.routing.reading.values import boolean
from chalicelib.routing.table import RoutingTable

if TYPE_CHECKING:
    from chalicelib.routing.reading.nodes import Node
    from chalicelib.routing.reading.values import Check
    from chalicelib.routing.rows import Row

VERSION = 1
MAX_FILE_BYTES = 10_000_000


def parse(data: bytes, file: str) -> RoutingTable:
    """Return the table in the bytes of a file.

    Args:
        data: The bytes of the YAML.
        file: The name of the file, as problems show it.

    Raises:
        InvalidTable: The table cannot be used; the error holds all its problems.
    """
    findings = Findings(file)
    values = _document(data, findings)
    if findings.problems or values is None:
        raise findings.error()
    return RoutingTable(
        digest=hashlib.sha256(data).hexdigest(),
        defaults=values.get("defaults", {}),
        rows=values["models"],
        allow_shrink=values.get("allow_shrink", False),
    )


def _document(data: bytes, findings: Findings) -> dict[str, Any] | None:
    try:
        return _values(read(_text(data, findings), findings), findings)
    except (NotYaml, TooManyProblems):
        return None


def _values(root: Node, findings: Findings) -> dict[str, Any] | None:
    if not isinstance(root, MappingNode):
        findings.at(root, _not_a_table(root))
        return None
    values = members(root, TABLE, findings)
    for key, remedy in MANDATORY.items():
        if values is not None and key not in values:
            findings.add(1, key, f"missing; {remedy}")
    return values


def _text(data: bytes, findings: Findings) -> str:
    if len(data) > MAX_FILE_BYTES:
        findings.add(
            1, "", f"the file has {len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read"
        )
        raise NotYaml
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.add(
            line, "", f"the byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        )
        raise NotYaml from error


def _not_a_table(root: Node) -> str:
    if isinstance(root, ScalarNode) and root.text.endswith((".yaml", ".yml")):
        return (
            f"this was a symbolic link to {quoted(root.text)}, and the checkout made a text file "
            "of it; run 'git config core.symlinks true' and check the file out again"
        )
    return f"a table is a mapping with version and models, not {root}"


def _version(node: Node, findings: Findings) -> int | None:
    if isinstance(node, ScalarNode) and node.plain and node.text == str(VERSION):
        return VERSION
    findings.at(node, f"must be {VERSION}, the only version that there is, not {node}")
    return None


def _defaults(node: Node, findings: Findings) -> dict[str, Any] | None:
    return members(node, OPTIONS, findings)


def _models(node: Node, findings: Findings) -> dict[str, Row] | None:
    """Return the rows by key, in the order of the models' names."""
    if not isinstance(node, MappingNode) or not node.members:
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
    "allow_shrink": boolean,
}
MANDATORY = {
    "version": f"a table starts with 'version: {VERSION}'",
    "models": "a table has at least one model",
}
