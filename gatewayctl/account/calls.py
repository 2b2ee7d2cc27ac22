"""Calls that only read: paced, tried again where that helps, and told apart when they fail."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gatewayctl.account.values import Unread
from gatewayctl.aws import reaching
from gatewayctl.report import NoAnswer, NotReachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayctl.account.pace import Pace

MOST_ATTEMPTS = 8
LONGEST_BACKOFF_SECONDS = 20.0

# SageMaker has one code for everything that it cannot find.
NOT_THERE = {"ValidationException", "ResourceNotFound", "NoSuchBucket"}

# By how the code of an answer starts.
DENIED = ("AccessDenied", "AllAccessDisabled")
TOO_FAST = ("Throttl", "RequestThrottl", "RequestLimitExceeded", "TooManyRequests")

ACTIONS = {"ListObjectsV2": "ListBucket"}  # where the name in IAM is another one


class Hidden(Exception):
    """When a call is not allowed, or what it asks for is not there."""

    def __init__(self, unread: Unread) -> None:
        super().__init__(str(unread))
        self.unread = unread


class Calls:
    """The calls of one service, one at a time. When AWS cannot be reached: `NotReachable`."""

    def __init__(self, service: str, client: Any, pace: Pace, random: Random | None = None) -> None:
        self.client = client
        self._service = service
        self._pace = pace
        self._random = random or Random()
        self._has_answered = False

    def __call__(self, what: str, operation: str, **members: Any) -> dict[str, Any]:
        """The answer about what a person would call `what`, or `Hidden`."""
        for attempt in count(1):
            try:
                return self._once(what, operation, members)
            except NotReachable as error:
                if attempt == MOST_ATTEMPTS or not self._will_pass(error):
                    raise
            longest = min(LONGEST_BACKOFF_SECONDS, 2.0 ** (attempt - 1))
            self._pace.sleep(self._random.uniform(longest / 2, longest))
        raise AssertionError("count() has no end")

    def pages(
        self, what: str, operation: str, tokens: tuple[str, str], **members: Any
    ) -> Iterator[dict[str, Any]]:
        """Every page of a list; `tokens` are the members that announce the next and ask for it."""
        announced, asked = tokens
        page = self(what, operation, **members)
        yield page
        while token := page.get(announced):
            page = self(what, operation, **{**members, asked: token})
            yield page

    def _once(self, what: str, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        self._pace.wait()
        with reaching(self._service):
            try:
                answer: dict[str, Any] = getattr(self.client, operation)(**members)
            except ClientError as error:
                self._has_answered = True
                if (denied := _is_denied(error)) is not None:
                    raise Hidden(Unread(what, self._action(error), denied)) from error
                raise
        self._has_answered = True
        return answer

    def _action(self, error: ClientError) -> str:
        operation = error.operation_name
        return f"{self._service}:{ACTIONS.get(operation, operation)}"

    def _will_pass(self, error: NotReachable) -> bool:
        """Silence counts only from what has answered before: a wrong address stays wrong."""
        if isinstance(error.__cause__, ClientError) and _code(error.__cause__).startswith(TOO_FAST):
            self._pace.halve()
            return True
        return isinstance(error, NoAnswer) and self._has_answered


def _is_denied(error: ClientError) -> bool | None:
    """None when it is neither a refusal nor for something that is not there."""
    code = _code(error)
    if code.startswith(DENIED):
        return True
    return False if code in NOT_THERE else None


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code", ""))
