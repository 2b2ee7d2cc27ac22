"""The accounts and Regions that hold the targets of a table, with a reader for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.targets import HERE
from gatewayctl.account.reader import account_of
from gatewayctl.report import RoleRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.routing.targets import Place
    from gatewayctl.account.reader import AccountReader
    from gatewayctl.command import Context


class NotRead(NamedTuple):
    """Why the targets of a place are not compared with what is there."""

    reason: str


class Accounts:
    """Finds the reader of a place, and remembers it.

    Args:
        own: The reader of the own account and Region.
        elsewhere: Makes a reader of another place. If it raises `RoleRefused`, the place is not
            read.
    """

    def __init__(self, own: AccountReader, elsewhere: Callable[[Place], AccountReader]) -> None:
        self.own = own
        self._elsewhere = elsewhere
        self._known: dict[Place, AccountReader | NotRead] = {HERE: own}

    def at(self, place: Place) -> AccountReader | NotRead:
        """Return the reader of a place, or why there is none.

        Raises:
            NotReachable: AWS does not answer.
        """
        if place not in self._known:
            self._known[place] = self.own if self.own.holds(place) else self._made(place)
        return self._known[place]

    def _made(self, place: Place) -> AccountReader | NotRead:
        try:
            reader = self._elsewhere(place)
            reader.connect()
            return reader
        except RoleRefused as error:
            return NotRead(str(error))


def accounts_of(context: Context, calls_per_second: float) -> Accounts:
    """Return the readers of all places that the user's own credentials reach."""

    def elsewhere(place: Place) -> AccountReader:
        return account_of(context, calls_per_second, place)

    return Accounts(account_of(context, calls_per_second), elsewhere)


def own_only(own: AccountReader) -> Accounts:
    """Return the own account and Region alone."""

    def elsewhere(_: Place) -> AccountReader:
        raise RoleRefused("in another Region or account, which only validate --live reads")

    return Accounts(own, elsewhere)
