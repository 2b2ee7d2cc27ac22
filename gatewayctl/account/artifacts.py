"""Artifacts: which objects under a prefix a multi-model endpoint can load.

All commands share it. Of an artifact with versions (`iris-v1.tar.gz`, `iris-v2.tar.gz`), `import`
and `diff` look at the newest one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.targets import is_target_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ARCHIVE = ".tar.gz"
TRAINED = "output/model.tar.gz"
"""The end of the key of a model that SageMaker has trained; the job's name is before it.

Source: SageMaker developer guide, "Training Storage Folders".
"""

NOT_AN_ARCHIVE = f"not named {ARCHIVE}"
LEFT_BY_TRAINING = "that SageMaker training leaves beside a model"
NOT_IN_A_TABLE = "with characters that a table cannot hold"
MISFITS = (NOT_AN_ARCHIVE, LEFT_BY_TRAINING, NOT_IN_A_TABLE)

VERSION = re.compile(r"(?<![A-Za-z0-9])[vV]([0-9]+(?:\.[0-9]+)*)(?![A-Za-z0-9])")
"""A `v` and numbers between separators. Other numbers may be the number of a customer."""

# The source code that the SageMaker SDK uploads, and what a job writes besides its model.
_LEFT_FILE = re.compile(r"(^|/)(sourcedir|sourcecode|output/output)\.tar\.gz\Z")
_LEFT_FOLDER = re.compile(r"(^|/)(debug|profiler|rule|tensorboard)-output/")

_Order = tuple[tuple[int, ...], str]


def misfit(name: str, prefix: str = "") -> str | None:
    """Return why this object is no artifact that a table can name; None if it is one.

    Args:
        name: The object as a TargetModel names it.
        prefix: The prefix of the multi-model container, if it is known.

    Returns:
        A text that completes "an object …".
    """
    if not name.endswith(ARCHIVE):
        return NOT_AN_ARCHIVE
    if _LEFT_FILE.search(f"{prefix}{name}") or _LEFT_FOLDER.search(name):
        return LEFT_BY_TRAINING
    return None if is_target_model(name) else NOT_IN_A_TABLE


def stem(name: str) -> str:
    """Return the part of an artifact's name that tells it apart: without the ending of all."""
    if name == TRAINED:
        return ""
    trained = name.removesuffix(f"/{TRAINED}")
    return trained if trained != name else name.removesuffix(ARCHIVE)


class Latest(NamedTuple):
    """The newest artifact of a model, and the older ones, newest first."""

    artifact: str
    older: tuple[str, ...]


def latest(artifacts: Iterable[str]) -> list[Latest]:
    """Return the newest version of each model, sorted by artifact."""
    models: dict[str, list[tuple[_Order, str]]] = {}
    for artifact in artifacts:
        model, order = _model_and_version(artifact)
        models.setdefault(model, []).append((order, artifact))
    newest_first = (sorted(versions, reverse=True) for versions in models.values())
    return sorted(
        Latest(newest, tuple(artifact for _, artifact in older))
        for (_, newest), *older in newest_first
    )


def _model_and_version(artifact: str) -> tuple[str, _Order]:
    """Return the part of the name that all versions of a model share, and a sort key.

    An artifact with two versions in its name is a model of its own, because it is not clear which
    of them is the model's version.
    """
    found = list(VERSION.finditer(artifact.removesuffix(ARCHIVE)))
    if len(found) != 1:
        return artifact, ((), artifact)
    (version,) = found
    numbers = tuple(int(number) for number in version[1].split("."))
    return f"{artifact[: version.start()]}\0{artifact[version.end() :]}", (numbers, artifact)


@dataclass(frozen=True)
class Artifacts:
    """The objects whose URLs begin with the prefix of a multi-model container."""

    prefix: str
    names: tuple[str, ...]
    """The objects, sorted, as TargetModel names them: by what follows the prefix."""
    sizes: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Their sizes in bytes, where S3 says them."""

    @property
    def in_folder(self) -> list[str]:
        """The names without those of objects beside the folder.

        If `s3://bucket/models` is the prefix, it is the prefix of `s3://bucket/models-old/…` too.
        """
        return [name for name in self.names if self.prefix.endswith("/") or name.startswith("/")]

    def advice(self, name: str) -> str:
        """Say what is wrong with the slash between prefix and name; empty if nothing is."""
        if self.prefix.endswith("/") != name.startswith("/"):
            return ""
        if self.prefix.endswith("/"):
            return "the prefix ends with a slash: target_model must not begin with /"
        return "the prefix has no trailing slash: target_model must begin with /"

    def __contains__(self, name: str) -> bool:
        place = bisect_left(self.names, name)
        return self.names[place : place + 1] == (name,)

    @cached_property
    def loadable(self) -> tuple[str, ...]:
        """The objects that are artifacts."""
        others = set(chain.from_iterable(self.misfits.values()))
        return tuple(name for name in self._objects() if name not in others)

    @cached_property
    def misfits(self) -> Mapping[str, list[str]]:
        """The other objects, by the reason why they are no artifacts."""
        found: dict[str, list[str]] = {why: [] for why in MISFITS}
        for name in self._objects():
            if (why := misfit(name, self.prefix)) is not None:
                found[why].append(name)
        return {why: names for why, names in found.items() if names}

    def _objects(self) -> list[str]:
        """Return the objects without those that stand for folders."""
        return sorted(name for name in self.in_folder if name and not name.endswith("/"))
