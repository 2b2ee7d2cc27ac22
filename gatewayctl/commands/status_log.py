"""The section of `gatewayctl status` about the log: errors, refused credentials, worst targets."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from chalicelib.errors import shown
from gatewayctl import log_file
from gatewayctl.commands.status_sections import Section
from gatewayctl.output import aligned, columns, measured, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gatewayctl.command import Context
    from gatewayctl.traffic import TargetTraffic, Traffic

FEWEST, MOST_FAILED = 20, 0.05
"""The 5xx are wrong if there are more than this part of at least so many requests.

The alarm on the same share has these limits: docs/operations.md.
"""

MOST_ERRORS = 10
WRONG_MESSAGES = {
    "bug": "the gateway has a bug: see the lines 'bug'",
    "event refused": "a function of the gateway gets events that are no requests",
    "routing table refused": "a table was refused: gatewayctl publish … --back",
}
WARNED_MESSAGES = {
    "store failed": "keys could not be read for a time",
    "routing table not fetched": "the table in S3 could not be read for a time",
}


def log_section(context: Context, log: str | None, minutes: int) -> Section:
    """Count what is in the log of the last minutes.

    Raises:
        CommandError: The log cannot be read.
    """
    traffic, where = (
        _from_cloudwatch(context, minutes) if log is None else _from_file(context, log, minutes)
    )
    section = Section("log", data=_data(traffic, where))
    share = f" ({measured(traffic.failed / traffic.requests)})" if traffic.failed else ""
    section.text = (
        f"{plural(traffic.requests, 'request')}, {traffic.failed:,} with 5xx{share}, in {where}"
    )
    section.wrong += _wrong(traffic)
    section.warnings += _counted(traffic, WARNED_MESSAGES)
    if traffic.damaged:
        section.warnings.append(f"{plural(traffic.damaged, 'line')} of the log could not be read")
    section.details += _tables(traffic)
    return section


def _from_file(context: Context, log: str, minutes: int) -> tuple[Traffic, str]:
    from gatewayctl.traffic import read  # noqa: PLC0415 (it imports msgspec)

    with log_file.opened(log) as stream:
        traffic = read(stream, since=context.now() - 60 * minutes, progress=context.output.progress)
    return traffic, f"{log_file.name_of(log)}, the last {plural(minutes, 'minute')}"


def _from_cloudwatch(context: Context, minutes: int) -> tuple[Traffic, str]:
    from gatewayctl.log_query import SERVICE, LogQuery  # noqa: PLC0415
    from gatewayctl.policy.functions import functions_of  # noqa: PLC0415
    from gatewayctl.traffic import query  # noqa: PLC0415

    functions = functions_of(context.stage, context.project)
    end = context.now()
    with closing(context.connect(SERVICE)) as client:
        handler, authorizer = (
            LogQuery(client, one.log_group, context.output.progress)
            for one in (functions.handler, functions.authorizer)
        )
        traffic = query(handler, authorizer, end - 60 * minutes, end)
    return traffic, f"{handler.group}, the last {plural(minutes, 'minute')}"


def _wrong(traffic: Traffic) -> Iterator[str]:
    if traffic.requests >= FEWEST and traffic.failed > MOST_FAILED * traffic.requests:
        yield f"{measured(traffic.failed / traffic.requests)} of the requests got a 5xx"
    yield from _counted(traffic, WRONG_MESSAGES)
    for (outcome, reason), number in traffic.refused.most_common():
        if outcome == "unavailable":
            times = plural(number, "credential")
            yield f"{times} could not be checked: {shown(reason)}"


def _counted(traffic: Traffic, messages: Mapping[str, str]) -> Iterator[str]:
    for message, text in messages.items():
        if number := traffic.others[message]:
            yield f"{text} ({plural(number, 'line')})"


def _tables(traffic: Traffic) -> Iterator[str]:
    """Yield a table of the errors, one of the refused credentials, and one of the worst targets."""
    errors = _errors(traffic)
    if errors:
        rows = [(str(status), shown(slug), f"{number:,}") for status, slug, number in errors]
        yield from ["", *columns([("status", "error", "requests"), *rows[:MOST_ERRORS]])]
        if len(rows) > MOST_ERRORS:
            yield f"and {len(rows) - MOST_ERRORS} more errors"
    if traffic.refused:
        refused = [
            (f"{outcome}: {shown(reason)}", f"{number:,}")
            for (outcome, reason), number in traffic.refused.most_common(MOST_ERRORS)
        ]
        yield from ["", *columns([("credential", "checks"), *refused])]
    if traffic.targets:
        yield ""
        header = ("target", "calls", "5xx", "share", "p99 ms")
        yield from aligned([header, *(_target_row(one) for one in traffic.targets)])


def _target_row(one: TargetTraffic) -> tuple[str, ...]:
    target = one.target
    name = target.name or target.endpoint
    p99 = "-" if one.p99_ms is None else f"{one.p99_ms:,}"
    share = measured(one.failed / one.calls)
    return f"{shown(target.model)} → {shown(name)}", f"{one.calls:,}", f"{one.failed:,}", share, p99


def _errors(traffic: Traffic) -> list[tuple[int, str, int]]:
    """Return the errors, those of 5xx first, and then by their numbers."""
    found = [(*error, number) for error, number in traffic.answers.items() if error[1]]
    return sorted(found, key=lambda one: (-(one[0] // 500), -one[2], one[1]))


def _data(traffic: Traffic, where: str) -> dict[str, Any]:
    return {
        "source": where,
        "requests": traffic.requests,
        "failed": traffic.failed,
        "errors": [
            {"status": status, "slug": slug, "requests": number}
            for status, slug, number in _errors(traffic)
        ],
        "credentials": [
            {"outcome": outcome, "reason": reason, "checks": number}
            for (outcome, reason), number in traffic.refused.most_common()
        ],
        "messages": dict(traffic.others),
        "targets": [
            {**one.target._asdict(), "calls": one.calls, "failed": one.failed, "p99_ms": one.p99_ms}
            for one in traffic.targets
        ],
        "damaged_lines": traffic.damaged,
    }
