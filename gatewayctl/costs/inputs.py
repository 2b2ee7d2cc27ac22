"""Brings together what costs are calculated from: endpoints, calls, prices and metrics.

Each of them comes from AWS or from a file. What is missing does not end the command: the numbers
that need it are unknown, and a note says why.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import log_file, tables
from gatewayctl.costs import hosting as hosting_file
from gatewayctl.costs import prices as price_file
from gatewayctl.costs.hosting import EndpointHosting, Hosting
from gatewayctl.costs.usage import SECONDS_PER_DAY, Period
from gatewayctl.output import clock_time
from gatewayctl.report import CommandError, NotReachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from chalicelib.routing.targets import Target
    from gatewayctl.command import Context
    from gatewayctl.costs.cloudwatch import VariantMetrics
    from gatewayctl.costs.prices import Prices
    from gatewayctl.costs.usage import Usage

Command = TypeVar("Command", bound="Callable[..., Any]")

DAYS = 14
EXAMPLE = "example"
"""The value of `--prices` for the prices that come with the gateway."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What costs are calculated from."""

    hosting: Hosting
    usage: Usage | None
    """None if there is no log."""
    period: Period
    prices: Prices | None
    metrics: Mapping[str, Mapping[str, VariantMetrics]]
    """By endpoint and variant; empty if CloudWatch was not asked."""
    notes: tuple[str, ...]
    """What is missing, and why."""

    def origins(self) -> Iterator[str]:
        """Yield where the prices and the calls are from."""
        if self.prices is not None:
            yield self.prices.note
            if self.prices.is_example:
                command = "gatewayctl prices --out FILE"
                yield f"these prices are an example; {command} writes those of AWS"
        if self.usage is not None:
            yield f"calls: {self.usage.source}"


@dataclass(frozen=True, slots=True)
class Sources:
    """The options of a command that say where its inputs are from; None stands for AWS."""

    days: int | None = None
    log: str | None = None
    prices: str | None = None
    endpoints: Path | None = None


def options(function: Command) -> Command:
    """Declare the options of `Sources` for a command."""
    for option in (
        click.option(
            "--endpoints",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Read the endpoints from this file instead of the account, and ask CloudWatch "
            "for nothing.",
        ),
        click.option(
            "--prices",
            metavar="FILE",
            help="Read the prices from this file, which gatewayctl prices writes, instead of the "
            f"AWS Price List API; {EXAMPLE} takes the prices of an example.",
        ),
        log_file.option,
        click.option(
            "--days",
            type=click.IntRange(1, 455),
            metavar="N",
            help=f"The last N days; else the last {DAYS} of CloudWatch Logs, and all of a file.",
        ),
    ):
        function = option(function)
    return function


def gathered(context: Context, sources: Sources) -> Inputs:
    """Read all inputs.

    Raises:
        WrongUse: A file cannot be read, or is none of its kind.
        NotReachable: Neither the endpoints nor a log can be read.
    """
    reading = _Reading(context, sources)
    hosting = reading.hosting()
    usage = reading.usage()
    if usage is None and not hosting.all:
        raise NotReachable("; ".join(reading.notes))
    period = reading.period(usage)
    reading.check(usage, period)
    prices = reading.prices(hosting)
    metrics = reading.metrics(hosting, period)
    return Inputs(hosting, usage, period, prices, metrics, tuple(reading.notes))


