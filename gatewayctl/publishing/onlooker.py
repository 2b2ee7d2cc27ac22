"""A gateway's own eyes on a table: the code that runs behind every request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.s3_source import S3Object, S3Source
from chalicelib.telemetry.log import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.settings import S3Location


class Onlooker:
    """Has the table that was there when it was made, as running gateways have."""

    def __init__(self, location: S3Location) -> None:
        self._reasons = _Reasons()
        self._source = S3Source(S3Object(location), self._reasons, max_age_seconds=0)
        self._digest()

    def objection(self, digest: str) -> str | None:
        """Why a gateway that looks now has not this table; None if it has."""
        self._reasons.said.clear()
        seen = self._digest()
        if seen == digest:
            return None
        return "; ".join(self._reasons.said) or f"it finds another one, {seen and seen[:12]}"

    def _digest(self) -> str | None:
        try:
            return self._source.table().digest
        except RoutingUnavailable:
            return None


class _Reasons(Telemetry):
    """Keeps what a gateway would write down when it cannot have a table."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def table_not_fetched(self, place: str, reason: str) -> None:
        self.said.append(reason)

    def table_refused(self, problems: Iterable[Any]) -> None:
        self.said += map(str, problems)

    def table_age(self, seconds: float) -> None:
        """Nobody is interested."""

    def bug(self, error: BaseException, request_id: str | None = None) -> None:
        self.said.append(type(error).__name__)
