"""The two policies, as text in a file and as IAM counts it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from gatewayctl.policy.folding import fitted
from gatewayctl.policy.functions import Function
from gatewayctl.policy.statements import invoke, read_keys, read_table, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.settings import S3Location
    from gatewayctl.policy.needs import Calls
    from gatewayctl.policy.place import Place
    from gatewayctl.policy.statements import Statement

    Document = dict[str, Any]

PLAIN = Function()

LIMIT = 10_240
"""Characters of all inline policies of a role together, white space not counted."""


class Handler(NamedTuple):
    """The handler's policy, and the calls that it allows."""

    document: Document
    calls: Sequence[Calls]
    characters: int
    unfolded: int
    """How many characters it would have without folds."""


def handler(
    calls: Sequence[Calls],
    place: Place,
    table: S3Location | None = None,
    function: Function = PLAIN,
    *,
    limit: int = LIMIT,
) -> Handler:
    """What the function that calls SageMaker may do, folded if it would not fit."""
    common = [*run(function, place), *([] if table is None else [read_table(table, place)])]

    def document(some: Iterable[Calls]) -> Document:
        return _policy([*common, *invoke(some, place)])

    allowed = fitted(calls, lambda some: characters(document(some)) <= limit)
    made = document(allowed)
    return Handler(made, allowed, characters(made), characters(document(calls)))


def authorizer(secret: str | None, place: Place, function: Function = PLAIN) -> Document:
    """What the function that checks credentials may do."""
    keys = [] if secret is None else [read_keys(secret, place)]
    return _policy([*run(function, place), *keys])


def text(document: Document) -> str:
    """As it is written into a file."""
    return f"{json.dumps(document, indent=2)}\n"


def characters(document: Document) -> int:
    """How long it is for IAM."""
    return len(json.dumps(document, separators=(",", ":")))


def _policy(statements: list[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}
