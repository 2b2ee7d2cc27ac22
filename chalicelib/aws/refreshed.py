"""A value that is fetched again when it is old, and stays in use while its store cannot be read.

Routing tables in S3, API keys and the key sets of token issuers are such values.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class FetchFailed(Exception):
    """A store did not give a usable value.

    The reason is written to the log, so it is a text of this project or an error code of AWS.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class StoreUnavailable(Exception):
    """A value is needed, and its store does not give it. The reason is for the log alone."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def failure_reason(error: Exception) -> str:
    """Return the reason of a failed fetch, or the class of another exception, never its text."""
    return error.reason if isinstance(error, FetchFailed) else type(error).__name__


class _Good(NamedTuple, Generic[T]):
    value: T
    fetched_at: float


class Refreshed(Generic[T]):
    """The newest good value of a store.

    Only one thread fetches at a time. After a failure, even a bug in `fetch`, the last good value
    stays in use, and the next attempt waits for the cooldown, so that during an outage only a few
    requests wait for a timeout.

    Ages are measured with the wall clock, because the monotonic clock can stop while Lambda freezes
    the process. If the wall clock was set back, the age is unknown and the value is fetched again.

    Args:
        fetch: Reads the value from its store.
        max_age_seconds: How long a value is used before it is fetched again.
        cooldown_seconds: The pause after a failed fetch.
        cold_cooldown_seconds: The pause after a failed fetch while there is no value yet; the same
            pause if None.
        expires_after_seconds: How long a value is used while no newer one can be fetched; for ever
            if None.
        serve_stale: Whether the other threads use the old value while one thread fetches. Otherwise
            they wait for the new value. While there is no value, they wait in any case.
        clock: Returns the seconds since the epoch.
        report: Is called with the exception after each failed fetch.
    """

    def __init__(
        self,
        fetch: Callable[[], T],
        *,
        max_age_seconds: float,
        cooldown_seconds: float,
        cold_cooldown_seconds: float | None = None,
        expires_after_seconds: float | None = None,
        serve_stale: bool = False,
        clock: Callable[[], float] = time.time,
        report: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._fetch = fetch
        self._max_age_seconds = max_age_seconds
        self._cooldown_seconds = cooldown_seconds
        self._cold_cooldown_seconds = (
            cooldown_seconds if cold_cooldown_seconds is None else cold_cooldown_seconds
        )
        self._expires_after_seconds = expires_after_seconds
        self._serve_stale = serve_stale
        self._clock = clock
        self._report = report
        self._lock = threading.Lock()
        self._good: _Good[T] | None = None
        self._failed_at: float | None = None
        self._failing_since: float | None = None
        self._reason = ""

    def value(self) -> T:
        """Return the value, fetched again if it is older than `max_age_seconds`.

        Raises:
            StoreUnavailable: There is no value, or the last good one has expired.
        """
        self._refresh_if_older_than(self._max_age_seconds)
        return self._last_good()

    def renewed(self) -> T:
        """Return the value, fetched again if it is older than `cooldown_seconds`.

        Raises:
            StoreUnavailable: There is no value, or the last good one has expired.
        """
        self._refresh_if_older_than(self._cooldown_seconds)
        return self._last_good()

    @property
    def last_fetch_failed(self) -> bool:
        """Whether the store may have a newer value that could not be fetched."""
        return self._failed_at is not None

    @property
    def failing_seconds(self) -> float | None:
        """The seconds since the first failed fetch after the last good one; None after a good one.

        While nobody asks for the value, nothing is fetched and so nothing fails.
        """
        since = self._failing_since
        return None if since is None else self._clock() - since

    @property
    def fetched_at(self) -> float | None:
        """When the fetch of the value began, on the clock; None while there is no value."""
        good = self._good
        return None if good is None else good.fetched_at

    @property
    def age_seconds(self) -> float | None:
        """The seconds since the value was known to be the newest; None while there is no value."""
        good = self._good
        return None if good is None else self._clock() - good.fetched_at

    def _refresh_if_older_than(self, seconds: float) -> None:
        if not self._is_due(seconds):
            return
        must_wait = self._good is None or not self._serve_stale
        if self._lock.acquire(blocking=must_wait):
            try:
                if self._is_due(seconds):  # no other thread fetched while this one waited
                    self._refresh()
            finally:
                self._lock.release()

    def _is_due(self, seconds: float) -> bool:
        failed_at, good = self._failed_at, self._good
        cooldown = self._cold_cooldown_seconds if good is None else self._cooldown_seconds
        if failed_at is not None and self._is_within(cooldown, failed_at):
            return False
        return good is None or not self._is_within(seconds, good.fetched_at)

    def _is_within(self, seconds: float, since: float) -> bool:
        return 0 <= self._clock() - since < seconds

    def _refresh(self) -> None:
        started = self._clock()
        try:
            self._good = _Good(self._fetch(), started)
            self._failed_at = self._failing_since = None
        except Exception as error:
            self._reason = failure_reason(error)
            self._failed_at = self._clock()
            if self._failing_since is None:
                self._failing_since = self._failed_at
            self._report(error)

    def _last_good(self) -> T:
        good, limit = self._good, self._expires_after_seconds
        if good is None or not (limit is None or self._is_within(limit, good.fetched_at)):
            raise StoreUnavailable(self._reason)
        return good.value
