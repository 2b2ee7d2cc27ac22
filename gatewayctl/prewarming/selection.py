"""Which models are touched, and what each is sent."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING

from chalicelib.errors import InvalidParameter, UnknownModel, closest, quoted
from chalicelib.payload.admission import InferenceRequest
from chalicelib.routing.parameters import OneOf
from gatewayctl.command import WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.table import Match, Model, ResolvedModel, RoutingTable


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model to be touched, by its path after `/predict/`."""

    path: str
    resolved: ResolvedModel

    @property
    def endpoint(self) -> str:
        return self.resolved.target.endpoint

    def invoke_args(self) -> dict[str, object]:
        """What InvokeEndpoint is called with."""
        return {**self.resolved.target.invoke_args(), **_request(self.resolved.model).invoke_args()}


@dataclass(frozen=True, slots=True)
class Selection:
    """The models that are touched, and notes about those that are not."""

    candidates: Sequence[Candidate]
    notes: Sequence[str]


def select(table: RoutingTable, names: Sequence[str], file: str) -> Selection:
    """What the names stand for; without any, every target that has a TargetModel.

    A name that stands for nothing: `WrongUse`.
    """
    if names:
        return _resolved(table, chain.from_iterable(_named(n, table, file) for n in names), [])
    models = [model for model in table.models() if "TargetModel" in model.target.invoke_args()]
    notes = [_way_out(model) for model in models if _open(model)]
    if not models:
        notes.append(f"no model of {file} has a target_model; name others to touch them")
    paths = chain.from_iterable(_paths(model) for model in models if not _open(model))
    return _resolved(table, paths, notes)


def _resolved(table: RoutingTable, paths: Iterable[str], notes: list[str]) -> Selection:
    candidates = []
    for path in dict.fromkeys(paths):
        try:
            candidates.append(Candidate(path, table.resolve(path)))
        except InvalidParameter as error:  # values that are right, but make no artifact's name
            notes.append(f"{path} is left out: {error}")
    return Selection(candidates, notes)


def _named(name: str, table: RoutingTable, file: str) -> Iterator[str]:
    """The paths that are meant by a path, or by the name of an entry."""
    try:
        found = table.find(name)
    except UnknownModel:
        meant = _meant_model(name, [model.name for model in table.models()])
        advice = f"did you mean {meant}?" if meant else f"write it as in {file} or after /predict/"
        raise WrongUse(f"there is no model {quoted(name)} in {file}; {advice}") from None
    if found.model.name != name:
        _check(found)
        return iter([name])
    if _open(found.model):
        raise WrongUse(_way_out(found.model))
    return _paths(found.model)


def _meant_model(name: str, known: Sequence[str]) -> str | None:
    first, *_ = name.split("/")
    same = [one for one in known if one.split("/")[0] == first]
    return next(iter(same), closest(name, known))


def _check(found: Match) -> None:
    try:
        found.resolve()
    except InvalidParameter as error:
        pairs = zip(found.values, found.model.parameters, strict=True)
        meant = [_meant(value, parameter) for value, parameter in pairs]
        other = all(meant) and meant != list(found.values)
        advice = f" Did you mean {_path(found.model, meant)}?" if other else ""
        raise WrongUse(f"{found.model.name}: {error}{advice}") from None


def _meant(value: str, parameter: Parameter) -> str | None:
    if parameter.rule.admits(value):
        return value
    return closest(value, parameter.rule.values) if isinstance(parameter.rule, OneOf) else None


def _open(model: Model) -> bool:
    """Whether nobody can tell which values its parameters may have."""
    return not all(isinstance(parameter.rule, OneOf) for parameter in model.parameters)


def _paths(model: Model) -> Iterator[str]:
    """Every path of a model, all of whose parameters have a list of values."""
    values = [sorted(p.rule.values) for p in model.parameters if isinstance(p.rule, OneOf)]
    return (_path(model, chosen) for chosen in product(*values))


def _path(model: Model, values: Iterable[str | None]) -> str:
    first, *_ = model.name.split("/")
    return "/".join((first, *filter(None, values)))


def _way_out(model: Model) -> str:
    values = [
        min(p.rule.values) if isinstance(p.rule, OneOf) else p.name.upper()
        for p in model.parameters
    ]
    return (
        f"{model.name} has a pattern, so nobody can list what it stands for; "
        f"name what you want: prewarm {_path(model, values)}"
    )


def _request(model: Model) -> InferenceRequest:
    """The example; else as little as there can be of the first type that the model takes.

    An artifact is loaded before its container looks at what it is sent.
    """
    json_types = [one for one in model.content_types if _is_json(one)]
    if model.example is not None and json_types:
        return InferenceRequest(model.example.encode(), json_types[0])
    first = model.content_types[0]
    return InferenceRequest(b"{}" if _is_json(first) else b"", first)


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")
