"""YAML as nodes that know their line and key path, and keep every scalar as it was written.

The nodes are built from PyYAML's events and not by `yaml.compose`, which is several times slower.
Events show anchors and tags, and they allow a limit on nesting: 100,000 brackets would make the
composer of libyaml overflow the C stack.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from chalicelib.errors import quoted, shown

if TYPE_CHECKING:
    from chalicelib.routing.reading.problems import Findings

DEEPEST = 100

Keys = tuple["Keys", str | int] | None
"""The keys that lead to a node, the last one first. With a text for each node, reading a long list
below a long key would be quadratic."""

# libyaml's loader where PyYAML was built with libyaml, as its wheels are; else the one in Python.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Characters that YAML refuses without naming a line, and line breaks that editors do not count.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ufffd\U00010000-\U0010ffff]|\r(?!\n)")
_FORBIDDEN_LINES_SHOWN = 20

# libyaml compares each directive with all before it. A tag is not allowed in any case.
_TAG_DIRECTIVE = re.compile("^%TAG", re.MULTILINE)


def key_path(keys: Keys) -> str:
    """Return the keys as problems show them: `models.iris.content_types[1]`."""
    parts = []
    while keys is not None:
        keys, key = keys
        parts.append(f"[{key}]" if isinstance(key, int) else f".{shown(key)}")
    return "".join(reversed(parts)).removeprefix(".")


class ScalarNode(NamedTuple):
    """A text; `plain` if it is written without quotes."""

    text: str
    plain: bool
    line: int
    keys: Keys

    @property
    def path(self) -> str:
        return key_path(self.keys)

    def __str__(self) -> str:
        if not self.plain:
            return f"the text {quoted(self.text)} in quotes"
        return quoted(self.text)[1:-1] or "nothing"


class SequenceNode(NamedTuple):
    """A list."""

    items: list[Node]
    line: int
    keys: Keys

    @property
    def path(self) -> str:
        return key_path(self.keys)

    def __str__(self) -> str:
        return "a list"


class MappingNode(NamedTuple):
    """A mapping from keys to nodes."""

    members: dict[str, Node]
    line: int
    keys: Keys

    @property
    def path(self) -> str:
        return key_path(self.keys)

    def __str__(self) -> str:
        return "a mapping"


Node = ScalarNode | SequenceNode | MappingNode


class NotYaml(Exception):
    """The text is not YAML that a table may use; the findings say why."""


def read(text: str, findings: Findings) -> Node:
    """Return the one document of a text. The line of a member is the line of its key.

    Raises:
        NotYaml: The text is not one YAML document; the findings say why.
    """
    _refuse_characters(text, findings)
    if directive := _TAG_DIRECTIVE.search(text):
        line = text.count("\n", 0, directive.start()) + 1
        findings.add(line, "", "the directive %TAG is not allowed; remove it")
        raise NotYaml
    try:
        return _Composer(text, findings).document()
    except yaml.MarkedYAMLError as error:
        findings.add(*_explanation(error))
        raise NotYaml from error


def _explanation(error: Any) -> tuple[int, str, str]:
    line = error.problem_mark.line + 1
    text = f"this is not YAML: {error.problem}"
    if error.context is not None and error.context_mark is not None:
        text += f", {error.context} that starts on line {error.context_mark.line + 1}"
    return line, "", text


def _refuse_characters(text: str, findings: Findings) -> None:
    if not _FORBIDDEN.search(text):
        return
    lines = enumerate(text.split("\n"), start=1)
    found = ((number, match) for number, line in lines if (match := _FORBIDDEN.search(f"{line}\n")))
    for number, match in islice(found, _FORBIDDEN_LINES_SHOWN):
        findings.add(number, "", f"the character U+{ord(match[0]):04X} is not allowed; remove it")
    raise NotYaml


def _mark(sign: str, event: Any) -> str:
    """Show an anchor or an alias as the table writes it."""
    return shown(f"{sign}{event.anchor}")


class _Composer:
    def __init__(self, text: str, findings: Findings) -> None:
        self._loader = LOADER(text)
        self._next = self._loader.get_event
        self._findings = findings

    def document(self) -> Node:
        try:
            self._next()  # the stream starts
            if isinstance(self._next(), yaml.StreamEndEvent):
                self._findings.add(1, "", "the file is empty; a table starts with 'version: 1'")
                raise NotYaml
            root = self._node(self._next(), None, None, 0)
            self._next()  # the document ends
            following = self._next()
            if not isinstance(following, yaml.StreamEndEvent):
                line = following.start_mark.line + 1
                self._findings.add(line, "", "a second document starts; a table is one document")
            return root
        finally:
            self._loader.dispose()

    def _node(self, event: Any, keys: Keys, key_line: int | None, depth: int) -> Node:
        line = event.start_mark.line + 1 if key_line is None else key_line
        if isinstance(event, yaml.AliasEvent):
            alias = ScalarNode("", False, line, keys)
            mark = _mark("*", event)
            self._findings.unreadable(alias, f"the alias {mark} is not allowed; repeat it")
            return alias
        self._refuse_extras(event, keys, line)
        if isinstance(event, yaml.ScalarEvent):
            return ScalarNode(event.value, event.implicit[0], line, keys)
        if depth == DEEPEST:
            self._findings.add(line, "", f"nested deeper than {DEEPEST} levels")
            raise NotYaml
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(keys, line, depth + 1)
        return self._mapping(keys, line, depth + 1)

    def _refuse_extras(self, event: Any, keys: Keys, line: int) -> None:
        if event.anchor is not None:
            text = f"the anchor {_mark('&', event)} is not allowed; remove it"
            self._findings.add(line, key_path(keys), text)
        if event.tag is not None:
            tag = shown(event.tag.replace("tag:yaml.org,2002:", "!!"))
            self._findings.add(line, key_path(keys), f"the tag {tag} is not allowed; remove it")

    def _sequence(self, keys: Keys, line: int, depth: int) -> SequenceNode:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (keys, len(items)), None, depth))
        return SequenceNode(items, line, keys)

    def _mapping(self, keys: Keys, line: int, depth: int) -> MappingNode:
        members: dict[str, Node] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._node(event, keys, None, depth)
            name = key.text if isinstance(key, ScalarNode) else ""
            below = (keys, name)
            value = self._node(self._next(), below, key.line, depth)
            if self._is_key(key, below, members):
                members[name] = value
        return MappingNode(members, line, keys)

    def _is_key(self, key: Node, below: Keys, members: dict[str, Node]) -> bool:
        if not isinstance(key, ScalarNode):
            self._findings.at(key, f"a key must be a text, not {key}")
        elif key.plain and key.text == "<<":
            merge = "merge keys are not allowed; repeat what it merges"
            self._findings.add(key.line, key_path(below), merge)
        elif key.text in members:
            first = members[key.text].line
            duplicate = f"duplicate key; it is first on line {first}"
            self._findings.add(key.line, key_path(below), duplicate)
        else:
            return True
        return False