@dataclass(slots=True)
class _Reading:
    """Reads one input after the other, and notes what is missing."""

    context: Context
    sources: Sources
    notes: list[str] = field(default_factory=list)
    has_account: bool = False

    def hosting(self) -> Hosting:
        if self.sources.endpoints is not None:
            return hosting_file.read_file(self.sources.endpoints)
        # Neither is needed with files: they import botocore.
        from gatewayctl.account.reader import CALLS_PER_SECOND, account_of  # noqa: PLC0415
        from gatewayctl.costs.hosting_read import read  # noqa: PLC0415

        try:
            account = account_of(self.context, CALLS_PER_SECOND)
            named = [one.endpoint for one in self._targets() if account.holds(one.place)]
            found = read(account, named)
        except NotReachable as error:
            self.notes.append(
                f"the account was not read, so what runs where is unknown: {error}; or give "
                "--endpoints FILE"
            )
            kinds = {one.endpoint: one.kind for one in self._targets()}
            each = (EndpointHosting(name, kind, ()) for name, kind in sorted(kinds.items()))
            return Hosting(None, tuple(each))
        self.has_account = True
        self.notes += found.unread
        return found

    def _targets(self) -> list[Target]:
        """Return the targets of the routing table; none if there is no table."""
        try:
            table = tables.load(self.context.table_path()).table
        except (CommandError, InvalidTable):
            return []
        return [one.target for model in table.models() for one in model.targets]

    def usage(self) -> Usage | None:
        days, log = self.sources.days, self.sources.log
        if log is None:
            return self._queried_usage(days or DAYS)
        from gatewayctl.costs.usage_log import read  # noqa: PLC0415  (it needs msgspec)

        since = None if days is None else self.context.now() - days * SECONDS_PER_DAY
        with log_file.opened(log) as stream:
            usage = read(
                stream, log_file.name_of(log), since=since, progress=self.context.output.progress
            )
        if usage.damaged:
            self.notes.append(f"{usage.damaged:,} lines of the log could not be read")
        return usage

    def _queried_usage(self, days: int) -> Usage | None:
        from gatewayctl.costs.usage_query import read  # noqa: PLC0415
        from gatewayctl.log_query import SERVICE, LogQuery, NoLogGroup  # noqa: PLC0415
        from gatewayctl.policy.functions import functions_of  # noqa: PLC0415

        group = functions_of(self.context.stage, self.context.project).handler.log_group
        end = self.context.now()
        try:
            with closing(self.context.connect(SERVICE)) as client:
                query = LogQuery(client, group, self.context.output.progress)
                return read(query, end - days * SECONDS_PER_DAY, end)
        except (NotReachable, NoLogGroup) as error:
            self.notes.append(f"who called what is unknown: {error}; or give --log FILE")
            return None

    def period(self, usage: Usage | None) -> Period:
        """Return the period of the costs: that of the options, else that of the log."""
        end = float(self.context.now())
        days = self.sources.days
        is_empty = self.sources.log is not None and usage is not None and usage.begins is None
        if days is None and usage is not None and not is_empty:
            return usage.period
        return Period(end - (days or DAYS) * SECONDS_PER_DAY, end)

    def check(self, usage: Usage | None, period: Period) -> None:
        """Note if the log does not cover the period: costs are those of all of it."""
        if usage is None:
            return
        if not usage.uses:
            self.notes.append("the log has no call in this period")
        elif usage.begins is not None and usage.begins - period.first > SECONDS_PER_DAY:
            self.notes.append(
                f"the log begins at {clock_time(usage.begins)}, after the period: calls before it "
                "bear nothing; without --days the costs are those of the log's time"
            )

    def prices(self, hosting: Hosting) -> Prices | None:
        if self.sources.prices is not None:
            is_example = self.sources.prices == EXAMPLE
            path = price_file.EXAMPLE if is_example else Path(self.sources.prices)
            prices = price_file.read(path)
            if hosting.region not in {None, prices.region}:
                self.notes.append(
                    f"the prices are those of {prices.region}, and the endpoints are in "
                    f"{hosting.region}"
                )
            return prices
        try:
            return read_prices(self.context, hosting.region)
        except NotReachable as error:
            self.notes.append(f"the prices are unknown: {error}; or give --prices FILE")
            return None

    def metrics(
        self, hosting: Hosting, period: Period
    ) -> Mapping[str, Mapping[str, VariantMetrics]]:
        if not self.has_account:
            return {}
        from gatewayctl.account.calls import CannotRead  # noqa: PLC0415
        from gatewayctl.costs.cloudwatch import SERVICE, CloudWatch  # noqa: PLC0415

        try:
            with closing(self.context.connect(SERVICE)) as client:
                cloudwatch = CloudWatch(client, self.context.output.progress)
                return cloudwatch.metrics(hosting.endpoints, period)
        except (NotReachable, CannotRead) as error:
            self.notes.append(f"CloudWatch was not asked for the calls of all callers: {error}")
            return {}


def read_prices(context: Context, region: str | None) -> Prices:
    """Read the prices of a Region from the Price List API.

    Args:
        region: The Region; None for that of the profile.

    Raises:
        NotReachable: The API does not answer, or there is no Region.
        WrongUse: The price list has no such Region.
    """
    from gatewayctl.costs.price_list import SERVICE, PriceList, api_region  # noqa: PLC0415

    if region is None:
        with closing(context.connect("sagemaker")) as client:
            region = str(client.meta.region_name)
    with closing(context.connect(SERVICE, region=api_region(region))) as client:
        today = datetime.fromtimestamp(context.now(), UTC).date().isoformat()
        return PriceList(client, region, context.output.progress).prices(today)
