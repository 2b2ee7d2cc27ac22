"""Makes table entries for the artifacts of a multi-model container; similar artifacts share one.

1. Artifacts that differ in one part of their names become one entry with a parameter:

       is-0-v1.tar.gz … is-9-v1.tar.gz          is-{…}-v1.tar.gz
       houston/v3.tar.gz, austin/v3.tar.gz      {…}/v3.tar.gz

2. The parameter's rule is a list of the values, or a pattern where the list would be long and the
   pattern admits no other object under the prefix.

An entry has one description and one list of media types, so models that are probably different
get an entry each: `iris-v1.tar.gz` and `wine-v1.tar.gz` have only the version in common.
"""

from __future__ import annotations

import heapq
import re
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.parameters import is_value
from chalicelib.routing.reading.patterns import refusal
from gatewayctl.account.artifacts import ARCHIVE, VERSION, stem
from gatewayctl.commands.import_text import Entry, Parameter
from gatewayctl.output import first_few

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LONGEST_LIST = 100
"""The most values that a rule lists; for more, a pattern is tried."""
_DIVISIONS = (re.compile(r"[0-9]+|[A-Za-z]+|[._~-]"), re.compile(r"[0-9A-Za-z]+|[._~-]"))
_ALPHABETS = ("[0-9]", "[0-9a-f]", "[a-z]", "[A-Z]", "[a-z0-9]", "[A-Z0-9]", "[A-Za-z0-9]")

# The least number of artifacts that make a group. It is lower if more of their names is alike.
ENOUGH_FOLDERS = 2
ENOUGH_FILES = 3
ENOUGH_BY_CHANCE = 10
MEANINGLESS = {"model", "models"}
MOST_WORDS = 8
"""A name with more words is divided at folders only, because it has too many possible parts."""
_WORD = re.compile(r"[A-Za-z]{2,}(?=[0-9]+(?![A-Za-z0-9]))|[A-Za-z0-9]+")


def artifact_entries(
    endpoint: str,
    kind: str,
    key: str,
    artifacts: Mapping[str, tuple[str, ...]],
    *,
    objects: Sequence[str],
) -> list[Entry]:
    """Make entries for artifacts.

    Args:
        key: The target's key that names the artifact.
        artifacts: The newest artifact of each model, with the older ones.
        objects: All objects under the prefix; a pattern must not admit others than the artifacts of
            its entry.
    """
    return [
        _entry(endpoint, kind, key, group, artifacts, objects=objects)
        for group in grouped(list(artifacts))
    ]


def _entry(
    endpoint: str,
    kind: str,
    key: str,
    group: Group,
    newest: Mapping[str, tuple[str, ...]],
    *,
    objects: Sequence[str],
) -> Entry:
    older = [name for artifact in group.artifacts for name in newest[artifact]]
    comments = (f"Older versions, not in the table: {first_few(older)}",) if older else ()
    target = {"endpoint": endpoint, key: group.artifacts[0]}
    if group.shape is None:
        return Entry(_names(endpoint, group.artifacts[0]), kind, target, None, comments)
    others = set(objects) - set(group.artifacts) if len(group.artifacts) > LONGEST_LIST else ()
    chosen = parameter(
        [group.shape.value(artifact) for artifact in group.artifacts],
        [group.shape.value(name) for name in others if group.shape.fits(name)],
    )
    target[key] = group.shape.template(chosen.name)
    names = _names(endpoint, f"{group.shape.before} {group.shape.after}")
    return Entry(names, kind, target, chosen, comments)


def _names(endpoint: str, literal: str) -> tuple[str, ...]:
    """Return possible names, shortest first; the others have the endpoint, the last the version."""
    label = words(literal)
    all_words = re.findall(r"[A-Za-z0-9]+", literal.removesuffix(ARCHIVE))
    candidates: Sequence[Sequence[str]] = (label, [endpoint, *label], [endpoint, *all_words])
    return tuple("-".join(candidate or [endpoint]) for candidate in candidates)


class Shape(NamedTuple):
    """The text that all artifacts of a group have before and after the part that differs."""

    before: str
    after: str

    def fits(self, name: str) -> bool:
        """Whether a name has this shape."""
        is_long_enough = len(name) > len(self.before) + len(self.after)
        return is_long_enough and name.startswith(self.before) and name.endswith(self.after)

    def value(self, artifact: str) -> str:
        return artifact[len(self.before) : len(artifact) - len(self.after)]

    def template(self, parameter: str) -> str:
        return f"{self.before}{{{parameter}}}{self.after}"


class Group(NamedTuple):
    """Artifacts, sorted, and their common shape if they make one entry."""

    artifacts: tuple[str, ...]
    shape: Shape | None


class _Candidate(NamedTuple):
    """A possible group; candidates sort in the order in which they are preferred."""

    by_chance: bool
    """Whether nothing but the number of artifacts shows that they belong together."""
    minus_size: int
    is_file: bool
    minus_literal: int
    shape: Shape


