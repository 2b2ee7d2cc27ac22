"""`gatewayctl prices`: writes the prices of SageMaker's hosting into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gatewayctl.command import command, out_option
from gatewayctl.output import plural, replace_file
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayctl.command import Context
    from gatewayctl.costs.prices import Prices


@command("prices")
@out_option
@click.option(
    "--region", metavar="R", help="The Region whose prices count; else that of the profile."
)
def prices(context: Context, *, out: Path | None, region: str | None) -> Report:
    """Write the prices of instances and of serverless inference, for gatewayctl costs.

    They are those of the AWS Price List API: on demand, without discounts and savings plans.
    """
    # The help of the command needs none of these.
    from gatewayctl.costs.inputs import read_prices  # noqa: PLC0415
    from gatewayctl.costs.prices import text  # noqa: PLC0415

    found = read_prices(context, region)
    content = text(found)
    if out is None:
        lines, notes = content.splitlines(), []
    else:
        replace_file(out, content.encode())
        lines, notes = [], [f"{out} has {plural(len(found.instances), 'instance type')}"]
    return Report(ExitCode.FINE, lines, [*notes, found.note], _data(found))


def _data(prices: Prices) -> dict[str, object]:
    return {
        "region": prices.region,
        "currency": prices.currency,
        "date": prices.date,
        "instances": {name: str(one.per_hour) for name, one in sorted(prices.instances.items())},
    }
