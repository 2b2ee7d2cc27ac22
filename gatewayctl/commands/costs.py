"""`gatewayctl costs`: shows what endpoints cost, and who bears it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatewayctl.command import command
from gatewayctl.costs import inputs
from gatewayctl.costs.attribution import attributed
from gatewayctl.costs.bill import GROUPS, bill
from gatewayctl.costs.figures import Figure, Origin, notes
from gatewayctl.costs.hosting import text as hosting_text
from gatewayctl.costs.money import exact, in_units, number, plain
from gatewayctl.output import aligned, clock_time, first_few, measured, plural, replace_file
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gatewayctl.command import Context
    from gatewayctl.costs.attribution import EndpointCost
    from gatewayctl.costs.bill import Bill, Row
    from gatewayctl.costs.hosting import EndpointHosting
    from gatewayctl.costs.inputs import Inputs

UNKNOWN = "unknown"
SHOWN = {Origin.AWS: "AWS"}
"""How an origin is written, if not by its own value."""


@command("costs")
@inputs.options
@click.option(
    "--by",
    type=click.Choice(list(GROUPS)),
    default="model",
    show_default=True,
    help="Who the costs are divided among.",
)
@click.option(
    "--endpoints-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the endpoints into this file too, for --endpoints.",
)
def costs(
    context: Context,
    *,
    days: int | None,
    log: str | None,
    prices: str | None,
    endpoints: Path | None,
    by: str,
    endpoints_out: Path | None,
) -> Report:
    """Show what endpoints cost in a period, and which part of it who bears.

    The costs are the hours of instances and what serverless inference takes, at the list prices on
    demand. They are divided in two ways: by the time at work, and with the idle time by memory.
    """
    found = inputs.gathered(context, inputs.Sources(days, log, prices, endpoints))
    if endpoints_out is not None:
        replace_file(endpoints_out, hosting_text(found.hosting).encode())
    each = attributed(found.hosting, found.usage, found.period, found.prices, found.metrics)
    return _report(found, bill(each, by), by)


def _report(found: Inputs, total: Bill, by: str) -> Report:
    return Report(
        ExitCode.FINDINGS if total.lacking else ExitCode.FINE,
        [
            *_headline(found, total),
            "",
            *aligned(list(_endpoint_rows(total))),
            "",
            *aligned(list(_rows(total, by))),
        ],
        [*_notes(found, total)],
        _data(found, total, by),
    )


def _is_known(total: Bill) -> bool:
    """Whether at least one endpoint's costs are known."""
    return len(total.lacking) < len(total.costs)


def _currency(found: Inputs) -> str:
    return found.prices.currency if found.prices else ""


def _headline(found: Inputs, total: Bill) -> Iterator[str]:
    period = f"{clock_time(found.period.first)} to {clock_time(found.period.last)}"
    hours = number(Fraction(found.period.seconds, 3600))
    yield f"{plural(len(total.costs), 'endpoint')}, {period}, {hours} hours"
    if not _is_known(total):
        yield "the costs are unknown"
        return
    more = f", and {plural(len(total.lacking), 'endpoint')} of unknown costs" * bool(total.lacking)
    yield f"{in_units(total.cents)} {_currency(found)}{more}"
    if total.per_hour.value is not None:
        yield f"{exact(total.per_hour.value)} {_currency(found)} an hour without calls{more}"


def _endpoint_rows(total: Bill) -> Iterator[Sequence[str]]:
    yield "endpoint", "kind", "runs on", "instance hours", "", "at work", "", "costs", ""
    cents = total.endpoint_cents
    for one in total.costs:
        of_instances = (
            *_cells(one.instance_seconds, _hours(one.instance_seconds.value)),
            *_cells(one.busy_share, measured(one.busy_share.value or 0)),
        )
        yield (
            one.hosting.name,
            one.hosting.kind or UNKNOWN,
            _capacity(one.hosting),
            *(of_instances if one.hosting.serverless is None else ("",) * len(of_instances)),
            *_cells(one.amount, in_units(cents.get(one.hosting.name, 0))),
        )


def _rows(total: Bill, by: str) -> Iterator[Sequence[str]]:
    yield by, "calls", "seconds at work", "", "by time at work", "", "with idle time by memory", ""
    for row in total.rows:
        yield (
            row.name,
            f"{row.use.calls:,}",
            f"{row.use.busy_ms / 1000:,.1f}",
            _origin(row.use_origin),
            *_amount(row, row.by_busy),
            *_amount(row, row.with_idle),
        )
    amount = in_units(total.cents) if _is_known(total) else UNKNOWN
    yield "total", "", "", "", amount, "", amount, ""


