"""The routing table: which model a path names, and which target the model has.

A table keeps the checked rows of `routing.yaml`. It builds a `Model` from a row when that model is
first requested, so that a start costs the same with ten models and with ten thousand:

    "house-price/houston"  ─►  "house-price/*"  ─►  Match  ─►  ResolvedModel
                               key of the row       (grant)    parameters checked, target filled
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from chalicelib.errors import InvalidParameter, RoutingUnavailable, UnknownModel
from chalicelib.routing.headers import is_json
from chalicelib.routing.parameters import Pattern, parameter
from chalicelib.routing.targets import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.targets import Target

    Row = Mapping[str, Any]
    """One checked entry of `models` without the defaults: its options as written, `target` (the
    keys of its kind), `parameters` (in the order of the name), `kind`, `description`, `example`."""


class Example(NamedTuple):
    """A request body that a model takes, and its media type."""

    body: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of the table, with the defaults applied.

    The keyword-only fields are options, which the table's `defaults` may set too.
    """

    name: str
    target: Target
    parameters: tuple[Parameter, ...] = ()
    description: str | None = None
    example: str | None = None
    """JSON text, because a list or a mapping could be changed."""

    _: KW_ONLY
    timeout_seconds: float = 25
    max_attempts: int = 2
    content_types: tuple[str, ...] = ("application/json",)
    accepts: tuple[str, ...] = ()
    """What the model can answer: its `content_types`, unless its row says something else."""

    cold_start: Literal["refuse", "wait"] = "refuse"
    pass_headers: tuple[str, ...] = ()
    return_headers: tuple[str, ...] = ()
    expose_model_errors: bool = False

    def example_request(self) -> Example | None:
        """Return the example as a request; None if there is none, or if no type can carry it.

        A text is sent as it stands if the first of the content types is not JSON. Everything else
        is JSON, and is sent in the first type that is JSON.
        """
        if self.example is None:
            return None
        first, *_ = self.content_types
        if self.example.startswith('"') and not is_json(first):
            return Example(json.loads(self.example), first)
        found = next(filter(is_json, self.content_types), None)
        return None if found is None else Example(self.example, found)

    @classmethod
    def built_in(cls) -> dict[str, Any]:
        """Return the value of each option that neither a row nor the table's `defaults` set."""
        options = {option.name: option.default for option in fields(cls) if option.kw_only}
        del options["accepts"]  # by default the same as `content_types`
        return {key: list(v) if isinstance(v, tuple) else v for key, v in options.items()}

    @classmethod
    def from_row(cls, name: str, row: Row, defaults: Row) -> Model:
        """Build the model of a row; the table's defaults apply to options that it leaves out."""
        values = {**defaults, **row}
        kind, target, parameters = (values.pop(key, {}) for key in ("kind", "target", "parameters"))
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        values.setdefault("accepts", values.get("content_types", ("application/json",)))
        return cls(
            name,
            KINDS[kind](**target),
            tuple(parameter(*item) for item in parameters.items()),
            **values,
        )


_TYPES = {
    **{key: type(value) for key, value in Model.built_in().items()},
    **{"timeout_seconds": float, "accepts": list, "kind": str, "target": dict, "parameters": dict},
    **{"description": str, "example": str, "one_of": list, "pattern": str},
}
"""The type of each key of a row, and of a parameter's rule."""


def _check_types(row: Row) -> None:
    """Check the types of a row that the parser may not have made, and what is read from its texts.

    Raises:
        KeyError: There is no such key.
        TypeError: A value has another type, or a list of a parameter's values is empty.
        ValueError: The example is not JSON.
    """
    for key, value in row.items():
        kind = float if key == "timeout_seconds" and type(value) is int else type(value)
        if kind is not _TYPES[key]:
            raise TypeError(key)
        if kind is list and not all(type(item) is str for item in value):
            raise TypeError(key)
        if key == "one_of" and not value:
            raise TypeError(key)
        if key == "example":
            json.loads(value)


# Named tuples, because every request makes one of each, and a start would build dataclasses more
# slowly.
class ResolvedModel(NamedTuple):
    """A model, and the target after the parameters of one request are filled in."""

    model: Model
    target: Target
    invoke_args: Mapping[str, str]
    """The arguments of InvokeEndpoint that name the target."""

    parameters: Mapping[str, str]

    def free_values(self) -> dict[str, str]:
        """Return the values that a `pattern` let through: the table does not list them."""
        return {
            declared.name: self.parameters[declared.name]
            for declared in self.model.parameters
            if isinstance(declared.rule, Pattern)
        }


