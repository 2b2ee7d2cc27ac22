"""Functions as Lambda runs them: JSON in both directions, at most 6 MiB of it, for a limited time.

A function is what Lambda would call: `(event, context) -> result`. An app of Chalice's is one, and
so is its authorizer; `packaged` makes one of the zip that AWS's runtime client runs.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support import lambda_runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[dict[str, Any], "LambdaContext"], Any]
    Clock = Callable[[], float]

MAX_PAYLOAD_BYTES = lambda_runtime.MAX_PAYLOAD_BYTES


class FunctionFailed(Exception):
    """The function has raised, was ended, or has answered with what Lambda cannot carry."""


class EventTooLarge(Exception):
    """Lambda does not take the event."""


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda says about an invocation."""

    function_name: str
    clock: Clock
    deadline: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "1024"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self.deadline - self.clock()) * 1000))


@dataclass(frozen=True)
class Function:
    """A handler, and how long it may take."""

    name: str
    handler: Handler
    seconds: float
    clock: Clock

    def invoke(self, event: dict[str, Any]) -> Any:
        """Its result. When there is none: FunctionFailed, with the text of what it raised."""
        payload = _dumped(event)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise EventTooLarge(f"an event of {len(payload):,} bytes")
        context = LambdaContext(self.name, self.clock, self.clock() + self.seconds)
        result = self._result(json.loads(payload), context)
        if self.clock() >= context.deadline:
            raise FunctionFailed(f"Task timed out after {self.seconds:.2f} seconds")
        return result

    def _result(self, event: dict[str, Any], context: LambdaContext) -> Any:
        try:
            answer = _dumped(self.handler(event, context))
        except AssertionError:
            raise  # a test's, about what has arrived
        except Exception as error:
            raise FunctionFailed(str(error)) from error
        if len(answer) > MAX_PAYLOAD_BYTES:
            raise FunctionFailed(f"an answer of {len(answer):,} bytes")
        return json.loads(answer)


def packaged(running: lambda_runtime.Lambda) -> Handler:
    """The function of the package, as it runs under AWS's runtime client."""

    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        try:
            return running.invoke(event, context.get_remaining_time_in_millis() / 1000)
        except lambda_runtime.FunctionFailed as failed:
            raise FunctionFailed(_error_message(str(failed))) from failed

    return handler


def _error_message(answer: str) -> str:
    """What the function raised, if that is why it failed."""
    try:
        return str(json.loads(answer)["errorMessage"])
    except ValueError:
        return answer


def _dumped(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
