"""`gatewayctl diff`: where a table and the account have drifted apart, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl import live, tables
from gatewayctl.account import options as account_options
from gatewayctl.account.unnamed import unnamed
from gatewayctl.command import command
from gatewayctl.report import ExitCode, Report
from gatewayctl.tables import TableWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.routing.reading.problems import Problem
    from gatewayctl.account.unnamed import Unnamed
    from gatewayctl.account.values import Unread
    from gatewayctl.command import Context


@command("diff")
@account_options.rate_option
def diff(context: Context, *, calls_per_second: float) -> Report:
    """Show where a table and the account differ, in both directions."""
    file = tables.load(context.table_path())
    table = file.table
    account = account_options.reader(context, calls_per_second)
    lacking = [
        problem
        for problem in live.problems(table, file.lines, file.name, account)
        if not isinstance(problem, TableWarning)
    ]
    offered, hidden = unnamed(table, account)
    where = f"{file.name}: {len(table)} models, compared with {account.region}"
    return _report(lacking, offered, hidden, where)


def _report(
    lacking: Sequence[Problem], offered: Sequence[Unnamed], hidden: Sequence[Unread], where: str
) -> Report:
    return Report(
        ExitCode.FINDINGS if lacking or offered or hidden else ExitCode.FINE,
        lines=[
            *map(str, lacking),
            *(f"account: {one}: no entry names it" for one in offered),
            *(f"account: {one}" for one in hidden),
        ],
        notes=[f"{where}: {len(lacking)} lacking there, {len(offered)} not in the table"],
        data={
            "lacking": [tables.as_data(problem) for problem in lacking],
            "unnamed": [one._asdict() for one in offered],
            "unread": [{"action": one.action, "text": str(one)} for one in hidden],
        },
    )
