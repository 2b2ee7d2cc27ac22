"""`gatewayctl diff`: where a table and the account have drifted apart, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import findings, live
from gatewayctl.account import options as account_options
from gatewayctl.account.unnamed import unnamed
from gatewayctl.command import Command, Exit, Report
from gatewayctl.findings import TableWarning
from gatewayctl.table_lines import Lines

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from chalicelib.routing.reading.problems import Problem
    from gatewayctl.account.unnamed import Unnamed
    from gatewayctl.account.values import Unread


def run(options: Namespace, locate: Callable[[], Path]) -> Report:
    path = locate()
    try:
        data = table_file.read_bytes(path)
        table = table_file.parse(data, str(path))
    except InvalidTable as error:
        return findings.report(error.problems)
    account = account_options.reader(options)
    lacking = [
        problem
        for problem in live.problems(table, Lines(data), str(path), account)
        if not isinstance(problem, TableWarning)
    ]
    offered, hidden = unnamed(table, account)
    where = f"{path}: {len(table)} models, compared with {account.region}"
    return _report(lacking, offered, hidden, where)


def _report(
    lacking: Sequence[Problem], offered: Sequence[Unnamed], hidden: Sequence[Unread], where: str
) -> Report:
    return Report(
        Exit.FINDINGS if lacking or offered or hidden else Exit.FINE,
        lines=[
            *map(str, lacking),
            *(f"account: {one}: no entry names it" for one in offered),
            *(f"account: {one}" for one in hidden),
        ],
        notes=[f"{where}: {len(lacking)} lacking there, {len(offered)} not in the table"],
        data={
            "lacking": [findings.as_data(problem) for problem in lacking],
            "unnamed": [one._asdict() for one in offered],
            "unread": [{"action": one.action, "text": str(one)} for one in hidden],
        },
    )


COMMAND = Command(
    "diff",
    "show where a table and the account have drifted apart",
    account_options.add_arguments,
    run,
)
