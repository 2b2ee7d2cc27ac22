"""Somebody who may call some models."""

from __future__ import annotations

from dataclasses import dataclass

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller with grants, each a path after `/predict/` in which `*` stands for a segment."""

    name: str
    grants: tuple[str, ...]
    key_id: str | None = None

    def may_call(self, path: str) -> bool:
        """Whether a grant covers the path; a lone `*` covers everything."""
        segments = path.split("/")
        return any(grant == EVERYTHING or _covers(grant, segments) for grant in self.grants)


def _covers(grant: str, segments: list[str]) -> bool:
    """Segment by segment; a grant covers nothing deeper than itself."""
    granted = grant.split("/")
    return len(granted) == len(segments) and all(
        pattern in (EVERYTHING, segment) for pattern, segment in zip(granted, segments, strict=True)
    )