def _cells(figure: Figure[object], text: str) -> tuple[str, str]:
    if figure.value is None:
        return "", UNKNOWN
    return text, _origin(figure.origin)


def _origin(origin: Origin) -> str:
    return SHOWN.get(origin, origin.value)


def _amount(row: Row, figure: Figure[int]) -> tuple[str, str]:
    text, origin = _cells(figure, in_units(figure.value or 0))
    return text, f"{origin}, and {UNKNOWN}" if row.lacking and text else origin


def _hours(seconds: int | None) -> str:
    return number(Fraction(seconds or 0, 3600))


def _capacity(hosting: EndpointHosting) -> str:
    """Say what an endpoint runs on now, such as `2 ml.c5.large`."""
    found = []
    for one in hosting.variants:
        if one.serverless is not None:
            provisioned = one.serverless.provisioned
            more = f", {provisioned} provisioned" if provisioned else ""
            found.append(f"serverless, {one.serverless.memory_mb} MB{more}")
        else:
            count = UNKNOWN if one.instances is None else f"{one.instances}"
            found.append(f"{count} {one.instance_type or 'of an unknown type'}")
    return " + ".join(found) or UNKNOWN


def _notes(found: Inputs, total: Bill) -> Iterator[str]:
    if total.lacking:
        each = [one for one in total.costs if one.amount.value is None]
        why = notes(one.amount for one in each)
        yield f"the costs of {first_few(total.lacking)} are unknown: {why}"
    yield from found.origins()
    for assumption in _assumptions(found, total):
        yield f"assumed: {assumption}"
    yield from found.notes


def _assumptions(found: Inputs, total: Bill) -> list[str]:
    """Return what assumed numbers stand on, without the prices, which have a note of their own."""
    figures: list[Figure[int]] = [
        figure
        for row in total.rows
        for figure in (row.by_busy, row.with_idle)
        if figure.origin is Origin.ASSUMED
    ]
    each = dict.fromkeys(part for one in figures for part in one.note.split("; ") if part)
    prices = found.prices.note.split("; ") if found.prices else []
    return [one for one in each if one not in prices]


def _data(found: Inputs, total: Bill, by: str) -> dict[str, object]:
    cents = total.endpoint_cents
    return {
        "period": {**found.period._asdict(), "seconds": found.period.seconds},
        "currency": _currency(found) or None,
        "prices": found.prices
        and {
            "region": found.prices.region,
            "date": found.prices.date,
            "source": found.prices.source,
            "is_example": found.prices.is_example,
        },
        "bill": {
            "amount": plain(total.cents) if _is_known(total) else None,
            "per_hour": _figure(total.per_hour, exact(total.per_hour.value or Fraction(0))),
            "unknown": list(total.lacking),
        },
        "endpoints": [_endpoint_data(one, cents.get(one.hosting.name)) for one in total.costs],
        "by": by,
        "rows": [_row_data(row) for row in total.rows],
        "assumed": _assumptions(found, total),
        "notes": list(found.notes),
    }


def _endpoint_data(one: EndpointCost, cents: int | None) -> dict[str, object]:
    hours = _figure(one.instance_seconds, _hours(one.instance_seconds.value).replace(",", ""))
    per_hour = _figure(one.per_hour, exact(one.per_hour.value or Fraction(0)))
    return {
        "name": one.hosting.name,
        "kind": one.hosting.kind,
        "runs_on": _capacity(one.hosting),
        "instance_hours": hours,
        "per_hour": per_hour,
        "at_work": _figure(one.busy_share, one.busy_share.value),
        "costs": _figure(one.amount, plain(cents or 0)),
    }


def _row_data(row: Row) -> dict[str, object]:
    return {
        "name": row.name,
        **row.use._asdict(),
        "counted_by": row.use_origin.value,
        "by_time_at_work": _figure(row.by_busy, plain(row.by_busy.value or 0)),
        "with_idle_time": _figure(row.with_idle, plain(row.with_idle.value or 0)),
        "unknown": list(row.lacking),
    }


def _figure(figure: Figure[object], shown: object) -> dict[str, object]:
    return {
        "value": None if figure.value is None else shown,
        "origin": figure.origin.value,
        "note": figure.note,
    }
