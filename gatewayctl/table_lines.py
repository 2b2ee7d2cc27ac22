"""On which line of its file a table says something.

A `RoutingTable` has forgotten its lines, which a gateway never needs; whoever has something to say
about one that is sound reads them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.reading.nodes import MappingNode, SequenceNode, read
from chalicelib.routing.reading.problems import Findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chalicelib.routing.reading.nodes import Node


class Lines:
    """The lines of a table that parses; `data` is the YAML that it was parsed from."""

    def __init__(self, data: bytes) -> None:
        self._root = read(data.decode("utf-8-sig"), Findings(""))

    def of(self, keys: Iterable[str | int]) -> tuple[int, str]:
        """Line and key path of what these keys lead to, as `("models", "iris", "endpoint")`.

        For a key that the table does not say, the line is that of what would hold it.
        """
        keys = list(keys)
        *_, (node, said) = self._down(keys)
        line = node.line if keys else 1
        return line, _joined(node.path, keys[said:])

    def _down(self, keys: list[str | int]) -> Iterator[tuple[Node, int]]:
        """What the keys pass on their way, as far as there is something, and how many were used."""
        node = self._root
        yield node, 0
        for used, key in enumerate(keys, start=1):
            if isinstance(node, MappingNode) and key in node.members:
                node = node.members[str(key)]
            elif isinstance(node, SequenceNode) and isinstance(key, int) and key < len(node.items):
                node = node.items[key]
            else:
                return
            yield node, used


def _joined(path: str, missing: list[str | int]) -> str:
    return ".".join(str(part) for part in (path, *missing) if part != "")
