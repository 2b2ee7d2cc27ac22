"""Finds stages whose gateways would accept each other's API keys, because they share a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl import stage as stages
from gatewayctl.report import WrongUse
from gatewayctl.stage import CONFIG, LOCAL, SECRET_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ARN = re.compile(r"arn:[^:]*:secretsmanager:(?P<place>[^:]*:[^:]*):secret:(?P<name>.*)")
_ENDING = re.compile(r"-[A-Za-z0-9]{6}\Z")


def shared_secrets(stage: str, project: Path) -> Iterator[str]:
    """Yield a line for each other stage that reads the secret of this stage.

    The stage of `make run` does not count, because it is never deployed.

    Raises:
        WrongUse: The configuration cannot be read, or names no secret that can exist.
    """
    own = stages.setting(SECRET_VARIABLE, stage, project)
    for other in stages.names(project):
        if other in {stage, LOCAL}:
            continue
        try:
            theirs = stages.setting(SECRET_VARIABLE, other, project)
        except WrongUse:  # reported for that stage
            continue
        if own and theirs and _is_same(own, theirs):
            yield (
                f"the stages {stage} and {other} share the secret {own}, so a key of one opens the "
                f"other: give each its own {SECRET_VARIABLE} in {CONFIG}, "
                "such as inference-gateway/<stage>/keys"
            )


class _Secret(NamedTuple):
    """What a setting says about a secret."""

    place: str
    """The region and account of an ARN. It is empty for a name: there, the function's are used."""
    names: set[str]
    """An ARN may end with six characters that are not part of the name."""


def _is_same(one: str, other: str) -> bool:
    """Whether two settings can mean the same secret."""
    first, second = _parsed(one), _parsed(other)
    elsewhere = first.place and second.place and first.place != second.place
    return not elsewhere and not first.names.isdisjoint(second.names)


def _parsed(secret: str) -> _Secret:
    match = _ARN.fullmatch(secret)
    if match is None:
        return _Secret("", {secret})
    return _Secret(match["place"], {match["name"], _ENDING.sub("", match["name"])})
