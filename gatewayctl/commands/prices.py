"""`gatewayctl prices`: writes the prices of SageMaker's hosting into a file."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from gatewayctl.command import command, out_option
from gatewayctl.output import plural, replace_file
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayctl.command import Context
    from gatewayctl.costs.prices import Prices

region_option = click.option(
    "--region", metavar="R", help="The Region whose prices count; else that of the profile."
)
"""The option of a command that needs prices."""


@command("prices")
@out_option
@region_option
def prices(context: Context, *, out: Path | None, region: str | None) -> Report:
    """Write the prices of instances and of serverless inference, for gatewayctl costs.

    They are those of the AWS Price List API: on demand, without discounts and savings plans.
    """
    from gatewayctl.costs.prices import text  # noqa: PLC0415  (other commands do not need it)

    found = read_prices(context, region)
    content = text(found)
    if out is None:
        lines, notes = content.splitlines(), []
    else:
        replace_file(out, content.encode())
        lines, notes = [], [f"{out} has {plural(len(found.instances), 'instance type')}"]
    return Report(ExitCode.FINE, lines, [*notes, found.note], _data(found))


def read_prices(context: Context, region: str | None) -> Prices:
    """Read the prices of a Region from the Price List API.

    Args:
        region: The Region; None for that of the profile.

    Raises:
        NotReachable: The API does not answer, or there is no Region.
        WrongUse: The price list has no such Region.
    """
    from gatewayctl.costs.price_list import REGION, SERVICE, PriceList  # noqa: PLC0415

    if region is None:
        with closing(context.connect("sagemaker")) as client:
            region = str(client.meta.region_name)
    with closing(context.connect(SERVICE, region=REGION)) as client:
        today = datetime.fromtimestamp(context.now(), UTC).date().isoformat()
        return PriceList(client, region, context.output.progress).prices(today)


def _data(prices: Prices) -> dict[str, object]:
    return {
        "region": prices.region,
        "currency": prices.currency,
        "date": prices.date,
        "instances": {name: str(one.per_hour) for name, one in sorted(prices.instances.items())},
    }
