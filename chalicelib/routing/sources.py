"""Where a routing table comes from. One class for each kind of place, one row in `SOURCES`."""

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
    """Something that has a table."""

    def table(self) -> RoutingTable:
        """The table as of now. When none could be loaded: RoutingUnavailable."""


class FileSource:
    """A table that ships with the code: read once, when the process starts."""

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


def _from_file(settings: Settings, location: FileLocation, telemetry: Telemetry) -> RoutingSource:
    return FileSource(location, telemetry)


def _from_s3(settings: Settings, location: S3Location, telemetry: Telemetry) -> RoutingSource:
    # A table that ships with the code does not pay for these.
    from chalicelib.routing.refreshed import RefreshedSource  # noqa: PLC0415
    from chalicelib.routing.s3_object import S3Object  # noqa: PLC0415

    return RefreshedSource(S3Object(location), telemetry, max_age_seconds=settings.routing_max_age)


SOURCES: dict[type, Callable[[Settings, Any, Telemetry], RoutingSource]] = {
    FileLocation: _from_file,
    S3Location: _from_s3,
}


def source_for(settings: Settings, telemetry: Telemetry) -> RoutingSource:
    """The source that the settings name."""
    return SOURCES[type(settings.routing)](settings, settings.routing, telemetry)
