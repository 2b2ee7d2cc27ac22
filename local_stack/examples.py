"""Lines that a newcomer can paste: one for each kind of target, from the table's own examples."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.routing.table import Model, RoutingTable


def curl_lines(table: RoutingTable, url: str, key_path: Path) -> Iterator[str]:
    """For each kind, the model with the shortest example; last, the list of all."""
    credential = f'-H "Authorization: Bearer $(cat {shlex.quote(str(key_path))})"'
    shortest: dict[str, tuple[int, str]] = {}
    for model in table.models():
        path = _path(model)
        if model.example is None or path is None:
            continue
        line = (
            f"curl {url}/predict/{path} {credential} -H 'Content-Type: application/json'"
            f" -d {shlex.quote(model.example)}"
        )
        kind = model.target.kind
        shortest[kind] = min(shortest.get(kind, (len(line), line)), (len(line), line))
    yield from (line for _, line in shortest.values())
    yield f"curl {url}/models {credential}"


def _path(model: Model) -> str | None:
    """The model's name with a value for each parameter; None if nobody can tell one."""
    path = model.name
    for parameter in model.parameters:
        values = parameter.rule.described().get("one_of")
        if not isinstance(values, list):
            return None
        path = path.replace(f"{{{parameter.name}}}", values[0])
    return path
