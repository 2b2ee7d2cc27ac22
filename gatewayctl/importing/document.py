"""The text of a table: entries by PyYAML, comments for the person who goes on with it."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

import yaml

from chalicelib.routing.targets import fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gatewayctl.importing.hosting import Section
    from gatewayctl.importing.names import Named

WIDTH = 100
LIST_WIDTH = 84  # PyYAML breaks a line after it has become too long
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
docs/routing-table.md has every key. After an edit: python -m gatewayctl validate --live"""

# Texts that need no quotes whichever version of YAML reads them: no number, date or boolean.
_PLAIN = re.compile(
    r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[a-z][a-z0-9_./-]*(?:\{[a-z]+\})?", re.IGNORECASE
)


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Texts with quotes where somebody might need them, and lists on one line."""


def _text(dumper: Any, text: str) -> Any:
    style = None if _PLAIN.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: Any, items: Iterable[str]) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(tuple, _list)


def document(sections: Iterable[tuple[Section, Sequence[Named]]]) -> str:
    """A table of the named entries, each endpoint's under its heading."""
    blocks = []
    leftover = []
    for section, named in sections:
        if named:
            gap = "\n" if len(named) == 1 else "\n\n"
            blocks.append(_heading(section) + gap + "\n\n".join(map(_entry, named)))
        else:
            leftover += [f"{section.endpoint}: {text}" for text in section.hosted.omitted]
    parts = [_comment(HEAD), "version: 1\n\nmodels:\n" + "\n\n".join(blocks)]
    if leftover:
        parts.append(_comment("\n".join(["Endpoints without a model here:", *leftover])))
    return "\n\n".join(parts) + "\n"


def members(named: Named) -> dict[str, Any]:
    """What the table says about one model."""
    entry = named.entry
    said: dict[str, Any] = {"kind": entry.kind, **entry.target}
    if entry.parameter is not None:
        said["parameters"] = {entry.parameter.name: entry.parameter.rule}
    return said


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
        values = {entry.parameter.name: entry.parameter.values[0]}
        path, artifact = fill(named.name, values), fill(entry.target["target_model"], values)
        several = f"{len(entry.parameter.values):,} artifacts"
        yield f"{several}, as in POST /predict/{path} → {artifact}"
    if entry.parameter is not None and entry.parameter.pattern is not None:
        yield "The pattern also lets through whatever else it matches, now or later"
    if named.refused is not None:
        yield f"{named.refused} is another model already"
    yield from entry.comments


def _comment(text: str) -> str:
    """Lines of a comment, in which nothing from outside can end the comment."""
    lines = (line for each in text.split("\n") if text for line in _wrapped(_printable(each)))
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)


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
