"""Where a routing table comes from. One class for each kind of place, one row in `SOURCES`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.errors import ConfigurationError, RoutingUnavailable
from chalicelib.settings import FileLocation, S3Location
from chalicelib.table import file
from chalicelib.table.problems import InvalidTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.routing import RoutingTable
    from chalicelib.settings import Settings
    from chalicelib.telemetry import Telemetry


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


def _no_s3(location: S3Location, telemetry: Telemetry) -> RoutingSource:
    raise ConfigurationError(
        [f"GATEWAY_ROUTING is s3://{location.bucket}/{location.key}; this version reads file: only"]
    )


SOURCES: dict[type, Callable[[Any, Telemetry], RoutingSource]] = {
    FileLocation: FileSource,
    S3Location: _no_s3,
}


def source_for(settings: Settings, telemetry: Telemetry) -> RoutingSource:
    """The source that the settings name."""
    return SOURCES[type(settings.routing)](settings.routing, telemetry)
