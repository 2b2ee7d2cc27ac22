"""`gatewayctl diff`: finds the differences between a table and the AWS account."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.targets import KINDS, keys_of
from gatewayctl import tables
from gatewayctl.account.accounts import own_only
from gatewayctl.account.covered import covered_by_patterns
from gatewayctl.account.findings import compared
from gatewayctl.account.offers import COMPONENT, NamedInTable, offers, reason_to_leave_out
from gatewayctl.account.reader import account_of, endpoint_option, rate_option
from gatewayctl.account.values import Unread
from gatewayctl.command import command
from gatewayctl.output import plural
from gatewayctl.report import ExitCode, Report
from gatewayctl.tables import TableWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.routing.table import RoutingTable
    from gatewayctl.account.offers import Offer
    from gatewayctl.account.reader import AccountReader
    from gatewayctl.command import Context


class Unnamed(NamedTuple):
    """Something in the account that no entry of the table names."""

    endpoint: str
    what: str
    """What SageMaker calls it, such as `artifact` or `inference component`."""
    name: str

    def __str__(self) -> str:
        if self.what == "endpoint":
            return f"endpoint {self.name}"
        return f"endpoint {self.endpoint}: {self.what} {self.name}"


@command("diff")
@endpoint_option
@rate_option
def diff(context: Context, *, endpoint: str, calls_per_second: float) -> Report:
    """Show what the table names and the account lacks, and what the table does not name."""
    file = tables.load(context.table_path())
    account = account_of(context, calls_per_second)
    found = compared(file, own_only(account))
    lacking = [one for one in found.problems if not isinstance(one, TableWarning)]
    unnamed, unread = unnamed_in(file.table, account, endpoint)
    covered = list(covered_by_patterns(file.table, account))
    where = f"{file.name}: {plural(len(file.table), 'model')}, compared with {account.region}"
    return Report(
        ExitCode.FINDINGS if lacking or unnamed or unread else ExitCode.FINE,
        lines=[
            *map(str, lacking),
            *(f"account: {one}: no entry names it" for one in unnamed),
            *(f"account: {one}" for one in unread),
        ],
        notes=[
            *found.notes(),
            *map(str, covered),
            f"{where}: {len(lacking)} lacking there, {len(unnamed)} not in the table",
        ],
        data={
            "lacking": [tables.as_data(problem) for problem in lacking],
            "unnamed": [one._asdict() for one in unnamed],
            "unread": [{"action": one.action, "text": str(one)} for one in unread],
            "patterns": [one.as_data() for one in covered],
            "not_checked": found.not_checked,
        },
    )


def unnamed_in(
    table: RoutingTable, account: AccountReader, pattern: str = "*"
) -> tuple[list[Unnamed], list[Unread]]:
    """Return what `import` would make entries of and no entry names, and what could not be read.

    If no entry names an endpoint, the things on the endpoint are not returned.

    Args:
        pattern: For the names of the endpoints that no entry names.

    Raises:
        NotReachable: AWS does not answer.
    """
    named = NamedInTable(table, account)
    names = account.endpoint_names()
    unread = [names] if isinstance(names, Unread) else []
    known = () if isinstance(names, Unread) else names
    chosen = (name for name in known if fnmatchcase(name, pattern))
    unnamed: dict[Unnamed, None] = {}
    shared: set[tuple[str | None, str]] = set()
    for name, endpoint in account.endpoints([*named.endpoints, *chosen]).items():
        is_named = name in named.endpoints
        if isinstance(endpoint, Unread):
            # An entry for such an endpoint has a finding of its own.
            unread += [endpoint] if endpoint.denied and not is_named else []
        elif is_named or reason_to_leave_out(endpoint) is None:
            for _, offer in offers(endpoint, account):
                unread += _worth_reporting(offer, is_named=is_named)
                for one in _unnamed(name, offer, named):
                    if offer.prefix is None or (offer.prefix, one.name) not in shared:
                        unnamed[one] = None
                    shared.add((offer.prefix, one.name))
    return sorted(unnamed), list(dict.fromkeys(unread))


def _worth_reporting(offer: Offer, *, is_named: bool) -> list[Unread]:
    """Return what a missing permission hides, except what entries have a finding about."""
    has_finding = is_named and offer.argument != COMPONENT
    return [one for one in offer.unread if one.denied and not has_finding]


def _unnamed(endpoint: str, offer: Offer, named: NamedInTable) -> Iterator[Unnamed]:
    missing = named.missing(endpoint, offer)
    if missing and endpoint not in named.endpoints:
        yield Unnamed(endpoint, "endpoint", endpoint)
    elif missing:
        what = keys_of(KINDS[offer.kind])[offer.key].noun
        yield from (Unnamed(endpoint, what, name) for name in missing)