class Match(NamedTuple):
    """The model that a path names, before the values of its parameters are checked."""

    model: Model
    values: tuple[str, ...]

    def resolve(self) -> ResolvedModel:
        """Check the parameters and fill in the target.

        Raises:
            InvalidParameter: A value breaks its parameter's rule.
        """
        values = {}
        for declared, value in zip(self.model.parameters, self.values, strict=True):
            declared.check(value)
            values[declared.name] = value
        try:
            target = self.model.target.filled(values)
        except ValueError as error:
            raise InvalidParameter(
                " and ".join(values), "/".join(self.values), "what the name of an artifact can hold"
            ) from error
        return ResolvedModel(self.model, target, target.invoke_args(), values)


class CompiledRows(Mapping[str, "Row"]):
    """The rows of a compiled form, as JSON. A row is decoded when it is first needed."""

    def __init__(self, texts: dict[str, Any]) -> None:
        self._rows = texts

    def __getitem__(self, key: str) -> Row:
        row = self._rows[key]
        if isinstance(row, str):
            row = self._rows[key] = json.loads(row)
        return cast("Row", row)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """All models, and the SHA-256 of the YAML that they were read from."""

    digest: str
    defaults: Row
    rows: Mapping[str, Row] = field(repr=False)
    """By `row_key`, in the order of the models' names."""
    allow_shrink: bool = False
    is_compiled: bool = field(default=False, compare=False)
    """Whether the rows come from the compiled form, whose rows are checked when they are needed."""
    misfits: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """The keys of compiled rows that the parser cannot have made. The table's source then reads the
    YAML, so that the refusals end."""
    _models: dict[str, Model] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, path: str) -> Match:
        """Return the model that a path after `/predict/` names.

        Raises:
            UnknownModel: The table has no such model.
        """
        first, *values = path.split("/")
        key = row_key(first, len(values))
        if key not in self.rows:
            raise UnknownModel(path)
        return Match(self._model(key), tuple(values))

    def resolve(self, path: str) -> ResolvedModel:
        """Return the model and target of a path, for callers that check no grant.

        Raises:
            UnknownModel: The table has no such model.
            InvalidParameter: A parameter in the path breaks its rule.
        """
        return self.find(path).resolve()

    def models(self, *, after: str = "", keys: Collection[str] | None = None) -> Iterator[Model]:
        """Iterate over the models in the order of their names, after the given name.

        Args:
            after: A name, which need not be there.
            keys: The only rows that are looked at, if they are there.
        """
        named: Iterable[tuple[str, str]]
        if keys is None:
            named = ((self._name(key), key) for key in self.rows)
        else:
            named = sorted((self._name(key), key) for key in keys if key in self.rows)
        for name, key in named:
            if name > after:
                yield self._model(key)

    # Two threads may build the same model at once. The two are equal, and the last one is kept.
    def _model(self, key: str) -> Model:
        model = self._models.get(key)
        if model is None:
            try:
                row = self.rows[key]
                if self.is_compiled:
                    self._check(key, row)
                model = self._models[key] = Model.from_row(self._name(key), row, self.defaults)
            except _MISFITS as error:
                raise self._misfit(key, error) from None
        return model

    def _name(self, key: str) -> str:
        if "/" not in key:
            return key
        try:
            parameters = self.rows[key]["parameters"]
            return "/".join([key.partition("/")[0], *(f"{{{name}}}" for name in parameters)])
        except _MISFITS as error:
            raise self._misfit(key, error) from None

    def _check(self, key: str, row: Row) -> None:
        parameters = row.get("parameters", {})
        for part in (self.defaults, row, *parameters.values()):
            _check_types(part)
        if set(map(type, row["target"].values())) != {str} or len(parameters) != key.count("/"):
            raise TypeError(key)

    def _misfit(self, key: str, error: Exception) -> Exception:
        """Return the error of a row that cannot be used; it is a bug unless the row is compiled."""
        if not self.is_compiled:
            return error
        self.misfits.add(key)
        return RoutingUnavailable()


_MISFITS = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


def row_key(first: str, parameters: int) -> str:
    """Return the key that no two entries may share: first segment and number of segments."""
    return first + "/*" * parameters
