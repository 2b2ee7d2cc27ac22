"""The two policies, as text in a file and as IAM counts it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gatewayctl.policy.folding import fitted
from gatewayctl.policy.statements import invoke, read_keys, read_table, write_logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.settings import S3Location
    from gatewayctl.policy.needs import Calls
    from gatewayctl.policy.place import Place
    from gatewayctl.policy.statements import Statement

    Document = dict[str, Any]

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
    calls: Sequence[Calls], place: Place, table: S3Location | None = None, *, limit: int = LIMIT
) -> Handler:
    """What the function that calls SageMaker may do, folded if it would not fit."""
    document = partial(_handler, place=place, table=table)
    allowed = fitted(calls, lambda some: characters(document(some)) <= limit)
    made = document(allowed)
    return Handler(made, allowed, characters(made), characters(document(calls)))


def authorizer(secret: str | None, place: Place) -> Document:
    """What the function that checks credentials may do."""
    keys = [] if secret is None else [read_keys(secret, place)]
    return _policy([write_logs(place), *keys])


def text(document: Document) -> str:
    """As it is written into a file."""
    return f"{json.dumps(document, indent=2)}\n"


def characters(document: Document) -> int:
    """How long it is for IAM."""
    return len(json.dumps(document, separators=(",", ":")))


def _handler(calls: Iterable[Calls], place: Place, table: S3Location | None) -> Document:
    object_ = [] if table is None else [read_table(table, place)]
    return _policy([write_logs(place), *object_, *invoke(calls, place)])


def _policy(statements: list[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}
