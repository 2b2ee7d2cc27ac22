"""`gatewayctl explain`: from arguments to an explanation, as text or as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gatewayctl import stage as stages
from gatewayctl import tables
from gatewayctl.command import command, secret_option
from gatewayctl.explain.caller import with_grants, with_key
from gatewayctl.explain.errand import Question
from gatewayctl.explain.explanation import Scene
from gatewayctl.explain.explanation import explain as explanation_of
from gatewayctl.key_store import KeyDocument, KeyStore
from gatewayctl.report import ExitCode, Report, WrongUse

if TYPE_CHECKING:
    from gatewayctl.command import Context
    from gatewayctl.explain.caller import Caller
    from gatewayctl.explain.explanation import Explanation

PREFIX = "/predict/"
WIDTH = len("content type") + 2


@command("explain")
@click.argument("path")
@click.option("--as", "key_id", metavar="KEY_ID", help="Explain it for the holder of this key.")
@click.option("--grants", metavar='"a b/*"', help="Explain it for a caller with these grants.")
@click.option("--accept", metavar="TYPES", help="The Accept header of the request.")
@click.option("--content-type", metavar="TYPE", help="The Content-Type header.")
@click.option("--timeout-ms", metavar="N", help="The X-Request-Timeout-Ms header.")
@secret_option
def explain(
    context: Context,
    *,
    path: str,
    key_id: str | None,
    grants: str | None,
    accept: str | None,
    content_type: str | None,
    timeout_ms: str | None,
    secret: str | None,
) -> Report:
    """Say what becomes of a request for one path, and why.

    PATH is what comes after /predict/.
    """
    if grants is not None and key_id is not None:
        raise WrongUse("--as and --grants name two callers; give one of them")
    file = tables.load(context.table_path())
    seconds = stages.lambda_timeout_seconds(context.stage, context.project)
    scene = Scene(file.table, file.lines, file.name, seconds, context.now())
    question = Question(path.removeprefix(PREFIX), accept, content_type, timeout_ms)
    caller = None
    if grants is not None:
        caller = with_grants(grants)
    elif key_id is not None:
        caller = _holder(context, key_id, secret, scene.now)
    return _report(question, explanation_of(scene, question, caller))


def _holder(context: Context, key_id: str, secret: str | None, now: int) -> Caller:
    store = KeyStore(context.secret_name(secret), context.connect)
    return with_key(KeyDocument(store, now).find(key_id), now)


def _report(question: Question, explanation: Explanation) -> Report:
    answer = explanation.answer
    said = [("answer", answer.lines())]
    said += [(section.name, list(section.lines)) for section in explanation.sections]
    return Report(
        ExitCode.FINE if answer.refusal is None else ExitCode.FINDINGS,
        lines=[f"POST {PREFIX}{question.path}", *_columns(said)],
        notes=(),
        data={
            "path": question.path,
            "refusal": answer.data(),
            **{section.name.replace(" ", "_"): section.data for section in explanation.sections},
        },
    )


def _columns(said: list[tuple[str, list[str]]]) -> list[str]:
    """A name before the first of its lines."""
    return [
        f"  {name if number == 0 else '':{WIDTH}}{line}"
        for name, lines in said
        for number, line in enumerate(lines)
    ]
