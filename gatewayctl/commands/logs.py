"""`gatewayctl logs`: shows what the logs say of a request or job, from API Gateway to SageMaker."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chalicelib.errors import quoted
from gatewayctl import log_file
from gatewayctl.command import command
from gatewayctl.commands import logs_text
from gatewayctl.joined_lines import ID, ID_RULE, MOST_ASKS, MOST_LINES, SeveralIds, join
from gatewayctl.output import clock_time, first_few, plural
from gatewayctl.report import ExitCode, NotReachable, Refused, Report, WrongUse

if TYPE_CHECKING:
    from gatewayctl.command import Context
    from gatewayctl.joined_lines import Joined

MINUTES = 24 * 60


class Search(NamedTuple):
    """What was found, where it was looked for, and where it could not be."""

    joined: Joined
    where: str
    notes: list[str]


@command("logs")
@click.argument("some_id", metavar="ID")
@click.option(
    "--log",
    "logs_",
    metavar="FILE",
    multiple=True,
    help="Read this file, or standard input (-), instead of CloudWatch Logs; several may be given, "
    "each with lines of any kind.",
)
@click.option(
    "--access-log",
    metavar="GROUP",
    help="The log group of API Gateway's lines; else that of the stage's stack.",
)
@click.option(
    "--minutes",
    type=log_file.PERIOD_MINUTES,
    default=MINUTES,
    show_default=True,
    metavar="N",
    help="How far back CloudWatch Logs is searched.",
)
def logs(
    context: Context,
    *,
    some_id: str,
    logs_: tuple[str, ...],
    access_log: str | None,
    minutes: int,
) -> Report:
    """Show all lines of one request or job: API Gateway's, the authorizer's, the gateway's.

    ID is the X-Request-Id of an answer, which is also the instance of a problem, or the id of a
    job, which also has lines of the worker. The id of a line of the authorizer, or SageMaker's,
    leads to the same lines.
    """
    given, some_id = some_id, some_id.removeprefix("urn:uuid:")
    if not ID.fullmatch(some_id):
        raise WrongUse(f"{quoted(given)} is not the id of a request or job; it is {ID_RULE}")
    try:
        if logs_:
            return _report(_in_files(context, some_id, logs_))
        return _report(_in_cloudwatch(context, some_id, access_log, minutes))
    except SeveralIds as several:
        names = first_few([str(one) for one in several.args])
        raise Refused([f"several ids begin with {some_id}: {names}; give one of them"]) from None


def _in_files(context: Context, some_id: str, names: tuple[str, ...]) -> Search:
    from gatewayctl.line_sources import Files  # noqa: PLC0415

    with ExitStack() as stack:
        streams = {
            log_file.name_of(name): stack.enter_context(log_file.opened(name, twice=True))
            for name in names
        }
        files = Files(streams, context.output.progress)
        joined = join(files, some_id)
    return Search(joined, f"{', '.join(streams)}: {plural(files.lines, 'line')}", [])


def _in_cloudwatch(context: Context, some_id: str, access_log: str | None, minutes: int) -> Search:
    # A log in a file needs neither botocore nor Chalice.
    from gatewayctl.line_sources import LogGroups  # noqa: PLC0415
    from gatewayctl.log_query import SERVICE  # noqa: PLC0415
    from gatewayctl.policy.functions import functions_of  # noqa: PLC0415

    functions = functions_of(context.stage, context.project)
    groups, notes = [function.log_group for function in functions.deployed], []
    try:
        groups.append(access_log or _access_log(context, functions.handler.name))
    except NotReachable as error:
        notes.append(
            f"API Gateway's lines were not looked at: {error}; name their log group with "
            "--access-log GROUP"
        )
    end = context.now()
    start = end - 60 * minutes
    with closing(context.connect(SERVICE)) as client:
        source = LogGroups(client, groups, start, end, context.output.progress)
        joined = join(source, some_id)
    if source.failed.keys() >= set(groups):
        raise NotReachable("; ".join(dict.fromkeys(source.failed.values())))
    notes += [f"{group} was not looked at: {why}" for group, why in source.failed.items()]
    looked_at = [group for group in groups if group not in source.failed]
    return Search(
        joined, f"{', '.join(looked_at)}, {clock_time(start)} to {clock_time(end)}", notes
    )


def _access_log(context: Context, stack_name: str) -> str:
    """Return the log group of the access log.

    Raises:
        NotReachable: It is not known.
    """
    from gatewayctl import stack  # noqa: PLC0415

    found = stack.outputs(stack_name, context.connect).get(stack.ACCESS_LOG)
    if found is None:
        raise NotReachable(f"the stack {stack_name} has no access log")
    return found


def _report(search: Search) -> Report:
    joined, where, notes = search
    data = _data(search)
    if not joined.lines:
        nothing = f"no line with the id {joined.request_id} in {where}"
        return Report(ExitCode.FINDINGS, [nothing], notes, data)
    request = f"request {joined.request_id}" if joined.request_id != joined.job else ""
    about = " of ".join(filter(None, (joined.job and f"job {joined.job}", request)))
    lines = [
        f"{about}: {plural(len(joined.lines), 'line')} in {where}",
        "",
        *logs_text.text_of(joined),
    ]
    if more := [*logs_text.sagemaker_text(joined)]:
        lines += ["", *more]
    if joined.damaged:
        notes = [*notes, f"{plural(joined.damaged, 'line')} could not be read as JSON"]
    if joined.asks_left_out:
        earlier = plural(joined.asks_left_out, "earlier request")
        notes = [*notes, f"{earlier} for the job are not shown, before the last {MOST_ASKS}"]
    if joined.left_out:
        notes = [*notes, f"{joined.left_out:,} more are not shown, after the first {MOST_LINES}"]
    return Report(ExitCode.FINE, lines, notes, data)


def _data(search: Search) -> dict[str, Any]:
    joined = search.joined
    return {
        "request_id": joined.request_id,
        "job": joined.job,
        "source": search.where,
        "lines": [
            {
                "log": line.source,
                "time": None if line.seconds is None else logs_text.time_of(line),
                "kind": line.kind,
                "line": line.text if line.members is None else line.members,
            }
            for line in joined.lines
        ],
        "lines_left_out": joined.left_out,
        "asks_left_out": joined.asks_left_out,
        "damaged_lines": joined.damaged,
        "sagemaker": logs_text.sagemaker(joined),
        "not_looked_at": search.notes,
    }
