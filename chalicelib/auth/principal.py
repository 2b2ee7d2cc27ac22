"""Somebody who may call some models: what an authorizer's `ok` becomes, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import AuthUnavailable, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.table import Model

EVERYTHING = "*"
OK, UNAUTHORIZED, UNAVAILABLE = "ok", "unauthorized", "unavailable"


class Principal:
    """A caller with grants, each a path after `/predict/` in which `*` stands for a segment.

    Made of the authorizer's context alone: whoever holds one has been let in.
    """

    __slots__ = ("_grants", "key_id", "name")

    def __init__(self, context: Mapping[str, object], *, now: float) -> None:
        """When the outcome is not `ok`, or has expired: Unauthorized.

        When credentials could not be checked: AuthUnavailable. A policy is cached by API Gateway
        for longer than a credential may be good, so `expires` is looked at again here.
        """
        outcome = context.get("outcome")
        if outcome == UNAVAILABLE:
            raise AuthUnavailable
        expires = str(context.get("expires") or "")
        if outcome != OK or (expires and now >= int(expires)):
            raise Unauthorized
        self.name = str(context["principal"])
        self.key_id = str(context.get("key_id") or "") or None
        self._grants = [grant.split("/") for grant in str(context["grants"]).split()]

    def may_call(self, path: str) -> bool:
        """Whether a grant covers the path; a lone `*` covers everything."""
        segments = path.split("/")
        return any(grant == [EVERYTHING] or _covers(grant, segments) for grant in self._grants)

    def visible(self, model: Model) -> dict[str, dict[str, object]] | None:
        """What this principal may give the model's parameters, as `GET /models` shows it.

        None when no grant lets it call the model at all.
        """
        grants = [values for grant in self._grants if (values := _values(grant, model)) is not None]
        if not grants:
            return None
        return {
            parameter.name: _described(parameter, [values[position] for values in grants])
            for position, parameter in enumerate(model.parameters)
        }


def _covers(grant: list[str], segments: list[str]) -> bool:
    """Segment by segment; a grant covers nothing deeper than itself."""
    return len(grant) == len(segments) and all(
        pattern in (EVERYTHING, segment) for pattern, segment in zip(grant, segments, strict=True)
    )


def _values(grant: list[str], model: Model) -> list[str] | None:
    """The parameters' values that a grant allows, `*` for any; None if it is for other models."""
    if grant == [EVERYTHING]:
        return [EVERYTHING] * len(model.parameters)
    first, *values = grant
    named = model.name.partition("/")[0]
    if first not in (EVERYTHING, named) or len(values) != len(model.parameters):
        return None
    for parameter, value in zip(model.parameters, values, strict=True):
        if value != EVERYTHING and not parameter.rule.admits(value):
            return None
    return values


def _described(parameter: Parameter, granted: list[str]) -> dict[str, object]:
    if EVERYTHING in granted:
        return parameter.rule.described()
    return {"one_of": sorted(set(granted))}
