"""Artifacts that are versions of one model: `iris-v1.tar.gz`, `iris-v2.tar.gz`.

A version is a `v` and numbers, as a part of its own. Other numbers may be anything, a customer or
a digit, and a name with two versions could be read in two ways: both are left as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ARCHIVE = ".tar.gz"
VERSION = re.compile(r"(?<![A-Za-z0-9])[vV]([0-9]+(?:\.[0-9]+)*)(?![A-Za-z0-9])")

_Order = tuple[tuple[int, ...], str]


class Latest(NamedTuple):
    """The newest artifact of a model, and those before it, newest first."""

    artifact: str
    older: tuple[str, ...]


def latest(artifacts: Iterable[str]) -> list[Latest]:
    """One for each model, sorted by artifact."""
    models: dict[str, list[tuple[_Order, str]]] = {}
    for artifact in artifacts:
        model, order = _taken_apart(artifact)
        models.setdefault(model, []).append((order, artifact))
    newest_first = (sorted(versions, reverse=True) for versions in models.values())
    return sorted(
        Latest(newest, tuple(artifact for _, artifact in older))
        for (_, newest), *older in newest_first
    )


def _taken_apart(artifact: str) -> tuple[str, _Order]:
    """What all versions of a model have in common, and which one this is."""
    found = list(VERSION.finditer(artifact.removesuffix(ARCHIVE)))
    if len(found) != 1:
        return artifact, ((), artifact)
    (version,) = found
    numbers = tuple(int(number) for number in version[1].split("."))
    return f"{artifact[: version.start()]}\0{artifact[version.end() :]}", (numbers, artifact)
