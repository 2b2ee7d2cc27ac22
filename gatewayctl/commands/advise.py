"""`gatewayctl advise`: says which hosting option AWS's rules point to, and what it would cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chalicelib.errors import quoted
from gatewayctl import tables
from gatewayctl.advice import hosts, reading
from gatewayctl.advice.decision import decide
from gatewayctl.advice.rule import MOST_UNSEEN
from gatewayctl.advice.sharing import USABLE_MEMORY
from gatewayctl.advice.summary import advices, totals
from gatewayctl.advice.what_if import Plan, what_if
from gatewayctl.command import command
from gatewayctl.commands import advise_comparison as comparison
from gatewayctl.commands import advise_text as text
from gatewayctl.commands.advise_data import as_data
from gatewayctl.costs import inputs
from gatewayctl.output import first_few, percent, replace_file
from gatewayctl.report import ExitCode, Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chalicelib.routing.table import RoutingTable
    from chalicelib.routing.targets import Place
    from gatewayctl.advice.decision import Decision
    from gatewayctl.advice.facts import Account, AdvisedModel, Host
    from gatewayctl.command import Context
    from gatewayctl.costs.inputs import Inputs
    from gatewayctl.tables import TableFile

MEMORY_FACTOR = 3.0


def _share(_: click.Context, __: click.Parameter, value: str) -> float:
    number = value.removesuffix("%")
    try:
        share = float(number) / (100 if value.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise click.BadParameter(f"{value!r} is no share; write 1% or 0.01")
    return share


@command("advise")
@click.argument("models", metavar="[MODEL]...", nargs=-1)
@inputs.options
@click.option(
    "--memory-factor",
    type=click.FloatRange(0, 1000, min_open=True),
    default=MEMORY_FACTOR,
    show_default=True,
    metavar="X",
    help="A model takes X times the memory of its artifact in S3, which is compressed.",
)
@click.option(
    "--cold-target",
    callback=_share,
    default="1%",
    show_default=True,
    metavar="SHARE",
    help="The largest share of calls that may find their model not loaded.",
)
@click.option(
    "--what-if",
    "other",
    type=click.Path(path_type=Path),
    metavar="TABLE",
    help="Compare with this routing table, whose endpoints need not exist.",
)
@click.option(
    "--plan",
    "plans",
    multiple=True,
    metavar="ENDPOINT=TYPE[:COUNT]",
    help="With --what-if: the instances of an endpoint, or of all that match, as in "
    "'team-a-*=ml.c5.large:2'.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write one page with pictures of costs and calls into this file, too.",
)
def advise(
    context: Context,
    *,
    models: tuple[str, ...],
    days: int | None,
    log: str | None,
    prices: str | None,
    endpoints: Path | None,
    memory_factor: float,
    cold_target: float,
    other: Path | None,
    plans: tuple[str, ...],
    html: Path | None,
) -> Report:
    """Say which hosting option AWS's rules point to for each model, and what it would cost.

    MODEL is a path as after /predict/, or a pattern such as 'team-a-*'; the models that the advice
    puts beside it are shown, too. Where an input that decides is unknown, there is no advice: the
    command says what to measure. The exit code is 1 then.
    """
    if isnan(memory_factor):  # It is in every range of click.
        raise WrongUse("--memory-factor has to be a number above 0; 'nan' is none")
    planned = [Plan.parse(one) for one in plans]
    if planned and other is None:
        raise WrongUse("--plan is for endpoints of another table; give --what-if TABLE, too")
    if html is not None and other is not None:
        raise WrongUse("the page of --html has the advice for the present table; leave out one")
    file = tables.load(context.table_path())
    another = None if other is None else tables.load(other)
    found = inputs.gathered(context, inputs.Sources(days, log, prices, endpoints))
    known = reading.account(
        file.table,
        found.hosting,
        found.usage,
        found.prices,
        memory_factor=memory_factor,
        metrics=found.metrics,
    )
    _require(known, models, file)
    question = _Question(found, file.table, known, models, memory_factor, cold_target)
    return question.advice(html) if another is None else question.comparison(another, planned)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, and what is known."""

    found: Inputs
    table: RoutingTable
    """The table that is in force."""
    known: Account
    named: Sequence[str]
    """The names and patterns of the models that are asked for; empty for all."""
    memory_factor: float
    """How much memory a model takes, as a multiple of its artifact."""
    cold_target: float

    def advice(self, page: Path | None) -> Report:
        """Answer with the advice for the present table, and write it into a page, too."""
        decisions = _chosen(decide(self.known, self.cold_target), self.named)
        chosen = _on_endpoints_of(self.known, (one.model for one in decisions.values()))
        notes = [*self._notes(chosen)]
        if page is not None:
            _write_page(page, self.found, chosen, decisions, notes)
        meant = advices(decisions)
        sums = totals(chosen, meant)
        lines = [
            *text.totals_lines(sums, chosen),
            *text.advice_lines(meant, in_full=len(meant) == 1 and bool(self.named)),
            "",
            *text.endpoints_lines(chosen),
        ]
        is_open = any(one.option is None for one in decisions.values())
        return Report(
            ExitCode.FINDINGS if is_open else ExitCode.FINE,
            lines,
            notes,
            {**as_data(meant, sums, chosen), "notes": notes},
        )

    def comparison(self, other: TableFile, planned: Sequence[Plan]) -> Report:
        """Answer with what would be if the other table were in force."""
        found = self.found
        chosen = _on_endpoints_of(
            self.known, (one for one in self.known.models if _matches(one.name, self.named))
        )
        notes = [*self._notes(chosen)]

        def find(name: str, at: Place) -> Host:
            return hosts.host_of(name, found.hosting, found.usage, found.prices, at)

        meant = what_if(
            chosen, self.table, other.table, plans=planned, prices=found.prices, find=find
        )
        meant = replace(meant, new=tuple(one for one in meant.new if _matches(one, self.named)))
        data = comparison.comparison_data(chosen, meant, self.cold_target)
        return Report(
            ExitCode.FINDINGS if data["risks"] else ExitCode.FINE,
            [*comparison.comparison_lines(other.name, chosen, meant, data)],
            notes,
            {"table": other.name, **data, "notes": notes},
        )

    def _notes(self, chosen: Account) -> Iterator[str]:
        """Yield what the advice stands on, and what it leaves out.

        Args:
            chosen: The part of the account that is shown.
        """
        found = self.found
        yield from found.origins()
        if found.usage is not None:
            if found.usage.is_unsorted:
                yield (
                    "the log is not in the order of time, so calls that follow each other are "
                    "missed"
                )
            if found.usage.is_of_queries:
                yield (
                    "Logs Insights does not tell which calls follow each other, nor which requests "
                    "were too large: for pipelines and asynchronous endpoints give --log FILE"
                )
        yield f"assumed: a model takes {self.memory_factor:g} times the memory of its artifact"
        yield f"assumed: models get {percent(USABLE_MEMORY)} of an instance's memory"
        yield "assumed: a call keeps one vCPU at work"
        yield from found.notes
        if others := sorted({*found.hosting.endpoints} - {*self.known.endpoints}):
            yield (
                f"the table does not name {first_few(others)}: these endpoints are in no sum here, "
                "and gatewayctl costs says what they cost"
            )
        for one in found.hosting.all:
            if one.name in chosen.endpoints and len(one.answering) < len(one.variants):
                yield f"{one.name}: its shadow variants are in no sum here, and get no advice"
        for name in sorted(chosen.endpoints):
            if hosts.is_elsewhere(chosen.endpoints[name], found.hosting.region):
                yield f"{name}: it is in another Region or account, which was not read"
            if (part := self.known.unseen.get(name, 0.0)) > MOST_UNSEEN:
                yield f"{name}: {percent(part)} of its calls are not in the log"


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(
        name == one or name.startswith(f"{one} (") or fnmatchcase(name, one) for one in patterns
    )


