"""Where the gateway takes its routing table from: a class and a row in `SOURCES` for each place."""

from __future__ import annotations

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


class RoutingSource(Protocol):
    """A place that a routing table comes from."""

    def table(self) -> RoutingTable:
        """Return the current table.

        Raises:
            RoutingUnavailable: No good table could be read so far.
        """


class FileSource:
    """A table that ships with the code. It is read once, when the process starts."""

    def __init__(self, location: FileLocation, telemetry: Telemetry) -> None:
        self._table: RoutingTable | None = None
        try:
            self._table = file.load(location.path)
        except InvalidTable as error:
            telemetry.table_refused(error.problems)

    def table(self) -> RoutingTable:
        if self._table is None:
            raise RoutingUnavailable
        return self._table


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
