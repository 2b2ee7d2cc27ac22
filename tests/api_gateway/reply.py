"""What a client of the simulator gets."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from tests.support.doors import Answer

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reply:
    """A status, headers as they are on the wire, and the bytes of the body."""

    status: int
    headers: Pairs
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Its last value, whatever the case of its name."""
        values = [value for own, value in self.headers if own.lower() == name.lower()]
        return values[-1] if values else None

    def json(self) -> Any:
        return json.loads(self.body)

    def and_header(self, name: str, value: str) -> Reply:
        return replace(self, headers=(*self.headers, (name, value)))

    @property
    def answer(self) -> Answer:
        """For what reads the answers of the other doors; no header may come twice in it."""
        headers = {name.lower(): value for name, value in self.headers}
        assert len(headers) == len(self.headers), "a header comes twice"
        return Answer(self.status, headers, self.body)
