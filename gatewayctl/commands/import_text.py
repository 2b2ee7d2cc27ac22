"""Writes the imported table: names its entries, and adds comments for the reader."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from chalicelib.errors import printable
from chalicelib.routing.table import row_key
from chalicelib.routing.targets import LONGEST_NAME, fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WIDTH = 100
MOST_VALUES = 10
"""How many values of a pattern a comment names."""
LIST_WIDTH = 84
"""PyYAML breaks a line after the first word that makes it longer than this."""
HEAD = """\
yaml-language-server: $schema=routing.schema.json
What `gatewayctl import` found in the account: the newest version of every model, and one
entry for artifacts whose names differ in one part only.

Names and parameters are guesses. They are what callers write after /predict/ and what grants
are about: choose them before anybody calls, and divide an entry whose models are not alike.

No account says what a model takes and answers. Until you add it, callers may send JSON alone:
  content_types: [application/json, text/csv]
  description: What it predicts, and from what
  example: {instances: [[1, 2, 3]]}
docs/routing-table.md has every key. After an edit: gatewayctl validate --live"""

# Texts that need no quotes in any version of YAML: no number, date or boolean.
_PLAIN = re.compile(
    r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[a-z][a-z0-9_./-]*(?:\{[a-z]+\})?", re.IGNORECASE
)
_ILLEGAL = re.compile("[^a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Parameter:
    """The part of an artifact's name that a caller chooses."""

    name: str
    values: tuple[str, ...]
    pattern: str | None
    """A pattern for the values, if they are too many to list."""

    @property
    def rule(self) -> dict[str, object]:
        return {"one_of": self.values} if self.pattern is None else {"pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of `models` before it has a name: one model or, with a parameter, several."""

    names: tuple[str, ...]
    """Possible names, the best first; a name may be illegal, or another entry may have it."""
    kind: str
    target: Mapping[str, str]
    """The keys of the target."""
    parameter: Parameter | None = None
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hosted:
    """The entries that an endpoint gives, and remarks about what has no entry."""

    entries: tuple[Entry, ...] = ()
    omitted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """The part of the table for one endpoint."""

    endpoint: str
    facts: str
    hosted: Hosted


class Named(NamedTuple):
    """An entry under its name, such as `housing/{name}`."""

    name: str
    entry: Entry
    better_name: str | None
    """A better name that another entry has."""


def name_entries(
    sections: Iterable[Section], taken: Iterable[str] = ()
) -> list[tuple[Section, list[Named]]]:
    """Give each entry a name of its own; earlier entries get the names that fit best.

    Args:
        taken: The `row_key` of each name that must not be given.
    """
    names = _Names(taken)
    return [(one, [names.name(entry) for entry in one.hosted.entries]) for one in sections]


def legal(text: str) -> str:
    """Return the legal name of a model that is most similar to a text."""
    name = _ILLEGAL.sub("-", text.lower()).strip("-")
    return name[:LONGEST_NAME].rstrip("-") or "model"


class _Names:
    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._counters: dict[str, count[int]] = {}

    def name(self, entry: Entry) -> Named:
        parameters = [] if entry.parameter is None else [entry.parameter.name]
        best, *others = dict.fromkeys(legal(name) for name in entry.names)
        for first in self._possible(best, others, len(parameters)):
            key = row_key(first, len(parameters))
            if key not in self._taken:
                break
        self._taken.add(key)
        name = "/".join([first, *(f"{{{parameter}}}" for parameter in parameters)])
        return Named(name, entry, None if first == best else best)

    def _possible(self, best: str, others: list[str], parameters: int) -> Iterator[str]:
        yield best
        yield from others
        last = others[-1] if others else best
        # The counter is kept, so that the 10,000th entry of a name does not try all numbers again.
        for number in self._counters.setdefault(row_key(last, parameters), count(2)):
            ending = f"-{number}"
            yield f"{last[: LONGEST_NAME - len(ending)].rstrip('-')}{ending}"


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes quotes around texts that may need them, and lists on one line."""


def _text(dumper: Any, text: str) -> Any:
    style = None if _PLAIN.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: Any, items: Iterable[str]) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(tuple, _list)


def document(sections: Iterable[tuple[Section, Sequence[Named]]]) -> str:
    """Write a table of the named entries, those of each endpoint under a heading."""
    sections = list(sections)
    without_model = [
        f"{section.endpoint}: {text}"
        for section, entries in sections
        for text in section.hosted.omitted
        if not entries
    ]
    parts = [_comment(HEAD), f"version: 1\n\nmodels:\n{models(sections)}"]
    if without_model:
        parts.append(_comment("\n".join(["Endpoints without a model here:", *without_model])))
    return "\n\n".join(parts) + "\n"


def models(sections: Iterable[tuple[Section, Sequence[Named]]]) -> str:
    """Write the entries as they are below `models`, those of each endpoint under a heading."""
    blocks = []
    for section, entries in sections:
        if entries:
            gap = "\n" if len(entries) == 1 else "\n\n"
            blocks.append(_heading(section) + gap + "\n\n".join(map(_entry, entries)))
    return "\n\n".join(blocks)


def members(named: Named) -> dict[str, Any]:
    """Return the keys and values of an entry."""
    entry = named.entry
    values: dict[str, Any] = {"kind": entry.kind, **entry.target}
    if entry.parameter is not None:
        values["parameters"] = {entry.parameter.name: entry.parameter.rule}
    return values


def covered_now(named: Named) -> dict[str, str] | None:
    """Return the artifacts of an entry with a pattern, by path; None for another entry."""
    entry = named.entry
    if entry.parameter is None or entry.parameter.pattern is None:
        return None
    found = {}
    for value in entry.parameter.values:
        path, artifact = _filled(named, value)
        found[path] = artifact
    return found


def _filled(named: Named, value: str) -> tuple[str, str]:
    """Return the path and the artifact of an entry with a parameter, for one of its values."""
    parameter = named.entry.parameter
    values = {} if parameter is None else {parameter.name: value}
    (template,) = [text for text in named.entry.target.values() if fill(text, values) != text]
    return fill(named.name, values), fill(template, values)


def _heading(section: Section) -> str:
    lines = [f"Endpoint {section.endpoint}: {section.facts}"]
    lines += [f"Not in the table: {text}" for text in section.hosted.omitted]
    return textwrap.indent(_comment("\n".join(lines)), "  ")


def _entry(named: Named) -> str:
    text = yaml.dump(
        {named.name: members(named)},
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        width=LIST_WIDTH,
    )
    comments = _comment("\n".join(_remarks(named)))
    return textwrap.indent("\n".join(part for part in (comments, text.rstrip()) if part), "  ")


def _remarks(named: Named) -> Iterator[str]:
    entry = named.entry
    if entry.parameter is not None:
        several = f"{len(entry.parameter.values):,} artifacts"
        path, artifact = _filled(named, entry.parameter.values[0])
        yield f"{several}, as in POST /predict/{path} → {artifact}"
    if entry.parameter is not None and entry.parameter.pattern is not None:
        yield f"{_values_now(entry.parameter)}; the pattern also admits names that come later"
    if named.better_name is not None:
        yield f"{named.better_name} is another model already"
    yield from entry.comments


def _values_now(parameter: Parameter) -> str:
    """Say which values of a pattern lead to an artifact; only the first ones are named."""
    named, left = parameter.values[:MOST_VALUES], len(parameter.values) - MOST_VALUES
    more = f" and {left:,} more (import --format json lists all)" if left > 0 else ""
    return f"{{{parameter.name}}} can be {', '.join(named)}{more}"


def _comment(text: str) -> str:
    """Write lines as comments; a special character in a line cannot end its comment."""
    lines = (line for each in text.split("\n") if text for line in _wrapped(printable(each)))
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _wrapped(line: str) -> list[str]:
    wrapped = textwrap.wrap(
        line,
        WIDTH - 4,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    return wrapped or [""]
