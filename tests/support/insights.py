"""Evaluates the saved queries of deployment/queries on log lines, as CloudWatch Logs Insights does.

It knows the commands, functions and operators that the saved queries use, and refuses every other
one: a query that it refuses needs a new rule here, with the page that states the rule. It also
refuses what the documentation leaves open, such as `!=` on a field that an event does not have.

    events(function.log, "/aws/lambda/inference-gateway-dev")  →  run(saved("errors-by-slug"), …)

Source: CloudWatch Logs user guide, "CloudWatch Logs Insights language query syntax".
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    _Evaluate = Callable[["Event"], Any]
    Step = Callable[[list["Event"]], list["Event"]]

QUERIES = ROOT / "deployment/queries"
ROWS = 10_000
"""What a query without `limit` returns at most."""

BIN_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000}
"""The units of `bin`, in milliseconds."""

Event = dict[str, Any]
"""A log event: its fields with `@timestamp`, `@message` and `@log`; members of objects by a dot."""
Row = dict[str, str]
"""A row of the result, as GetQueryResults has it: text only, and no field without a value."""

TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"[^"\\]*") | (?P<number>\d+(?:\.\d+)?) | (?P<operator>!=|<=|>=|[=<>])
        | (?P<sign>[(),|*/\[\]]) | (?P<name>@?[A-Za-z_][A-Za-z0-9_.]*)
    )""",
    re.VERBOSE,
)


class UnknownSyntax(Exception):
    """The query has something that this evaluator does not know."""


class Unspecified(Exception):
    """AWS's documentation does not say what the query gives for this event."""


def saved(name: str, **placeholders: str) -> str:
    """Return a saved query; `request_id="…"` replaces REQUEST-ID."""
    text = (QUERIES / f"{name}.txt").read_text(encoding="utf-8")
    for placeholder, value in placeholders.items():
        written = placeholder.upper().replace("_", "-")
        assert written in text, f"{name} has no {written}"
        text = text.replace(written, value)
    return text


def events(text: str, log: str = "group", first_ms: int = 0) -> list[Event]:
    """Return an event for each line, a millisecond apart; a line that is not JSON has no fields."""
    return [
        {**_fields(line), "@timestamp": first_ms + number, "@message": line, "@log": log}
        for number, line in enumerate(text.splitlines())
    ]


def run(query: str, found: Iterable[Event]) -> list[Row]:
    """Return the rows of a query.

    Raises:
        UnknownSyntax: The query has a command, a function or an operator that is not known here.
        Unspecified: The documentation does not say what the query does with one of the events.
    """
    return _Query(query).rows(found)


def fields_of(query: str) -> set[str]:
    """Return the names of the fields that a query reads, without those that it makes itself."""
    return _Query(query).read


def _fields(line: str) -> Event:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return dict(_flat(document, "")) if isinstance(document, dict) else {}


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in members:
        inner = f"{name}.{key}" if name else str(key)
        if isinstance(member, dict | list):
            yield from _flat(member, inner)
        elif member is not None:
            yield inner, member


@dataclass(frozen=True)
class _Aggregate:
    name: str
    of: Callable[[Sequence[Event]], Any]


