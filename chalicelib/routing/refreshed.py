"""A table that changes without a deploy: looked at now and then, swapped whole, never lost."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from chalicelib.aws.deadline import Deadline
from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import shrinking
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.s3_object import NotFetched

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.routing.s3_object import S3Object
    from chalicelib.routing.table import RoutingTable
    from chalicelib.telemetry.log import Telemetry

LOOK_SECONDS = 2.0
"""For all that one look takes; a request waits for it."""

COOLDOWN_SECONDS = 5.0
"""Between two looks while there is no table at all."""


class RefreshedSource:
    """The last good table of an S3 object.

    One request looks, all others go on with the table they have. Whatever is wrong with a new one,
    the old one stays in force, however long that lasts.
    """

    def __init__(
        self,
        place: S3Object,
        telemetry: Telemetry,
        *,
        max_age_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._place = place
        self._telemetry = telemetry
        self._max_age_seconds = max_age_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._table: RoutingTable | None = None
        self._seen: str | None = None
        self._in_force: str | None = None
        self._looked_at: float | None = None
        self._current_at = 0.0

    def table(self) -> RoutingTable:
        # Without a table everybody waits for whoever is fetching it.
        if self._is_due() and self._lock.acquire(blocking=self._table is None):
            try:
                if self._is_due():  # nobody has done it while we waited
                    self._look()
            finally:
                self._lock.release()
        table = self._table
        if table is None:
            raise RoutingUnavailable
        return table

    def _is_due(self) -> bool:
        """By the wall's clock: the monotonic one may stand still while Lambda freezes a process."""
        if self._looked_at is None:
            return True
        pause = self._max_age_seconds
        if self._table is None:
            pause = min(pause, COOLDOWN_SECONDS)
        return not 0 <= self._clock() - self._looked_at < pause

    def _look(self) -> None:
        started = self._clock()
        try:
            with Deadline.soonest([LOOK_SECONDS]).in_force():
                fetched = self._place.fetch(self._seen)
                if fetched is not None:
                    # Noted before it is checked: a bad table is read once, and not every time.
                    self._seen = fetched.etag
                    new = self._place.parse(fetched.data)
                    shrinking.check(new, self._table, self._place.name)
                    self._table = new
                    self._in_force = fetched.etag
            if self._in_force == self._seen:
                self._current_at = started
        except NotFetched as error:
            self._telemetry.table_not_fetched(self._place.name, error.reason)
        except InvalidTable as error:
            self._telemetry.table_refused(error.problems)
        # Callers of the old table are not to pay for a bug in reading a new one.
        except Exception as bug:
            self._telemetry.bug(bug)
        finally:
            # Not before: until then those who have no table wait for this look.
            self._looked_at = self._clock()
            if self._table is not None:
                self._telemetry.table_age(started - self._current_at)
