"""`gatewayctl validate --live`: a table beside the account whose endpoints it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.reading.problems import Problem
from gatewayctl.account.comparison import remarks
from gatewayctl.tables import TableWarning

if TYPE_CHECKING:
    from chalicelib.routing.table import RoutingTable
    from gatewayctl.account.reader import AccountReader
    from gatewayctl.account.remarks import Remark
    from gatewayctl.tables import Lines


def problems(table: RoutingTable, lines: Lines, file: str, account: AccountReader) -> list[Problem]:
    """What calls through a sound table would meet."""
    said, found = set(), []
    account.endpoints(model.target.endpoint for model in table.models())
    for row, model in zip(table.rows.values(), table.models(), strict=True):
        for remark in remarks(model, row, account):
            if not (remark.is_said_once and remark.text in said):
                said.add(remark.text)
                found.append(_problem(remark, model.name, file, lines))
    return sorted(found, key=lambda problem: problem.line or 0)


def _problem(remark: Remark, model: str, file: str, lines: Lines) -> Problem:
    line, path = lines.of(("models", model, *remark.keys))
    make = TableWarning if remark.is_warning else Problem
    return make(file, line, path, remark.text)