class _Query:
    """A parsed query: what its commands do to a list of events."""

    def __init__(self, query: str) -> None:
        lines = [line for line in query.splitlines() if not line.lstrip().startswith("#")]
        self._tokens = _tokens("\n".join(lines))
        self._at = 0
        self._made: set[str] = set()
        self._shown: list[str] = []
        self.read: set[str] = set()
        self._steps = [self._command()]
        while self._taken("|"):
            self._steps.append(self._command())
        if self._next is not None:
            raise UnknownSyntax(f"{self._next!r} after the end of a command")
        self.read -= self._made

    def rows(self, found: Iterable[Event]) -> list[Row]:
        kept = list(found)
        for step in self._steps:
            kept = step(kept)
        shown = self._shown or ["@timestamp", "@message"]
        return [
            {name: _shown(event[name]) for name in shown if name in event} for event in kept[:ROWS]
        ]

    @property
    def _next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        if self._next is None:
            raise UnknownSyntax("the query ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _taken(self, *wanted: str) -> bool:
        if self._next in wanted:
            self._at += 1
            return True
        return False

    def _must(self, wanted: str) -> None:
        if not self._taken(wanted):
            raise UnknownSyntax(f"{wanted!r} is expected, and {self._next!r} is there")

    def _name(self) -> str:
        name = self._take()
        if not re.match(r"@?[A-Za-z_]", name):
            raise UnknownSyntax(f"{name!r} is not a name")
        return name

    def _command(self) -> Step:
        commands = {
            "fields": self._fields_command,
            "filter": self._filter_command,
            "stats": self._stats_command,
            "sort": self._sort_command,
            "limit": self._limit_command,
        }
        name = self._take()
        if name not in commands:
            raise UnknownSyntax(f"the command {name!r}")
        return commands[name]()

    def _fields_command(self) -> Step:
        made: list[tuple[str, _Evaluate]] = []
        while True:
            if _is_call(self._tokens, self._at):
                evaluate = self._value()
                self._must("as")
                made.append((self._name(), evaluate))
                self._shown.append(made[-1][0])
            else:
                self._shown.append(self._field())
            if not self._taken(","):
                break
        self._made |= {name for name, _ in made}
        return lambda kept: [
            {**event, **{name: value for name, of in made if (value := of(event)) is not None}}
            for event in kept
        ]

    def _filter_command(self) -> Step:
        holds = self._either()
        return lambda kept: [event for event in kept if holds(event)]

    def _stats_command(self) -> Step:
        aggregates = [self._aggregate()]
        while self._taken(","):
            aggregates.append(self._aggregate())
        by: list[str] = []
        bins: dict[str, int] = {}
        if self._taken("by"):
            by.append(self._group(bins))
            while self._taken(","):
                by.append(self._group(bins))
        self._shown = [*by, *(aggregate.name for aggregate in aggregates)]
        self._made |= {aggregate.name for aggregate in aggregates} | bins.keys()
        return lambda kept: _grouped([_binned(event, bins) for event in kept], by, aggregates)

    def _group(self, bins: dict[str, int]) -> str:
        """Return the name of a group; one by time is added to the bins, in milliseconds."""
        if self._next != "bin":
            return self._field()
        self._take()
        self._must("(")
        number, unit = int(self._take()), self._take()
        self._must(")")
        self._must("as")
        name = self._name()
        bins[name] = number * BIN_UNITS[unit]
        return name

    def _aggregate(self) -> _Aggregate:
        function = self._name()
        self._must("(")
        if function == "count":
            self._must("*")
            of: Callable[[Sequence[Event]], Any] = len
        else:
            of = self._aggregate_of_field(function)
        self._must(")")
        self._must("as")
        return _Aggregate(self._name(), of)

    def _aggregate_of_field(self, function: str) -> Callable[[Sequence[Event]], Any]:
        field = self._field()
        if function == "pct":
            self._must(",")
            percent = float(self._take())
            return lambda group: _percentile(_numbers(group, field), percent)
        if function == "max":
            return lambda group: max(_numbers(group, field), default=None)
        if function == "min":
            return lambda group: min(_numbers(group, field), default=None)
        if function == "sum":
            return lambda group: sum(_numbers(group, field))
        if function == "count_distinct":
            return lambda group: len({str(event[field]) for event in group if field in event})
        if function == "latest":
            return lambda group: _latest(group, field)
        raise UnknownSyntax(f"the function {function!r}")

    def _sort_command(self) -> Step:
        field = self._field()
        direction = self._take()
        if direction not in {"asc", "desc"}:
            raise UnknownSyntax(f"the direction {direction!r}")
        return lambda kept: sorted(
            kept, key=lambda event: _sort_key(event, field), reverse=direction == "desc"
        )

    def _limit_command(self) -> Step:
        most = int(self._take())
        return lambda kept: kept[:most]

    def _either(self) -> _Evaluate:
        parts = [self._both()]
        while self._taken("or"):
            parts.append(self._both())
        return lambda event: any(part(event) for part in parts)

    def _both(self) -> _Evaluate:
        parts = [self._not()]
        while self._taken("and"):
            parts.append(self._not())
        return lambda event: all(part(event) for part in parts)

    def _not(self) -> _Evaluate:
        if self._taken("not"):
            negated = self._not()
            return lambda event: not negated(event)
        if self._taken("("):
            inner = self._either()
            self._must(")")
            return inner
        return self._condition()

    def _condition(self) -> _Evaluate:
        if self._next == "ispresent":
            return self._presence()
        field, operator = self._field(), self._take()
        if operator == "in":
            return self._membership(field)
        wanted = _literal(self._take())
        if operator == "like":
            if not isinstance(wanted, str):
                raise UnknownSyntax("like a number")
            return lambda event: wanted in str(event.get(field, ""))
        if operator not in {"=", "!=", "<", "<=", ">", ">="}:
            raise UnknownSyntax(f"the operator {operator!r}")
        return lambda event: _compared(event, field, operator, wanted)

    def _presence(self) -> _Evaluate:
        self._must("ispresent")
        self._must("(")
        field = self._field()
        self._must(")")
        return lambda event: field in event

    def _membership(self, field: str) -> _Evaluate:
        self._must("[")
        wanted = [_literal(self._take())]
        while self._taken(","):
            wanted.append(_literal(self._take()))
        self._must("]")
        return lambda event: field in event and event[field] in wanted

    def _value(self) -> _Evaluate:
        function = self._name()
        if function == "floor":
            return self._floor()
        if function != "coalesce":
            raise UnknownSyntax(f"the function {function!r}")
        self._must("(")
        parts = [self._part()]
        while self._taken(","):
            parts.append(self._part())
        self._must(")")
        return lambda event: next(
            (value for part in parts if (value := part(event)) is not None), None
        )

    def _floor(self) -> _Evaluate:
        """A field, divided by a number and rounded down."""
        self._must("(")
        field = self._field()
        self._must("/")
        divisor = float(self._take())
        self._must(")")
        return lambda event: (
            math.floor(_number(event[field], field) / divisor) if field in event else None
        )

    def _part(self) -> _Evaluate:
        if self._next is not None and self._next[0] in '"0123456789':
            constant = _literal(self._take())
            return lambda _: constant
        field = self._field()
        return lambda event: event.get(field)

    def _field(self) -> str:
        field = self._name()
        self.read.add(field)
        return field


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise UnknownSyntax(f"{text[at : at + 20]!r}")
        found.append(match.group().strip())
        at = match.end()
    return found


def _is_call(tokens: Sequence[str], at: int) -> bool:
    return tokens[at + 1 : at + 2] == ["("]


def _literal(token: str) -> str | float:
    if token.startswith('"'):
        return token[1:-1]
    if token[0].isdigit():
        return float(token)
    raise UnknownSyntax(f"{token!r} is not a text in double quotes or a number")


def _compared(event: Event, field: str, operator: str, wanted: str | float) -> bool:
    if field not in event:
        if operator == "!=":
            raise Unspecified(f"{field} != … for an event without {field}: {event['@message']}")
        return False
    found: Any = event[field]
    if isinstance(found, bool):
        raise Unspecified(f"{field} is true or false")
    if isinstance(wanted, float):
        found = _number(found, field)
    elif operator not in {"=", "!="}:
        raise Unspecified(f"the order of texts in {field}")
    else:
        found = str(found)
    return bool(
        {
            "=": found == wanted,
            "!=": found != wanted,
            "<": found < wanted,
            "<=": found <= wanted,
            ">": found > wanted,
            ">=": found >= wanted,
        }[operator]
    )


def _number(value: Any, field: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise Unspecified(f"{field} is {value!r}, and is compared with a number") from error


def _numbers(group: Sequence[Event], field: str) -> list[float]:
    return [_number(event[field], field) for event in group if field in event]


def _percentile(values: list[float], percent: float) -> float | None:
    """Return the smallest value that `percent` % of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else None


def _latest(group: Sequence[Event], field: str) -> Any:
    having = [event for event in group if field in event]
    return max(having, key=lambda event: event["@timestamp"])[field] if having else None


def _grouped(
    kept: Sequence[Event], by: Sequence[str], aggregates: Sequence[_Aggregate]
) -> list[Event]:
    groups: dict[tuple[str, ...], list[Event]] = {}
    for event in kept:
        if missing := [field for field in by if field not in event]:
            raise Unspecified(f"a group by {missing}, which is missing in {event['@message']}")
        groups.setdefault(tuple(_shown(event[field]) for field in by), []).append(event)
    rows = []
    for key, group in groups.items():
        made = {aggregate.name: aggregate.of(group) for aggregate in aggregates}
        present = {name: value for name, value in made.items() if value is not None}
        rows.append({**dict(zip(by, key, strict=True)), **present})
    return rows


def _binned(event: Event, bins: dict[str, int]) -> Event:
    """Return an event with the begin of the time that each bin puts it into."""
    return event | {name: event["@timestamp"] // size * size for name, size in bins.items()}


def _sort_key(event: Event, field: str) -> float:
    if field not in event:
        raise Unspecified(f"the place of an event without {field} in the order")
    return _number(event[field], field)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        raise Unspecified("how a true or false is shown")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
