"""The routing table: which model a path names, and which targets the model has.

A table keeps the checked rows of `routing.yaml`. It builds a `Model` from a row when that model is
first requested, so that a start costs the same with ten models and with ten thousand:

    "house-price/houston"  ─►  "house-price/*"  ─►  Match  ─►  ResolvedModel
                               key of the row       (grant)    parameters checked, targets filled
"""

from __future__ import annotations

import json
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chalicelib.errors import InvalidParameter, RoutingUnavailable, UnknownModel
from chalicelib.routing.headers import is_json
from chalicelib.routing.named_targets import targets_of
from chalicelib.routing.parameters import Pattern, parameter
from chalicelib.routing.rows import check_row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.rows import Row
    from chalicelib.routing.targets import Target


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
    targets: tuple[NamedTarget, ...]
    """At least one; the heaviest first, and of equal weights by name."""

    parameters: tuple[Parameter, ...] = ()
    description: str | None = None
    example: str | None = None
    """JSON text, because a list or a mapping could be changed."""

    sticky: Literal["routing-key", "principal", "session-id"] | None = None
    """What a request is kept at one target by; None if each one is decided by chance."""

    fallback: tuple[str, ...] = ()
    """The names of targets that stand in for one that fails, in this order."""

    _: KW_ONLY
    timeout_seconds: float = 25
    max_attempts: int = 2
    content_types: tuple[str, ...] = ("application/json",)
    accepts: tuple[str, ...] = ()
    """What the model can answer: its `content_types`, unless its row says something else."""

    cold_start: Literal["refuse", "wait"] = "refuse"
    cold_seconds: float = 2
    """How long a target that may be cold is waited for, while a fallback is warm."""

    pass_headers: tuple[str, ...] = ()
    return_headers: tuple[str, ...] = ()
    expose_model_errors: bool = False
    metrics: bool = True
    """Whether there are metrics of this model, and not only the sums."""

    @property
    def target(self) -> Target:
        """The heaviest target."""
        return self.targets[0].target

    @property
    def has_named_targets(self) -> bool:
        """Whether the entry has `targets`, be it only one."""
        return self.targets[0].name is not None

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
        for key in ("kind", "target", "place", "targets"):
            values.pop(key, None)
        parameters = values.pop("parameters", {})
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        values.setdefault("accepts", values.get("content_types", ("application/json",)))
        return cls(
            name,
            targets_of(row),
            tuple(parameter(*item) for item in parameters.items()),
            **values,
        )


_TYPES = {key: type(value) for key, value in Model.built_in().items()}
"""The type of each option."""


# Named tuples, because every request makes one of each, and a start would build dataclasses more
# slowly.
class ResolvedModel(NamedTuple):
    """A model, and its targets after the parameters of one request are filled in."""

    model: Model
    targets: tuple[NamedTarget, ...]
    """All of the model's, the heaviest first; after `ordered`, those that this request tries, in
    this order."""

    parameters: Mapping[str, str]
    chosen: Literal["weight", "sticky"] | None = None
    """How the first one was chosen; None for an entry without `targets`, and before `ordered`."""

    @property
    def target(self) -> Target:
        """The first of the targets."""
        return self.targets[0].target

    @property
    def invoke_args(self) -> Mapping[str, str]:
        """The arguments of InvokeEndpoint that name the first of the targets."""
        return self.targets[0].invoke_args

    def ordered(self, key: str | None) -> ResolvedModel:
        """Return it with the targets in the order in which one request tries them.

        Args:
            key: What keeps the caller at one target; None if there is nothing.
        """
        if not self.model.has_named_targets:
            return self
        from chalicelib.routing.choice import order  # noqa: PLC0415  (few tables need it)

        targets = order(self.model.name, self.targets, self.model.fallback, key)
        return self._replace(targets=targets, chosen="weight" if key is None else "sticky")

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
        """Check the parameters and fill in all targets.

        Raises:
            InvalidParameter: A value breaks its parameter's rule.
        """
        model = self.model
        if not self.values:
            return ResolvedModel(model, model.targets, {})
        values = {}
        for declared, value in zip(model.parameters, self.values, strict=True):
            declared.check(value)
            values[declared.name] = value
        try:
            targets = tuple(one.filled(values) for one in model.targets)
        except ValueError as error:
            raise InvalidParameter(
                " and ".join(values), "/".join(self.values), "what the name of an artifact can hold"
            ) from error
        return ResolvedModel(model, targets, values)


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

    def has(self, path: str) -> bool:
        """Whether there is a row for a path; it is not read."""
        first, *values = path.split("/")
        return row_key(first, len(values)) in self.rows

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
                    check_row(key, row, self.defaults, _TYPES)
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
