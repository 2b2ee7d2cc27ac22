"""What several operations share: each thing once, under its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.errors import GatewayError

Node = dict[str, Any]
"""A piece of an OpenAPI document."""


class Components:
    """Grows with what is referred to, so that nothing is in a document which it does not use."""

    def __init__(self) -> None:
        self._sections: dict[str, Node] = {}
        self.responses: dict[frozenset[type[GatewayError]], Node] = {}
        """References to those of an operation, by the errors that are possible."""

    def refer(self, section: str, name: str, node: Node) -> Node:
        """A reference to something that is kept under this name."""
        self._sections.setdefault(section, {})[name] = node
        return {"$ref": f"#/components/{section}/{name}"}

    def node(self) -> Node:
        """All of it, in the order of the names: a new model moves nothing."""
        return {
            section: dict(sorted(nodes.items()))
            for section, nodes in sorted(self._sections.items())
        }