def grouped(artifacts: Sequence[str]) -> list[Group]:
    """Put every artifact into one group; the groups are sorted by their first artifacts."""
    members = _by_shape(artifacts)
    left = set(artifacts)
    queue = [_candidate(shape, len(of_shape)) for shape, of_shape in members.items()]
    heapq.heapify(queue)
    groups = []
    while queue:
        candidate = heapq.heappop(queue)
        free = [artifact for artifact in members[candidate.shape] if artifact in left]
        if len(free) < -candidate.minus_size:
            if len(free) >= _enough(candidate):
                heapq.heappush(queue, _candidate(candidate.shape, len(free)))
        elif len(free) >= _enough(candidate):
            left -= set(free)
            groups.append(Group(tuple(sorted(free)), candidate.shape))
    return sorted([*groups, *(Group((artifact,), None) for artifact in left)])


def words(literal: str) -> list[str]:
    """Return the words that distinguish models, without the version, the suffix and `model`."""
    found = re.findall(r"[A-Za-z0-9]+", VERSION.sub("", stem(literal)))
    return [word for word in found if word.lower() not in MEANINGLESS]


def _by_shape(artifacts: Iterable[str]) -> dict[Shape, list[str]]:
    """Return the artifacts of each shape that more than one artifact has."""
    members: dict[Shape, list[str]] = {}
    for artifact in artifacts:
        for shape in _shapes(artifact):
            members.setdefault(shape, []).append(artifact)
    return {shape: found for shape, found in members.items() if len(found) > 1}


def _candidate(shape: Shape, size: int) -> _Candidate:
    is_folder = "/" in stem(shape.after)
    beginning = words(shape.before.rpartition("/")[2])
    begins_alike = any(word.isalpha() and len(word) > 1 for word in beginning)  # not an id
    literal = len(shape.before) + len(shape.after)
    return _Candidate(not (is_folder or begins_alike), -size, not is_folder, -literal, shape)


def _enough(candidate: _Candidate) -> int:
    if candidate.by_chance:
        return ENOUGH_BY_CHANCE
    return ENOUGH_FILES if candidate.is_file else ENOUGH_FOLDERS


def _shapes(artifact: str) -> Iterator[Shape]:
    """Yield a shape for each part of the name that may differ between artifacts."""
    names = stem(artifact)
    start = 0
    for segment in names.split("/"):
        end = start + len(segment)
        is_folder = end < len(names)
        for first, last in _parts(segment, is_folder=is_folder):
            if is_value(segment[first:last]) and segment[first:last] not in {".", ".."}:
                yield Shape(artifact[: start + first], artifact[start + last :])
        start = end + 1


def _parts(segment: str, *, is_folder: bool) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each part: it consists of words, and contains no version."""
    if is_folder and not VERSION.search(segment):
        yield 0, len(segment)
        return
    words_of = (
        [w.span() for w in _WORD.finditer(segment, *piece)] for piece in _between_versions(segment)
    )
    pieces = [spans for spans in words_of if spans]
    for piece in pieces:
        if is_folder or len(piece) > MOST_WORDS:
            if len(pieces) == 1:
                yield piece[0][0], piece[-1][1]
            continue
        for first, (start, _) in enumerate(piece):
            yield from ((start, end) for _, end in piece[first:])


def _between_versions(segment: str) -> Iterator[tuple[int, int]]:
    start = 0
    for version in VERSION.finditer(segment):
        yield start, version.start()
        start = version.end()
    yield start, len(segment)


def parameter(values: Sequence[str], others: Sequence[str] = ()) -> Parameter:
    """Make the parameter for these values.

    A pattern also admits values without an artifact. So there is a pattern only if the list would
    be long, and if the values look generated: they have the same number of parts, and each part is
    the same in all values, or a number, or has always the same length.

    Args:
        others: Values that lead to other objects, and that a pattern must not admit.
    """
    name = "number" if all(value.isdigit() for value in values) else "name"
    pattern = _pattern(values) if len(values) > LONGEST_LIST else None
    if pattern is not None and any(re.fullmatch(pattern, other) for other in others):
        pattern = None
    return Parameter(name, tuple(values), pattern)


def _pattern(values: Sequence[str]) -> str | None:
    for division in _DIVISIONS:
        rows = [division.findall(value) for value in values]
        if len({len(row) for row in rows}) > 1:
            continue
        parts = [_part_pattern(set(column)) for column in zip(*rows, strict=True)]
        pattern = "".join(part or "" for part in parts)
        if all(parts) and refusal(pattern) is None:
            return pattern
    return None


def _part_pattern(texts: set[str]) -> str | None:
    """Return a pattern for one part of every value; None if no simple one fits."""
    if len(texts) == 1:
        return texts.pop().replace(".", "[.]")
    alphabet = next(
        (one for one in _ALPHABETS if all(re.fullmatch(f"{one}+", text) for text in texts)), None
    )
    lengths = sorted({len(text) for text in texts})
    if alphabet is None or (len(lengths) > 1 and alphabet != "[0-9]"):
        return None
    shortest, longest = lengths[0], lengths[-1]
    return f"{alphabet}{{{shortest}{'' if shortest == longest else f',{longest}'}}}"
