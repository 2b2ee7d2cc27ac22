"""`gatewayctl targets`: shows what each target of a model did, from CloudWatch Logs or a log."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple

import click

from gatewayctl import log_file, tables
from gatewayctl.command import command
from gatewayctl.commands.targets_report import TargetReport
from gatewayctl.output import clock_time, plural
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from gatewayctl.command import Context
    from gatewayctl.request_log import Call

MINUTES = 60


class Source(NamedTuple):
    """The calls of a model, and where they come from."""

    calls: Mapping[Call, int]
    name: str
    """The log and its period, in words."""

    damaged: int = 0
    """How many lines could not be read."""


@command("targets")
@click.argument("model")
@log_file.option
@click.option(
    "--minutes",
    type=log_file.PERIOD_MINUTES,
    metavar="N",
    help=f"Only the calls of the last N minutes; else the last {MINUTES} of CloudWatch Logs, and "
    "all of a file.",
)
def targets(context: Context, *, model: str, log: str | None, minutes: int | None) -> Report:
    """Show what each target of a model did: calls, errors, times.

    MODEL is a name in the table, or a path as after /predict/. The calls are those in the logs of
    the stage's functions, or in a file. A job counts once, when it ends.
    """
    file = tables.load(context.table_path())
    entry = tables.find(file.table, model, file.name).model
    weights = tables.weights_of(entry, file.name)
    if log is None:
        source = _from_cloudwatch(context, entry.name, minutes or MINUTES)
    else:
        source = _from_file(context, entry.name, log, minutes)
    return _report(entry.name, source, TargetReport(weights, source.calls))


def _from_cloudwatch(context: Context, model: str, minutes: int) -> Source:
    # A log in a file needs neither botocore nor Chalice.
    from gatewayctl.log_query import SERVICE, LogQuery, NoLogGroup  # noqa: PLC0415
    from gatewayctl.policy.functions import functions_of  # noqa: PLC0415
    from gatewayctl.request_query import count  # noqa: PLC0415

    functions = functions_of(context.stage, context.project)
    end = context.now()
    start = end - 60 * minutes
    groups = [functions.handler.log_group]
    with closing(context.connect(SERVICE)) as client:

        def calls_in(group: str) -> Counter[Call]:
            return count(LogQuery(client, group, context.output.progress), model, start, end)

        calls = calls_in(functions.handler.log_group)
        if functions.worker is not None:
            with suppress(NoLogGroup):  # it has one after its first job
                calls += calls_in(functions.worker.log_group)
                groups.append(functions.worker.log_group)
    return Source(calls, f"{', '.join(groups)}, {clock_time(start)} to {clock_time(end)}")


def _from_file(context: Context, model: str, log: str, minutes: int | None) -> Source:
    from gatewayctl.request_log import read  # noqa: PLC0415  (it needs no msgspec without a log)

    since = None if minutes is None else context.now() - 60 * minutes
    with log_file.opened(log) as stream:
        reading = read(stream, model, since=since, progress=context.output.progress)
    period = "" if minutes is None else f", the last {minutes} minutes"
    name = f"{log_file.name_of(log)}{period}: {plural(reading.lines, 'line')}"
    return Source(reading.calls, name, reading.damaged)


def _report(model: str, source: Source, report: TargetReport) -> Report:
    lines = [f"no target of {model} was called in {source.name}"]
    if report.requests:
        lines = [
            f"{model}: {plural(report.requests, 'request')} in {source.name}",
            "",
            *report.lines(),
        ]
    damaged = f"{plural(source.damaged, 'line')} could not be read, and so not counted"
    return Report(
        ExitCode.FINE,
        lines=lines,
        notes=[damaged] if source.damaged else [],
        data={
            "model": model,
            "source": source.name,
            "requests": report.requests,
            "damaged_lines": source.damaged,
            "targets": report.data(),
        },
    )
