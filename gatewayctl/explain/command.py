"""`gatewayctl explain`: from arguments to an explanation, as text or as data."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import findings
from gatewayctl import stage as stages
from gatewayctl.command import Command, Exit, Report
from gatewayctl.explain.caller import with_grants, with_key
from gatewayctl.explain.errand import Question
from gatewayctl.explain.explanation import Scene, explain
from gatewayctl.keys.outside import Outside, add_secret
from gatewayctl.keys.revision import Revision
from gatewayctl.table_lines import Lines

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from pathlib import Path

    from gatewayctl.explain.caller import Caller
    from gatewayctl.explain.explanation import Explanation

PREFIX = "/predict/"
WIDTH = len("content type") + 2


def command(outside: Outside) -> Command:
    run_with = partial(run, outside)
    return Command("explain", "say what becomes of one path, and why", add_arguments, run_with)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="what comes after /predict/")
    caller = parser.add_mutually_exclusive_group()
    caller.add_argument("--as", dest="key_id", metavar="KEY_ID", help="for the holder of this key")
    caller.add_argument("--grants", metavar='"a b/*"', help="for somebody with these grants")
    parser.add_argument("--accept", metavar="TYPES", help="an Accept header")
    parser.add_argument("--content-type", metavar="TYPE", help="a Content-Type header")
    parser.add_argument("--timeout-ms", metavar="N", help="an X-Request-Timeout-Ms header")
    add_secret(parser)


def run(outside: Outside, options: Namespace, locate: Callable[[], Path]) -> Report:
    path = locate()
    try:
        data = table_file.read_bytes(path)
        table = table_file.parse(data, str(path))
    except InvalidTable as error:
        return findings.report(error.problems)
    seconds = stages.lambda_timeout_seconds(options.stage, options.project)
    scene = Scene(table, Lines(data), str(path), seconds, outside.now())
    question = Question(
        options.path.removeprefix(PREFIX), options.accept, options.content_type, options.timeout_ms
    )
    explanation = explain(scene, question, _caller(outside, options, scene.now))
    return _report(question, explanation)


def _caller(outside: Outside, options: Namespace, now: int) -> Caller | None:
    if options.grants is not None:
        return with_grants(options.grants)
    if options.key_id is None:
        return None
    return with_key(Revision(outside.store(options), now).find(options.key_id), now)


def _report(question: Question, explanation: Explanation) -> Report:
    answer = explanation.answer
    said = [("answer", answer.lines())]
    said += [(section.name, list(section.lines)) for section in explanation.sections]
    return Report(
        Exit.FINE if answer.refusal is None else Exit.FINDINGS,
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


COMMAND = command(Outside())
