"""The routing table: which model a path means, and where that model lives.

A table keeps the checked rows of `routing.yaml` and makes a `Model` of a row when it is first
asked for, so that ten thousand models cost a start nothing. Finding one is a single look-up:

    "house-price/houston"  ─►  "house-price/*"  ─►  Found  ─►  Resolved
                               key of the row       (grant)    parameters checked, target filled
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from chalicelib.errors import InvalidParameter, UnknownModel
from chalicelib.routing.parameters import parameter
from chalicelib.routing.targets import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.targets import Target

ColdStart = Literal["refuse", "wait"]


class Options(TypedDict, total=False):
    """What a model or the table's `defaults` may say about calling a model."""

    timeout_seconds: float
    max_attempts: int
    content_types: list[str]
    accepts: list[str]
    cold_start: ColdStart
    pass_headers: list[str]
    return_headers: list[str]
    expose_model_errors: bool


class Row(Options, total=False):
    """One entry of `models` as it is stored: checked, and without the defaults."""

    kind: str
    target: dict[str, str]
    parameters: dict[str, dict[str, Any]]
    description: str
    example: str


BUILT_IN: Options = {
    "timeout_seconds": 25,
    "max_attempts": 2,
    "content_types": ["application/json"],
    "cold_start": "refuse",
    "pass_headers": [],
    "return_headers": [],
    "expose_model_errors": False,
}


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of the table, defaults applied."""

    name: str
    target: Target
    parameters: tuple[Parameter, ...]
    description: str | None
    content_types: tuple[str, ...]
    accepts: tuple[str, ...]
    example: str | None
    """JSON text, because a list or a mapping would not stay as it was read."""
    timeout_seconds: float
    max_attempts: int
    cold_start: ColdStart
    pass_headers: tuple[str, ...]
    return_headers: tuple[str, ...]
    expose_model_errors: bool


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model, and the target that one request's parameters make of it."""

    model: Model
    target: Target
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """The model that a path names; whether its parameters are right is not decided yet."""

    model: Model
    values: tuple[str, ...]

    def resolve(self) -> Resolved:
        """Check the parameters; `InvalidParameter` says which one is wrong."""
        values = {}
        for declared, value in zip(self.model.parameters, self.values, strict=True):
            declared.check(value)
            values[declared.name] = value
        try:
            return Resolved(self.model, self.model.target.filled(values), values)
        except ValueError as error:
            raise InvalidParameter(
                " and ".join(values), "/".join(self.values), "what the name of an artifact can hold"
            ) from error


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """All models, and the SHA-256 of the YAML they were read from."""

    digest: str
    defaults: Options
    rows: Mapping[str, Row] = field(repr=False)
    """By `row_key`, in the order of the models' names."""
    allow_shrink: bool = False
    _made: dict[str, Model] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, path: str) -> Found:
        """The model that a path after `/predict/` names, or `UnknownModel`."""
        first, *values = path.split("/")
        key = row_key(first, len(values))
        if key not in self.rows:
            raise UnknownModel(path)
        return Found(self._model(key), tuple(values))

    def resolve(self, path: str) -> Resolved:
        """Model and target of a path, for those who need no grant in between."""
        return self.find(path).resolve()

    def models(self, *, after: str = "") -> Iterator[Model]:
        """All models in the order of their names, from the first that comes after a name."""
        for key, row in self.rows.items():
            if _name(key, row) > after:
                yield self._model(key)

    # Two threads may both make the same model; they make equal ones, and the last is kept.
    def _model(self, key: str) -> Model:
        model = self._made.get(key)
        if model is None:
            row = self.rows[key]
            model = self._made[key] = _model(_name(key, row), row, self.defaults)
        return model


def row_key(first: str, parameters: int) -> str:
    """What no two entries may share: the first segment and the number of segments."""
    return first + "/*" * parameters


def _name(key: str, row: Row) -> str:
    first, *_ = key.split("/", 1)
    return "/".join([first, *(f"{{{name}}}" for name in row.get("parameters", {}))])


def _model(name: str, row: Row, defaults: Options) -> Model:
    options: Row = {**BUILT_IN, **defaults, **row}
    return Model(
        name=name,
        target=KINDS[row["kind"]](**row["target"]),
        parameters=tuple(parameter(*item) for item in row.get("parameters", {}).items()),
        description=row.get("description"),
        content_types=tuple(options["content_types"]),
        accepts=tuple(options.get("accepts", options["content_types"])),
        example=row.get("example"),
        timeout_seconds=options["timeout_seconds"],
        max_attempts=options["max_attempts"],
        cold_start=options["cold_start"],
        pass_headers=tuple(options["pass_headers"]),
        return_headers=tuple(options["return_headers"]),
        expose_model_errors=options["expose_model_errors"],
    )
