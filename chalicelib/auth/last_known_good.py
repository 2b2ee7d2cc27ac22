"""Something that is kept elsewhere: fetched when it is needed, and used on while it is away."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from chalicelib.auth.identity import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

GOOD_FOR_SECONDS = 24 * 3600.0


class FetchFailed(Exception):
    """When there is nothing usable to be had; the reason is in our own words."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class _Good(NamedTuple, Generic[T]):
    value: T
    fetched_at: float


class LastKnownGood(Generic[T]):
    """The newest value that could be fetched.

    It is fetched by one caller at a time, while the others wait: nobody is answered by an older
    value than `max_age_seconds` while there are newer ones. After a failure nobody tries again
    for `cooldown_seconds`, so that an outage costs a time-out now and then, and not one a request.

    The clock is the wall's: the monotonic one may stand still while Lambda has frozen the process,
    and what is revoked in that time must not outlive it.
    """

    def __init__(
        self,
        fetch: Callable[[], T],
        *,
        max_age_seconds: float,
        cooldown_seconds: float,
        clock: Callable[[], float] = time.time,
        report: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._fetch = fetch
        self._max_age_seconds = max_age_seconds
        self._cooldown_seconds = cooldown_seconds
        self._clock = clock
        self._report = report
        self._lock = threading.Lock()
        self._good: _Good[T] | None = None
        self._failed_at: float | None = None
        self._reason = ""

    def value(self) -> T:
        """A value that is new enough, or the last good one. Without any: StoreUnavailable."""
        self._refresh_after(self._max_age_seconds)
        return self._last_good()

    def renewed(self) -> T:
        """The same, but fetched again, unless that was just done or tried."""
        self._refresh_after(self._cooldown_seconds)
        return self._last_good()

    @property
    def is_overdue(self) -> bool:
        """Whether the last attempt to fetch it failed."""
        return self._failed_at is not None

    @property
    def age_seconds(self) -> float | None:
        """How old the newest value is; None before there is one."""
        good = self._good
        return None if good is None else self._clock() - good.fetched_at

    def _refresh_after(self, seconds: float) -> None:
        if self._is_due(seconds):
            with self._lock:
                if self._is_due(seconds):  # nobody has done it while we waited
                    self._refresh()

    def _is_due(self, seconds: float) -> bool:
        failed_at, good = self._failed_at, self._good
        if failed_at is not None and self._within(self._cooldown_seconds, failed_at):
            return False
        return good is None or not self._within(seconds, good.fetched_at)

    def _within(self, seconds: float, since: float) -> bool:
        """A moment in the future means that the clock was set back, and says nothing."""
        return 0 <= self._clock() - since < seconds

    def _refresh(self) -> None:
        started = self._clock()
        try:
            self._good = _Good(self._fetch(), started)
            self._failed_at = None
        # Whatever is wrong with a new value, a bug in reading it included, those who were let in
        # by the old one are not to pay for it.
        except Exception as error:
            self._reason = error.reason if isinstance(error, FetchFailed) else type(error).__name__
            self._failed_at = self._clock()
            self._report(self._reason)

    def _last_good(self) -> T:
        good = self._good
        if good is None or not self._within(GOOD_FOR_SECONDS, good.fetched_at):
            raise StoreUnavailable(self._reason)
        return good.value
