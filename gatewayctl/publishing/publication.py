"""Publishes a routing table: compares it with the stored one, stores it, and checks the result."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading import shrinking
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.s3_source import COMPILED_DIGEST, S3Object, S3Source
from chalicelib.telemetry import TABLE_DIGITS
from chalicelib.telemetry.log import Telemetry
from gatewayctl.publishing.changes import changes
from gatewayctl.publishing.store import MODELS
from gatewayctl.report import NotReachable, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chalicelib.routing.reading.problems import Problem
    from chalicelib.routing.table import RoutingTable
    from chalicelib.settings import S3Location
    from gatewayctl.publishing.changes import Change
    from gatewayctl.publishing.emptied_grants import Comparison
    from gatewayctl.publishing.store import StoredObject, TableStore
    from gatewayctl.tables import TableFile

    Tables = tuple[RoutingTable | None, RoutingTable]
    CompareKeys = Callable[[str, Tables, list[Change]], Comparison]


class PreviousTable(NamedTuple):
    """The table that running gateways use before the publication."""

    table: RoutingTable | None
    version: str | None
    remark: str | None
    """Why gateways would not use the object that is stored now, if there is a reason."""


class Publication:
    """A new table, and the objects in S3 that it replaces if nobody else changes them.

    Args:
        compare_keys: Compares API keys with the changes of the table at a location.
    """

    def __init__(self, store: TableStore, new: TableFile, compare_keys: CompareKeys) -> None:
        self.store = store
        self.new = new
        self._stored = store.table()
        self._compiled = store.compiled()
        self.previous = _previous(store, self._stored)
        self._form = table_file.compiled(new.table)
        self._content = table_file.content_digest(self._form)
        old = self.previous.table
        self.changes = [] if old is None else changes(old, new.table)
        self.keys = compare_keys(store.name, (old, new.table), self.changes)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The reasons for which running gateways would refuse the new table."""
        try:
            shrinking.check(self.new.table, self.previous.table, self.new.name)
        except InvalidTable as error:
            return error.problems
        return ()

    @property
    def is_live(self) -> bool:
        """Whether the new table is stored already, byte for byte."""
        return self._stored.data == self.new.data

    @property
    def is_compiled(self) -> bool:
        """Whether the stored compiled form is that of the new table, and the table names it."""
        return self._compiled.data == self._form and self._stored.compiled == self._content

    def compile(self) -> None:
        """Store the compiled form of the live table, and the table again if it names another form.

        Raises:
            Refused: Somebody else changed one of them in the meantime.
        """
        self.store.replace_compiled(self._compiled, self._form)
        if self._stored.compiled != self._content:
            self._replace_table(self._stored.origin)

    def publish(self, origin: Mapping[str, str]) -> str | None:
        """Store the new table, and return its version if the bucket keeps versions.

        The compiled form is stored first: gateways use a compiled form only beside the table that
        names it, so nothing changes for them until the table itself is stored.

        Args:
            origin: Metadata from `gatewayctl.publishing.origin`.

        Raises:
            Refused: Somebody else changed the table in the meantime.
        """
        self.store.replace_compiled(self._compiled, self._form)
        try:
            return self._replace_table(origin)
        except Refused:
            self._compile_other_table()
            raise

    def _replace_table(self, origin: Mapping[str, str]) -> str | None:
        metadata = {MODELS: str(len(self.new.table)), COMPILED_DIGEST: self._content, **origin}
        return self.store.replace_table(self._stored, self.new.data, metadata)

    def _compile_other_table(self) -> None:
        """Replace our compiled form by the one for the table that somebody else has stored."""
        with suppress(Refused, NotReachable):
            compiled = self.store.compiled()
            table = _table_in(self.store.table(), self.store.name)
            if table is not None:
                self.store.replace_compiled(compiled, table_file.compiled(table))


def _previous(store: TableStore, stored: StoredObject) -> PreviousTable:
    """Return the stored table, else the newest of its versions that gateways could use."""
    if table := _table_in(stored, store.name):
        return PreviousTable(table, stored.version, None)
    remark = "it was deleted"
    if stored.etag is not None:
        problem = stored.problem or "it is not a valid table"
        remark = f"no gateway would use the stored table: {problem}"
    for version in store.versions():
        if not version.is_live and (table := _table_in(store.earlier(version.id), store.name)):
            return PreviousTable(table, version.id, remark)
    return PreviousTable(None, None, None if stored.etag is None else remark)


def _table_in(stored: StoredObject, name: str) -> RoutingTable | None:
    if stored.data is None:
        return None
    try:
        return table_file.parse(stored.data, name)
    except InvalidTable:
        return None


class GatewayCheck:
    """Reads the stored table as a running gateway does that already has the previous table."""

    def __init__(self, location: S3Location) -> None:
        self._problems = _Problems()
        self._source = S3Source(S3Object(location), self._problems, max_age_seconds=0)
        self._digest()

    def problem(self, digest: str) -> str | None:
        """Return why a gateway does not use the table with this digest now; None if it does."""
        self._problems.texts.clear()
        found = self._digest()
        if found == digest:
            return None
        return (
            "; ".join(self._problems.texts)
            or f"it uses another table, {found and found[:TABLE_DIGITS]}"
        )

    def _digest(self) -> str | None:
        try:
            return self._source.table().digest
        except RoutingUnavailable:
            return None


class _Problems(Telemetry):
    """Collects the reasons that a gateway would log for not using a table."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def table_not_fetched(self, place: str, reason: str) -> None:
        self.texts.append(reason)

    def table_refused(self, problems: Iterable[Any]) -> None:
        self.texts += map(str, problems)

    def table_age(self, seconds: float) -> None:
        """Ignore the age."""

    def compiled_table_not_used(self, place: str, reason: str) -> None:
        """Ignore the reason, because the YAML gives the gateway the same table."""

    def bug(self, error: BaseException, request_id: str | None = None) -> None:
        self.texts.append(type(error).__name__)
