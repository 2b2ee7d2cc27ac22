"""Chooses the models that `gatewayctl prewarm` calls."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING

from chalicelib.errors import InvalidParameter, UnknownModel, closest, quoted
from chalicelib.routing.parameters import OneOf
from gatewayctl import tables
from gatewayctl.account.artifacts import misfit
from gatewayctl.account.covered import covered
from gatewayctl.account.target_models import TargetModels, path_of
from gatewayctl.commands.prewarm_calls import Candidate
from gatewayctl.report import NotReachable, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.routing.table import Match, Model, RoutingTable
    from gatewayctl.account.reader import AccountReader

MOST_OF_A_PATTERN = 200
"""More than the memory of most endpoints holds: loading more unloads the first ones again."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The models to load, and notes about those that are left out."""

    candidates: Sequence[Candidate]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Listing:
    """The paths of an entry with a pattern, and notes about them."""

    paths: Sequence[str] = ()
    notes: Sequence[str] = ()
    is_unknown: bool = False
    """Whether the paths could not be listed at all."""


class PatternLister:
    """Lists the artifacts of entries with a pattern in the account.

    Args:
        most: How many artifacts of one entry are chosen.
    """

    def __init__(self, account: AccountReader, most: int) -> None:
        self._account = account
        self._most = most

    def paths(self, model: Model) -> Listing:
        """Return the paths of the artifacts that exist, in their order."""
        wanted = TargetModels.of(model)
        if wanted is None:
            return _unknown(model, "it has no target_model")
        try:
            found = covered(model, wanted, self._account)
        except NotReachable as error:
            return _unknown(model, str(error))
        if not found.prefixes:
            return _unknown(model, "; ".join(found.unread))
        notes = [f"{model.name}: some are left out: {reason}" for reason in found.unread]
        paths = sorted(found.artifacts)
        if not paths:
            notes.append(f"{model.name}: no artifact of {', '.join(found.prefixes)} fits it")
        if len(paths) > self._most:
            notes.append(
                f"{model.name}: {len(paths):,} artifacts fit it, and the first {self._most:,} are "
                f"called; to call others, name them, as in prewarm {paths[-1]}, or give --most"
            )
        return Listing(paths[: self._most], notes)


def _unknown(model: Model, reason: str) -> Listing:
    values = {
        one.name: min(one.rule.values) if isinstance(one.rule, OneOf) else one.name.upper()
        for one in model.parameters
    }
    note = (
        f"{model.name} has a pattern, and its artifacts cannot be listed: {reason}; "
        f"name the one to load: prewarm {path_of(model, values)}"
    )
    return Listing(notes=[note], is_unknown=True)


def select(
    table: RoutingTable,
    names: Sequence[str],
    file: str,
    list_pattern: Callable[[Model], Listing],
) -> Selection:
    """Return the models with these names; without names, all models that have a TargetModel.

    Args:
        names: Paths as after `/predict/`, or names of entries.
        file: The name of the table's file in messages.
        list_pattern: Lists the paths of an entry with a pattern.

    Raises:
        WrongUse: There is no model with one of the names.
        NotReachable: An entry with one of the names has a pattern and cannot be listed.
    """
    if names:
        listings = [_named(name, table, file, list_pattern) for name in names]
        for one in listings:
            if one.is_unknown:
                raise NotReachable(" ".join(one.notes))
        return _resolved(table, listings, [])
    models = [model for model in table.models() if "TargetModel" in model.target.invoke_args()]
    notes = [] if models else [f"no model of {file} has a target_model; name the models to load"]
    return _resolved(table, [_listing(model, list_pattern) for model in models], notes)


def _resolved(table: RoutingTable, listings: Sequence[Listing], notes: Sequence[str]) -> Selection:
    candidates = []
    notes = [*notes, *chain.from_iterable(one.notes for one in listings)]
    for path in dict.fromkeys(chain.from_iterable(one.paths for one in listings)):
        try:
            candidates.append(Candidate(path, table.resolve(path)))
        except InvalidParameter as error:  # each value is valid, but together they are too long
            notes.append(f"{path} is left out: {error}")
    return Selection(candidates, [*notes, *filter(None, map(_doubt, candidates))])


def _doubt(candidate: Candidate) -> str | None:
    """Return a note about a model whose target is an object that is no artifact."""
    name = candidate.resolved.invoke_args.get("TargetModel")
    why = None if name is None else misfit(name)
    return why and f"{candidate.path} is called with {quoted(name or '')}, an object {why}"


def _named(
    name: str, table: RoutingTable, file: str, list_pattern: Callable[[Model], Listing]
) -> Listing:
    """Return the path itself, or all paths of the entry with this name."""
    try:
        found = table.find(name)
    except UnknownModel:
        meant = _meant_model(name, [model.name for model in table.models()])
        advice = f"did you mean {meant}?" if meant else f"write it as in {file} or after /predict/"
        raise WrongUse(f"there is no model {quoted(name)} in {file}; {advice}") from None
    if found.model.name != name:
        _check(found)
        return Listing([name])
    return _listing(found.model, list_pattern)


def _meant_model(name: str, known: Sequence[str]) -> str | None:
    first, *_ = name.split("/")
    same = [one for one in known if one.split("/")[0] == first]
    return next(iter(same), closest(name, known))


def _check(found: Match) -> None:
    try:
        found.resolve()
    except InvalidParameter as error:
        meant = tables.corrected(found)
        advice = f" Did you mean {meant}?" if meant else ""
        raise WrongUse(f"{found.model.name}: {error}{advice}") from None


def _listing(model: Model, list_pattern: Callable[[Model], Listing]) -> Listing:
    """Return every path of a model."""
    lists = [one.rule.values for one in model.parameters if isinstance(one.rule, OneOf)]
    if len(lists) < len(model.parameters):
        return list_pattern(model)
    return Listing(list(_paths(model, map(sorted, lists))))


def _paths(model: Model, lists: Iterable[Sequence[str]]) -> Iterator[str]:
    names = [parameter.name for parameter in model.parameters]
    for values in product(*lists):
        yield path_of(model, dict(zip(names, values, strict=True)))
