"""The caller of a request, and grants: which models the caller may call.

A grant is a path after `/predict/` in which `*` stands for one segment. A lone `*` covers every
model.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from chalicelib.errors import AuthUnavailable, BadRequest, InvalidParameter, Unauthorized
from chalicelib.routing.parameters import MOST_PARAMETERS, OneOf, Parameter, is_value
from chalicelib.routing.table import Match, row_key
from chalicelib.routing.targets import is_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from chalicelib.routing.table import Model

    Tree = dict[str, Any]
    """The values of grants, level by level: `{"de": {"en": {}, "*": {}}}`."""

EVERYTHING = "*"
OK, UNAUTHORIZED, UNAVAILABLE = "ok", "unauthorized", "unavailable"
CREDENTIAL_REQUEST_ID = "credential_request_id"
"""The member of the authorizer's context that leads to the authorizer's line of log."""

_TIME = re.compile("[0-9]{0,15}")
"""Seconds since the epoch; empty for a credential that does not expire."""

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
            BadRequest: The outcome is `ok` in a context that the authorizer cannot have made.
        """
        outcome = context.get("outcome")
        if outcome == UNAVAILABLE:
            raise AuthUnavailable
        if outcome != OK:
            raise Unauthorized
        expires = _text(context, "expires", default="")
        if not _TIME.fullmatch(expires):
            raise BadRequest("requestContext.authorizer.expires is no time")
        if expires and now >= int(expires):
            raise Unauthorized
        self.name = _text(context, "principal")
        self.key_id = _text(context, "key_id", default="") or None
        self._grants = frozenset(_text(context, "grants").split())

    def may_call(self, path: str) -> bool:
        """Whether a grant covers the path. The steps depend on neither the table nor the grants."""
        segments = path.split("/")
        if EVERYTHING in self._grants or len(segments) > 1 + MOST_PARAMETERS:
            return EVERYTHING in self._grants
        forms = product(*((segment, EVERYTHING) for segment in segments))
        return not self._grants.isdisjoint(map("/".join, forms))

    def granted_models(self) -> GrantedModels:
        """Return what `GET /models` shows to this caller."""
        return GrantedModels(self._grants)


def _text(context: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = context.get(name)
    if value is None:
        value = default
    if not isinstance(value, str):
        raise BadRequest(f"requestContext.authorizer.{name} is no text")
    return value


class GrantedModels:
    """The models that grants cover, and the values that they allow for the models' parameters.

    The grants are sorted once by the models that they are for. So the cost of a list is that of its
    models and of the grants, and not their product.
    """

    def __init__(self, grants: Set[str]) -> None:
        self._is_everything = EVERYTHING in grants
        self._trees: dict[str, Tree] = {}
        for grant in grants:
            first, *values = grant.split("/")
            tree = self._trees.setdefault(row_key(first, len(values)), {})
            for value in values:
                tree = tree.setdefault(value, {})
        self._of_any_model: dict[tuple[object, ...], list[tuple[str, ...]]] = {}

    def row_keys(self) -> Set[str] | None:
        """Return the keys of the only rows that a grant can be for; None if that is any row."""
        if any(key.startswith(EVERYTHING) for key in self._trees):
            return None
        return self._trees.keys()

    def keys_of(self, first: str) -> list[str]:
        """Return the keys of the only rows with this first segment that a grant can be for."""
        keys = []
        for count in range(MOST_PARAMETERS + 1):
            key, of_any = row_key(first, count), row_key(EVERYTHING, count)
            if self._is_everything or key in self._trees or of_any in self._trees:
                keys.append(key)
        return keys

    def values(self, model: Model) -> dict[str, dict[str, object]] | None:
        """Return the values that the caller may give to the model's parameters.

        Returns:
            A description by parameter, as `GET /models` shows it; None if no grant covers the
            model.
        """
        narrowed = self.narrowed(model)
        if narrowed is None:
            return None
        return {parameter.name: parameter.rule.described() for parameter in narrowed.parameters}

    def narrowed(self, model: Model) -> Model | None:
        """Return the model with the parameter values that the caller may use; None for no grant."""
        if self._is_everything:
            return model
        granted = self._granted(model.name.partition("/")[0], model.parameters)
        if not granted:
            return None
        if not model.parameters:
            return model
        values = map(frozenset, zip(*granted, strict=True))
        return replace(model, parameters=tuple(map(_narrowed, model.parameters, values)))

    def example_path(self, model: Model) -> str | None:
        """Return a path of the model that the caller may call; None if no such path is known."""
        first, parameters = model.name.partition("/")[0], model.parameters
        anything = [(EVERYTHING,) * len(parameters)]
        granted = anything if self._is_everything else self._granted(first, parameters)
        known = (_known_values(parameters, values) for values in granted)
        for values in sorted(values for values in known if values is not None):
            with suppress(InvalidParameter):  # together they may be too long
                Match(model, values).resolve()
                return "/".join([first, *values])
        return None

    def _granted(self, first: str, parameters: Sequence[Parameter]) -> list[tuple[str, ...]]:
        """Return the combinations of values that grants on this model or on any model allow."""
        rules = tuple(parameter.rule for parameter in parameters)
        of_any = self._of_any_model.get(rules)
        if of_any is None:  # kept, because many models have the same rules
            tree = self._trees.get(row_key(EVERYTHING, len(parameters)))
            of_any = [] if tree is None else list(_allowed(tree, parameters))
            self._of_any_model[rules] = of_any
        tree = self._trees.get(row_key(first, len(parameters)))
        return of_any if tree is None else [*of_any, *_allowed(tree, parameters)]


def _allowed(tree: Tree, parameters: Sequence[Parameter]) -> Iterator[tuple[str, ...]]:
    """Yield each combination of values in the tree that the parameters' rules allow."""
    if not parameters:
        yield ()
        return
    first, *others = parameters
    allowed = [value for value in first.rule.admitted(tree.keys()) if value != EVERYTHING]
    for value in [*allowed, *(tree.keys() & {EVERYTHING})]:
        for rest in _allowed(tree[value], others):
            yield (value, *rest)


def _known_values(
    parameters: Sequence[Parameter], granted: Sequence[str]
) -> tuple[str, ...] | None:
    """Return values that a grant allows; None if none is known in the place of a `*`."""
    values = []
    for parameter, value in zip(parameters, granted, strict=True):
        known = parameter.rule.example() if value == EVERYTHING else value
        if known is None:
            return None
        values.append(known)
    return tuple(values)


def _narrowed(parameter: Parameter, granted: frozenset[str]) -> Parameter:
    return parameter if EVERYTHING in granted else Parameter(parameter.name, OneOf(granted))
