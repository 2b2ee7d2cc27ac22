"""Artifacts that differ in one part of their names only, and so make one entry with a parameter.

    is-0-v1.tar.gz … is-9-v1.tar.gz          is-{…}-v1.tar.gz
    houston/v3.tar.gz, austin/v3.tar.gz      {…}/v3.tar.gz

An entry has one description and one list of media types, so models that may have nothing in common
stay apart: `iris-v1.tar.gz` and `wine-v1.tar.gz` share a version, which says nothing. Two are
enough where folders differ, three where names begin with the same word, and otherwise only many.
"""

from __future__ import annotations

import heapq
import re
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.parameters import is_value
from gatewayctl.importing.versions import ARCHIVE, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MANY = 10
MEANINGLESS = {"model", "models"}
MOST_WORDS = 8  # longer names are divided at folders alone: the ways to do it grow squared

_WORD = re.compile(r"[A-Za-z]{2,}(?=[0-9]+(?![A-Za-z0-9]))|[A-Za-z0-9]+")


class Shape(NamedTuple):
    """What a group's artifacts have in common: the text before and after the part that differs."""

    before: str
    after: str

    def value(self, artifact: str) -> str:
        return artifact[len(self.before) : len(artifact) - len(self.after)]

    def template(self, parameter: str) -> str:
        return f"{self.before}{{{parameter}}}{self.after}"


class Group(NamedTuple):
    """Artifacts, sorted, and what they have in common if they are one entry."""

    artifacts: tuple[str, ...]
    shape: Shape | None


class _Candidate(NamedTuple):
    """In the order in which candidates are preferred."""

    by_chance: bool
    """Whether nothing but their number says that the artifacts belong together."""
    minus_size: int
    is_file: bool
    minus_literal: int
    shape: Shape


def grouped(artifacts: Sequence[str]) -> list[Group]:
    """Every artifact in one group, the groups sorted by their first artifacts."""
    members = _by_shape(artifacts)
    left = set(artifacts)
    waiting = [_candidate(shape, len(of_shape)) for shape, of_shape in members.items()]
    heapq.heapify(waiting)
    groups = []
    while waiting:
        candidate = heapq.heappop(waiting)
        free = [artifact for artifact in members[candidate.shape] if artifact in left]
        if len(free) < -candidate.minus_size:
            if len(free) >= _enough(candidate):
                heapq.heappush(waiting, _candidate(candidate.shape, len(free)))
        elif len(free) >= _enough(candidate):
            left -= set(free)
            groups.append(Group(tuple(sorted(free)), candidate.shape))
    return sorted([*groups, *(Group((artifact,), None) for artifact in left)])


def words(literal: str) -> list[str]:
    """The words that tell models apart: no version, no suffix, not `model`."""
    found = re.findall(r"[A-Za-z0-9]+", VERSION.sub("", literal.removesuffix(ARCHIVE)))
    return [word for word in found if word.lower() not in MEANINGLESS]


def _by_shape(artifacts: Iterable[str]) -> dict[Shape, list[str]]:
    """Only what more than one artifact has."""
    members: dict[Shape, list[str]] = {}
    for artifact in artifacts:
        for shape in _shapes(artifact):
            members.setdefault(shape, []).append(artifact)
    return {shape: found for shape, found in members.items() if len(found) > 1}


def _candidate(shape: Shape, size: int) -> _Candidate:
    is_folder = "/" in shape.after
    beginning = words(shape.before.rpartition("/")[2])
    begins_alike = any(word.isalpha() and len(word) > 1 for word in beginning)  # no id
    literal = len(shape.before) + len(shape.after)
    return _Candidate(not (is_folder or begins_alike), -size, not is_folder, -literal, shape)


def _enough(candidate: _Candidate) -> int:
    if candidate.by_chance:
        return MANY
    return 3 if candidate.is_file else 2


def _shapes(artifact: str) -> Iterator[Shape]:
    """Every way to leave out one part."""
    stem = artifact.removesuffix(ARCHIVE)
    start = 0
    for segment in stem.split("/"):
        end = start + len(segment)
        is_folder = end < len(stem)
        for first, last in _parts(segment, whole_only=is_folder):
            if is_value(segment[first:last]) and segment[first:last] not in {".", ".."}:
                yield Shape(artifact[: start + first], artifact[start + last :])
        start = end + 1


def _parts(segment: str, *, whole_only: bool) -> Iterator[tuple[int, int]]:
    """Where a part of a segment may begin and end: at words, and never across a version."""
    if whole_only and not VERSION.search(segment):
        yield 0, len(segment)
        return
    pieces = [_words(segment, *piece) for piece in _between_versions(segment)]
    pieces = [piece for piece in pieces if piece]
    for piece in pieces:
        if whole_only or len(piece) > MOST_WORDS:
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


def _words(segment: str, start: int, end: int) -> list[tuple[int, int]]:
    return [word.span() for word in _WORD.finditer(segment, start, end)]
