"""What the caller sees, and what only an operator may know about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.errors import InvalidParameter, Unauthorized, UnknownModel, closest
from chalicelib.routing.parameters import OneOf

if TYPE_CHECKING:
    from chalicelib.errors import GatewayError
    from chalicelib.routing.table import Match, RoutingTable
    from gatewayctl.explain.caller import Caller


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal and its reason; neither when it is the model that answers."""

    refusal: GatewayError | None = None
    reason: str | None = None
    meant: str | None = None
    """The path that it was meant to be."""

    def lines(self) -> list[str]:
        if self.refusal is None:
            return ["the model's own"]
        lines = [f"{self.refusal.status} {self.refusal.slug}: {self.refusal.detail}"]
        lines += [self.reason] if self.reason else []
        return lines + ([f"did you mean {self.meant}?"] if self.meant else [])

    def data(self) -> dict[str, object] | None:
        if self.refusal is None:
            return None
        said = {name: getattr(self.refusal, name) for name in ("status", "slug", "detail")}
        return {**said, "reason": self.reason, "did_you_mean": self.meant}


def unknown(refusal: UnknownModel, path: str, table: RoutingTable) -> Answer:
    """No entry of the table has this path."""
    first, *values = path.split("/")
    names = [model.name for model in table.models()]
    forms = [name for name in names if name.partition("/")[0] == first]
    if forms:
        return Answer(refusal, f"the table has {' and '.join(forms)}: count the segments")
    like = [name.partition("/")[0] for name in names if name.count("/") == len(values)]
    close = closest(first, like) or closest(first, (name.partition("/")[0] for name in names))
    meant = None if close is None else "/".join([close, *values])
    return Answer(refusal, "no entry of the table has this path", meant)


def refused(refusal: GatewayError, found: Match, path: str, caller: Caller) -> Answer:
    """There is an entry, and still no prediction."""
    if isinstance(refusal, Unauthorized):
        return Answer(refusal, caller.refused)
    if isinstance(refusal, UnknownModel):
        grants = " ".join(caller.identity.grants) or "none"
        return Answer(
            refusal, f"it is there, and no grant of {caller.described} covers it; it has: {grants}"
        )
    if isinstance(refusal, InvalidParameter):
        return Answer(refusal, meant=_meant_value(found, path))
    return Answer(refusal)


def _meant_value(found: Match, path: str) -> str | None:
    """The path with each listed value that was misspelt put right, if all can be."""
    segments = [path.partition("/")[0]]
    for declared, value in zip(found.model.parameters, found.values, strict=True):
        rule = declared.rule
        if rule.admits(value):
            segments.append(value)
        elif isinstance(rule, OneOf) and (close := closest(value, rule.values)):
            segments.append(close)
        else:
            return None
    return "/".join(segments)
