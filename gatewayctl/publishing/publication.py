"""One table on its way into S3: what it would change, and how it gets there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading import shrinking
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl.publishing.difference import changes
from gatewayctl.report import NotReachable, Refused

if TYPE_CHECKING:
    from chalicelib.routing.reading.problems import Problem
    from chalicelib.routing.table import RoutingTable
    from gatewayctl.publishing.store import Held, TableStore


class Wanted(NamedTuple):
    """What is to be live."""

    data: bytes
    table: RoutingTable
    origin: str
    """What problems call it."""


class Before(NamedTuple):
    """The table that running gateways have."""

    table: RoutingTable | None
    version: str | None
    remark: str | None
    """Why that is not what lies there now."""


class Publication:
    """Reads what lies there once, and replaces only that."""

    def __init__(self, store: TableStore, wanted: Wanted) -> None:
        self.store = store
        self.wanted = wanted
        self._live = store.table()
        self._compiled = store.compiled()
        self.before = _before(store, self._live)
        old = self.before.table
        self.changes = [] if old is None else changes(old, wanted.table)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why running gateways would not take it."""
        try:
            shrinking.check(self.wanted.table, self.before.table, self.wanted.origin)
        except InvalidTable as error:
            return error.problems
        return ()

    @property
    def is_live(self) -> bool:
        """Whether this very table lies there, and gateways take it."""
        return self._live.data == self.wanted.data

    @property
    def is_compiled(self) -> bool:
        """Whether the compiled form that lies there is of it."""
        data, digest = self._compiled.data or b"", self.wanted.table.digest
        return table_file.from_compiled(data, digest) == self.wanted.table

    def compile(self) -> None:
        """Put its compiled form there."""
        self.store.replace_compiled(self._compiled, table_file.compiled(self.wanted.table))

    def publish(self) -> str | None:
        """Put it there; its version, if the bucket keeps versions.

        The compiled form comes first: gateways use it only for this very table, so nothing has
        changed for them until the table itself is there.
        """
        self.compile()
        try:
            return self.store.replace_table(self._live, self.wanted.data, len(self.wanted.table))
        except Refused:
            self._make_good()
            raise

    def _make_good(self) -> None:
        """Somebody else's table lies beside our compiled form: give it its own."""
        with suppress(Refused, NotReachable):
            held = self.store.compiled()
            table = _taken(self.store.table(), self.store.name)
            if table is not None:
                self.store.replace_compiled(held, table_file.compiled(table))


def _before(store: TableStore, live: Held) -> Before:
    """The live table, else the newest of its versions that gateways could take."""
    if table := _taken(live, store.name):
        return Before(table, live.version, None)
    remark = "it was deleted"
    if live.etag is not None:
        flaw = live.flaw or "it is no table by the rules of today"
        remark = f"no gateway takes what lies there: {flaw}"
    for version in store.versions():
        if not version.is_live and (table := _taken(store.earlier(version.id), store.name)):
            return Before(table, version.id, remark)
    return Before(None, None, None if live.etag is None else remark)


def _taken(held: Held, name: str) -> RoutingTable | None:
    if held.data is None:
        return None
    try:
        return table_file.parse(held.data, name)
    except InvalidTable:
        return None
