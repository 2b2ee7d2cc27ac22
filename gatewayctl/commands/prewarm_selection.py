"""Chooses the models that `gatewayctl prewarm` calls."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import InvalidParameter, quoted
from chalicelib.routing.parameters import OneOf
from gatewayctl import tables
from gatewayctl.account.accounts import NotRead
from gatewayctl.account.artifacts import misfit
from gatewayctl.account.covered import covered
from gatewayctl.account.target_models import TargetModels, path_of
from gatewayctl.commands.prewarm_candidates import Candidate
from gatewayctl.report import NotReachable, WrongUse
from gatewayctl.target_names import title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Match, Model, RoutingTable
    from gatewayctl.account.accounts import Accounts
    from gatewayctl.account.covered import Covered

MOST_OF_A_PATTERN = 200
"""More than the memory of most endpoints holds: loading more unloads the first ones again."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The models to load, and notes about those that are left out."""

    candidates: Sequence[Candidate]
    notes: Sequence[str]


class Named(NamedTuple):
    """A path to be called, and the name of the target that is called for it."""

    path: str
    target: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The paths of one target of an entry, and notes about them."""

    called: Sequence[Named] = ()
    notes: Sequence[str] = ()
    is_unknown: bool = False
    """Whether the paths could not be listed at all."""


class PatternLister:
    """Lists the artifacts of entries with a pattern in the accounts.

    Args:
        most: How many artifacts of one target are chosen.
    """

    def __init__(self, accounts: Accounts, most: int) -> None:
        self._accounts = accounts
        self._most = most

    def calls(self, model: Model, of: NamedTarget) -> Listing:
        """Return the paths of the artifacts that exist, in their order."""
        wanted = TargetModels.of(model, of.target)
        if wanted is None:
            return _unknown(model, of, "it has no target_model")
        try:
            account = self._accounts.at(of.target.place)
            if isinstance(account, NotRead):
                return _unknown(model, of, account.reason)
            found = covered(model, of, wanted, account)
        except NotReachable as error:
            return _unknown(model, of, str(error))
        if not found.prefixes:
            return _unknown(model, of, "; ".join(found.unread))
        return self._listing(found, of.name)

    def _listing(self, found: Covered, target: str | None) -> Listing:
        notes = [f"{found.model}: some are left out: {reason}" for reason in found.unread]
        paths = sorted(found.artifacts)
        if not paths:
            notes.append(f"{found.model}: no artifact of {', '.join(found.prefixes)} fits it")
        if len(paths) > self._most:
            notes.append(
                f"{found.model}: {len(paths):,} artifacts fit it, and the first {self._most:,} are "
                f"called; to call others, name them, as in prewarm {paths[-1]}, or give --most"
            )
        return Listing([Named(path, target) for path in paths[: self._most]], notes)


def _unknown(model: Model, of: NamedTarget, reason: str) -> Listing:
    values = {
        one.name: min(one.rule.values) if isinstance(one.rule, OneOf) else one.name.upper()
        for one in model.parameters
    }
    note = (
        f"{title(model.name, of.name)} has a pattern, and its artifacts cannot be listed: "
        f"{reason}; name the one to load: prewarm {path_of(model, values)}"
    )
    return Listing(notes=[note], is_unknown=True)


def select(
    table: RoutingTable,
    names: Sequence[str],
    file: str,
    list_pattern: Callable[[Model, NamedTarget], Listing],
) -> Selection:
    """Return the targets of these models; without names, all targets that have a TargetModel.

    Of one model, the lightest comes first, because a new artifact has little weight at first.

    Args:
        names: Paths as after `/predict/`, or names of entries.
        file: The name of the table's file in messages.
        list_pattern: Lists the paths of one target of an entry with a pattern.

    Raises:
        WrongUse: There is no model with one of the names.
        NotReachable: An entry with one of the names has a pattern and cannot be listed.
    """
    if names:
        listings = [one for name in names for one in _named(name, table, file, list_pattern)]
        for one in listings:
            if one.is_unknown:
                raise NotReachable(" ".join(one.notes))
        return _resolved(table, listings, [])
    listings = [
        _listing(model, one, list_pattern)
        for model in table.models()
        for one in reversed(model.targets)
        if "TargetModel" in one.invoke_args
    ]
    notes = [] if listings else [f"no model of {file} has a target_model; name the models to load"]
    return _resolved(table, listings, notes)


def _resolved(table: RoutingTable, listings: Sequence[Listing], notes: Sequence[str]) -> Selection:
    candidates = []
    notes = [*notes, *chain.from_iterable(one.notes for one in listings)]
    for path, name in dict.fromkeys(chain.from_iterable(one.called for one in listings)):
        try:
            resolved = table.resolve(path)
        except InvalidParameter as error:  # each value is valid, but together they are too long
            notes.append(f"{title(path, name)} is left out: {error}")
        else:
            (target,) = [one for one in resolved.targets if one.name == name]
            candidates.append(Candidate(path, resolved.model, target))
    return Selection(candidates, [*notes, *filter(None, map(_doubt, candidates))])


def _doubt(candidate: Candidate) -> str | None:
    """Return a note about a model whose target is an object that is no artifact."""
    name = candidate.target.invoke_args.get("TargetModel")
    why = None if name is None else misfit(name)
    return why and f"{candidate.title} is called with {quoted(name or '')}, an object {why}"


def _named(
    name: str,
    table: RoutingTable,
    file: str,
    list_pattern: Callable[[Model, NamedTarget], Listing],
) -> list[Listing]:
    """Return the path itself, or all paths of the entry with this name, for each target."""
    found = tables.find(table, name, file)
    if found.model.target.is_async:
        raise WrongUse(
            f"{found.model.name} is of kind async, whose endpoint answers no call and loads no "
            "artifact; to start its instances, send it a job"
        )
    targets = found.model.targets[::-1]
    if found.model.name != name:
        _check(found)
        return [Listing([Named(name, one.name) for one in targets])]
    return [_listing(found.model, one, list_pattern) for one in targets]


def _check(found: Match) -> None:
    try:
        found.resolve()
    except InvalidParameter as error:
        meant = tables.corrected(found)
        advice = f" Did you mean {meant}?" if meant else ""
        raise WrongUse(f"{found.model.name}: {error}{advice}") from None


def _listing(
    model: Model, of: NamedTarget, list_pattern: Callable[[Model, NamedTarget], Listing]
) -> Listing:
    """Return every path of a model, for one of its targets."""
    lists = [one.rule.values for one in model.parameters if isinstance(one.rule, OneOf)]
    if len(lists) < len(model.parameters):
        return list_pattern(model, of)
    return Listing([Named(path, of.name) for path in _paths(model, map(sorted, lists))])


def _paths(model: Model, lists: Iterable[Sequence[str]]) -> Iterator[str]:
    names = [parameter.name for parameter in model.parameters]
    for values in product(*lists):
        yield path_of(model, dict(zip(names, values, strict=True)))