def _require(known: Account, patterns: Sequence[str], file: TableFile) -> None:
    """Check that each name or pattern names something.

    Raises:
        WrongUse: One of them names nothing.
    """
    for pattern in patterns:
        if not any(_matches(one.name, [pattern]) for one in known.models):
            raise WrongUse(
                f"there is no model {quoted(pattern)} in {file.name}; write it as after /predict/, "
                "or as a pattern such as 'team-a-*'"
            )


def _chosen(decided: Mapping[str, Decision], patterns: Sequence[str]) -> dict[str, Decision]:
    """Return the advice for the models that are named, and for those that it puts beside them."""
    if not patterns:
        return dict(decided)
    names: set[str] = set()
    for name, one in decided.items():
        if _matches(name, patterns) and name not in names:
            names |= {name, *(other.name for other in one.with_models)}
    return {name: one for name, one in decided.items() if name in names}


def _on_endpoints_of(known: Account, models: Iterable[AdvisedModel]) -> Account:
    """Return the part of an account that is on the endpoints of these models."""
    names = {one.endpoint for one in models}
    return replace(
        known,
        models=tuple(one for one in known.models if one.endpoint in names),
        endpoints={name: one for name, one in known.endpoints.items() if name in names},
    )


def _write_page(
    target: Path,
    found: Inputs,
    known: Account,
    decisions: Mapping[str, Decision],
    notes: Sequence[str],
) -> None:
    # Only this option needs it.
    from gatewayctl.advice.page import html  # noqa: PLC0415
    from gatewayctl.commands.advise_page import page  # noqa: PLC0415

    replace_file(target, html(page(found, known, decisions, notes)).encode())
