"""The caller of a request, and grants: which models the caller may call.

A grant is a path after `/predict/` in which `*` stands for one segment. A lone `*` covers every
model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import AuthUnavailable, Unauthorized
from chalicelib.routing.parameters import MOST_PARAMETERS, is_value
from chalicelib.routing.targets import is_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.table import Model

EVERYTHING = "*"
OK, UNAUTHORIZED, UNAVAILABLE = "ok", "unauthorized", "unavailable"

GRANT_RULE = (
    "a model's name and up to two parameters, divided by '/', each of which may be '*', "
    "as in house-price/*"
)


def is_grant(text: str) -> bool:
    """Whether the text is a grant that could cover the path of a model.

    A grant holds no space, so that several grants can be written with spaces between them.
    """
    first, *parameters = text.split("/")
    return (
        len(parameters) <= MOST_PARAMETERS
        and (first == EVERYTHING or (is_name(first) and first == first.lower()))
        and all(value == EVERYTHING or is_value(value) for value in parameters)
    )


class Principal:
    """A caller whose credential is good, with its grants.

    A principal can only be built from the authorizer's context, so code that receives one does not
    check the credential again.
    """

    __slots__ = ("_grants", "key_id", "name")

    def __init__(self, context: Mapping[str, object], *, now: float) -> None:
        """Read the authorizer's context.

        API Gateway may keep the context for longer than the credential is good, so `expires` is
        checked here.

        Args:
            now: The seconds since the epoch.

        Raises:
            Unauthorized: The outcome is not `ok`, or the credential has expired.
            AuthUnavailable: The credential could not be checked.
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
        """Whether a grant covers the path."""
        segments = path.split("/")
        return any(grant == [EVERYTHING] or _covers(grant, segments) for grant in self._grants)

    def visible(self, model: Model) -> dict[str, dict[str, object]] | None:
        """Return the values that this caller may give to the model's parameters.

        Returns:
            A description by parameter, as `GET /models` shows it; None if no grant covers the
            model.
        """
        grants = [values for grant in self._grants if (values := _values(grant, model)) is not None]
        if not grants:
            return None
        return {
            parameter.name: _described(parameter, [values[position] for values in grants])
            for position, parameter in enumerate(model.parameters)
        }


def _covers(grant: list[str], segments: list[str]) -> bool:
    """Whether the grant covers a path of exactly as many segments."""
    return len(grant) == len(segments) and all(
        pattern in (EVERYTHING, segment) for pattern, segment in zip(grant, segments, strict=True)
    )


def _values(grant: list[str], model: Model) -> list[str] | None:
    """Return the values that a grant allows, `*` for any; None if it is for other models."""
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
