"""Finds the problems that calls through a table would have, each target in its own account."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.reading.problems import Problem
from gatewayctl.account.accounts import NotRead
from gatewayctl.account.comparison import remarks
from gatewayctl.output import first_few
from gatewayctl.tables import TableWarning
from gatewayctl.target_names import title, written_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.rows import Row
    from chalicelib.routing.table import Model, RoutingTable
    from chalicelib.routing.targets import Place
    from gatewayctl.account.accounts import Accounts
    from gatewayctl.account.comparison import Remark
    from gatewayctl.account.reader import AccountReader
    from gatewayctl.tables import TableFile


class Compared(NamedTuple):
    """The result of a comparison with the accounts."""

    problems: Sequence[Problem]
    """In the order of the table's lines."""
    not_checked: Mapping[str, Sequence[str]]
    """The targets that could not be compared, by the reason."""

    def notes(self) -> Iterator[str]:
        """Yield a line for each reason for which targets are not compared."""
        for reason, titles in self.not_checked.items():
            yield f"not checked: {first_few(titles)}: {reason}"


class _Subject(NamedTuple):
    """One target of an entry; the entry is also there as the table writes it."""

    row: Row
    model: Model
    target: NamedTarget

    @property
    def title(self) -> str:
        return title(self.model.name, self.target.name)

    @property
    def place(self) -> Place:
        return self.target.target.place


def compared(file: TableFile, accounts: Accounts) -> Compared:
    """Compare every target of a valid table with what is in its account and Region.

    What a role may not read is not checked, because the gateway itself needs no such permission.

    Raises:
        NotReachable: AWS does not answer.
    """
    found: dict[Problem, None] = {}
    reported: set[str] = set()
    not_checked: dict[str, dict[str, None]] = {}
    subjects = list(_subjects(file.table))
    _read_endpoints(subjects, accounts)
    for one in subjects:
        for remark in _remarks(one, accounts):
            if isinstance(remark, NotRead):
                not_checked.setdefault(remark.reason, {})[one.title] = None
            elif not (remark.is_unread and remark.text in reported):
                reported.add(remark.text)
                found[_problem(file, one, remark)] = None
    problems = sorted(found, key=lambda problem: problem.line or 0)
    return Compared(problems, {reason: list(titles) for reason, titles in not_checked.items()})


def _subjects(table: RoutingTable) -> Iterator[_Subject]:
    for row, model in zip(table.rows.values(), table.models(), strict=True):
        for target in model.targets:
            yield _Subject(row, model, target)


def _read_endpoints(subjects: Sequence[_Subject], accounts: Accounts) -> None:
    """Read all endpoints of each place one after the other, which shows the progress."""
    names: dict[AccountReader, list[str]] = {}
    for one in subjects:
        account = accounts.at(one.place)
        if not isinstance(account, NotRead):
            names.setdefault(account, []).append(one.target.target.endpoint)
    for account, some in names.items():
        account.endpoints(some)


def _remarks(one: _Subject, accounts: Accounts) -> Iterator[Remark | NotRead]:
    account = accounts.at(one.place)
    if isinstance(account, NotRead):
        yield account
        return
    for remark in remarks(one.model, one.target.target, one.row, account):
        if remark.is_unread and one.place.role_arn is not None:
            yield NotRead(f"{one.place.role_arn}: {remark.text}")
        else:
            yield remark


def _problem(file: TableFile, one: _Subject, remark: Remark) -> Problem:
    path = written_path(file.lines, one.model, one.target, *remark.keys)
    line, text = file.lines.of(path)
    return (TableWarning if remark.is_warning else Problem)(file.name, line, text, remark.text)
