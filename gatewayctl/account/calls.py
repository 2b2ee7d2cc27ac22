"""Calls AWS to read only, at a limited rate, and repeats calls after temporary errors."""

from __future__ import annotations

import time
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gatewayctl.account.values import Unread
from gatewayctl.aws import error_code, reaching
from gatewayctl.report import NoAnswer, NotReachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BURST = 20
"""The number of calls that are made without a pause."""
SLOWEST_PER_SECOND = 0.5
"""The rate is never reduced below this."""
RECOVERY = 1.02
"""The factor by which the rate grows back with each call after AWS has throttled."""

MOST_ATTEMPTS = 8
LONGEST_BACKOFF_SECONDS = 20.0

# For most things that do not exist, SageMaker answers with ValidationException.
NOT_FOUND = {"ValidationException", "ResourceNotFound", "NoSuchBucket"}

# The beginnings of error codes.
DENIED = ("AccessDenied", "AllAccessDisabled")
THROTTLED = ("Throttl", "RequestThrottl", "RequestLimitExceeded", "TooManyRequests")

ACTIONS = {"ListObjectsV2": "ListBucket"}
"""The IAM action of an operation, where it has another name."""


class Pace:
    """Limits the rate of calls, so that deployments in the same account are not throttled."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._most = self._per_second = per_second
        self._clock = clock
        self.sleep = sleep
        self._due = float("-inf")

    def wait(self) -> None:
        """Wait until the next call may be made."""
        now = self._clock()
        interval = 1 / self._per_second
        self._due = max(self._due, now - BURST * interval) + interval
        if self._due > now:
            self.sleep(self._due - now)
        self._per_second = min(self._most, self._per_second * RECOVERY)

    def halve(self) -> None:
        """Halve the rate after AWS has throttled; later calls raise it again step by step."""
        self._per_second = max(min(self._most, SLOWEST_PER_SECOND), self._per_second / 2)
        self._due = max(self._due, self._clock())


class CannotRead(Exception):
    """The permission for a call is missing, or the thing to read does not exist."""

    def __init__(self, unread: Unread) -> None:
        super().__init__(str(unread))
        self.unread = unread


class ReadClient:
    """Calls operations of one AWS service, one after the other."""

    def __init__(self, service: str, client: Any, pace: Pace, random: Random | None = None) -> None:
        self.client = client
        self._service = service
        self._pace = pace
        self._random = random or Random()
        self._has_answered = False

    def call(self, what: str, operation: str, **members: Any) -> dict[str, Any]:
        """Call an operation.

        Args:
            what: The thing that is read, in words: `model tabular-v2`.
            operation: The name of the method of the boto3 client.
            members: The members of the request.

        Raises:
            CannotRead: A permission is missing, or the thing does not exist.
            NotReachable: AWS could not be reached, or went on throttling.
        """
        for attempt in count(1):
            try:
                return self._call_once(what, operation, members)
            except NotReachable as error:
                if attempt == MOST_ATTEMPTS:
                    raise
                if _is_throttled(error):
                    self._pace.halve()
                elif not (isinstance(error, NoAnswer) and self._has_answered):
                    raise  # a service that has never answered will not answer the next attempt
            longest = min(LONGEST_BACKOFF_SECONDS, 2.0 ** (attempt - 1))
            self._pace.sleep(self._random.uniform(longest / 2, longest))
        raise AssertionError("count() has no end")

    def pages(
        self, what: str, operation: str, tokens: tuple[str, str], **members: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield every page of a list; `call` reads each of them, and raises its errors.

        Args:
            tokens: The member of a response with the token of the next page, and the member of the
                request that takes this token.
        """
        announced, requested = tokens
        page = self.call(what, operation, **members)
        yield page
        while token := page.get(announced):
            page = self.call(what, operation, **{**members, requested: token})
            yield page

    def _call_once(self, what: str, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        self._pace.wait()
        with reaching(self._service):
            try:
                response: dict[str, Any] = getattr(self.client, operation)(**members)
            except ClientError as error:
                self._has_answered = True
                if (denied := _is_denied(error_code(error))) is not None:
                    raise CannotRead(Unread(what, self._action(error), denied)) from error
                raise
        self._has_answered = True
        return response

    def _action(self, error: ClientError) -> str:
        operation = error.operation_name
        return f"{self._service}:{ACTIONS.get(operation, operation)}"


def _is_throttled(error: NotReachable) -> bool:
    cause = error.__cause__
    return isinstance(cause, ClientError) and error_code(cause).startswith(THROTTLED)


def _is_denied(code: str) -> bool | None:
    """Return True for a missing permission, False for a missing thing, None for other errors."""
    if code.startswith(DENIED):
        return True
    return False if code in NOT_FOUND else None
