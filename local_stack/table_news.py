"""What `make run` prints about the routing table: its problems, its changes, and what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.telemetry import TABLE_DIGITS
from gatewayctl.account.accounts import own_only
from gatewayctl.account.calls import Pace
from gatewayctl.account.findings import compared
from gatewayctl.account.reader import AccountReader
from gatewayctl.output import first_few, plural
from gatewayctl.publishing.changes import changes, models_by_kind
from gatewayctl.report import NotReachable
from gatewayctl.tables import TableWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from chalicelib.routing.reading.problems import Problem
    from chalicelib.routing.table import RoutingTable
    from gatewayctl.publishing.changes import Change
    from gatewayctl.tables import TableFile

MOST_PROBLEMS = 20
MOST_LACKING = 3
"""If more entries lack something, they are named on one line, without what each one lacks."""

CALLS_PER_SECOND = 100.0
"""The local SageMaker may be asked faster than an account that others use, too."""


class TableNews:
    """Prints what happens to the table; the observer of a `FollowedTable`.

    Args:
        print_line: Prints one line.
        connect: Makes a boto3 client for a service; None: the table is not compared.
    """

    def __init__(
        self, print_line: Callable[[str], object], connect: Callable[[str], Any] | None
    ) -> None:
        self._print_line = print_line
        self._connect = connect
        self.failing: list[str] = []
        """The models that the last comparison found to lack something; their calls fail."""

    def on_table(self, file: TableFile, old: RoutingTable | None) -> None:
        """Print how the table differs from the old one, and what of it SageMaker does not have."""
        found = None if old is None else changes(old, file.table)
        self._print_line(in_force(file, old, found))
        if self._connect is not None and found != []:
            models = None if found is None else {change.model for change in found}
            self.failing, lines = lacking(file, models, self._connect)
            for line in lines:
                self._print_line(line)

    def on_refusal(self, problems: Sequence[Problem], old: RoutingTable | None) -> None:
        """Print the problems as `gatewayctl validate` does, and which table is in force."""
        for problem in problems[:MOST_PROBLEMS]:
            self._print_line(str(problem))
        if (more := len(problems) - MOST_PROBLEMS) > 0:
            self._print_line(f"and {more:,} more problems: gatewayctl validate prints all of them")
        name = problems[0].file
        if old is None:
            stays = "there is no table, and the gateway answers 503 until the file is right"
        else:
            stays = f"refused; table {old.digest[:TABLE_DIGITS]} stays in force"
        self._print_line(f"{name}: {stays}")


def in_force(file: TableFile, old: RoutingTable | None, found: list[Change] | None) -> str:
    """Say which table is in force, and which models are new, removed or changed."""
    table = file.table
    models = plural(len(table), "model")
    text = f"{file.name}: table {table.digest[:TABLE_DIGITS]} with {models} in force"
    if old is None or found is None:
        return f"{text}; a change that you save takes effect within two seconds"
    if old.digest == table.digest:
        return f"{text}, as before"
    return f"{text}; {_difference(found) or 'no model changed'}"


def _difference(found: list[Change]) -> str:
    names = models_by_kind(found)
    names["changed"][:0] = [change.path for change in found if change.model is None]
    return "; ".join(f"{kind} {first_few(some)}" for kind, some in names.items() if some)


def lacking(
    file: TableFile, models: Collection[str | None] | None, connect: Callable[[str], Any]
) -> tuple[list[str], list[str]]:
    """Return the models whose endpoint, container or artifact is not there, and lines about them.

    Args:
        file: The table.
        models: The models to look at; all of them if None.
        connect: Makes a boto3 client for a service.
    """
    try:
        account = AccountReader(connect, pace=Pace(CALLS_PER_SECOND))
        found = compared(file, own_only(account)).problems
    except NotReachable as error:
        return [], [f"{file.name}: not compared with SageMaker: {error}"]
    except Exception as bug:  # must not end the thread that follows the table
        return [], [f"{file.name}: not compared with SageMaker: {type(bug).__name__}"]
    problems = [
        one
        for one in found
        if not isinstance(one, TableWarning) and (models is None or _model_of(one) in models)
    ]
    if not problems:
        return [], []
    names = list(dict.fromkeys(map(_model_of, problems)))
    are_few = len(problems) <= MOST_LACKING
    see = "" if are_few else "; see gatewayctl validate --live"
    summary = (
        f"{file.name}: calls of {first_few(names)} will fail: SageMaker does not have"
        f" what the table names; create it (make run SEED=seed.py) or correct the table{see}"
    )
    return names, [*(map(str, problems) if are_few else ()), summary]


def _model_of(problem: Problem) -> str:
    """Return the model that a problem of an entry is about; the names of models have no dot."""
    return problem.path.removeprefix("models.").partition(".")[0]
