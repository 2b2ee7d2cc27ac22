"""Where the gateway takes its routing table from: a class and a row in `SOURCES` for each place."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import file
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.settings import FileLocation, S3Location

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.routing.table import RoutingTable
    from chalicelib.settings import Settings
    from chalicelib.telemetry.log import Telemetry

RETRY_SECONDS = 5.0
"""The pause after a bug during which a file is not read again."""


class RoutingSource(Protocol):
    """A place that a routing table comes from."""

    def table(self) -> RoutingTable:
        """Return the current table.

        Raises:
            RoutingUnavailable: No good table could be read so far.
        """

    def stale_seconds(self) -> float | None:
        """Return how long ago the table was known to be the newest one, if it may not be now.

        Returns:
            None if the table is current, or if too few looks for a newer one have failed to tell.
        """


class FileSource:
    """A table that ships with the code. It is read when the process starts.

    It is read again after a bug, because a bug does not mean that the table is bad, and if a row of
    its compiled form turns out to be unusable.
    """

    def __init__(
        self,
        location: FileLocation,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = location.path
        self._telemetry = telemetry
        self._clock = clock
        self._table: RoutingTable | None = None
        self._read_from = -math.inf
        """The moment from which the file may be read again."""
        self._read()

    def table(self) -> RoutingTable:
        table = self._table
        if (table is None or table.misfits) and self._clock() >= self._read_from:
            self._read()
        if self._table is None:
            raise RoutingUnavailable
        return self._table

    def stale_seconds(self) -> None:
        """A table that ships with the code is as new as the code."""

    def _read(self) -> None:
        try:
            if self._table is None:
                self._table = file.load(self._path, self._not_compiled)
            else:
                self._table = file.parse(file.read_bytes(self._path), str(self._path))
                self._not_compiled(file.MISFIT)
        except InvalidTable as error:
            self._table, self._read_from = None, math.inf
            self._telemetry.table_refused(error.problems)
        except Exception as error:
            self._read_from = self._clock() + RETRY_SECONDS
            self._telemetry.bug(error)

    def _not_compiled(self, reason: str) -> None:
        self._telemetry.compiled_table_not_used(str(self._path), reason)


def _from_s3(settings: Settings, location: S3Location, telemetry: Telemetry) -> RoutingSource:
    # Imported here, because a process whose table ships with the code does not need an S3 client.
    from chalicelib.routing.s3_source import S3Object, S3Source  # noqa: PLC0415

    return S3Source(S3Object(location), telemetry, max_age_seconds=settings.routing_max_age)


SOURCES: dict[type, Callable[[Settings, Any, Telemetry], RoutingSource]] = {
    FileLocation: lambda _settings, location, telemetry: FileSource(location, telemetry),
    S3Location: _from_s3,
}


def source_for(settings: Settings, telemetry: Telemetry) -> RoutingSource:
    """Return the source that `GATEWAY_ROUTING` names."""
    return SOURCES[type(settings.routing)](settings, settings.routing, telemetry)
