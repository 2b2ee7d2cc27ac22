"""Faults on demand: SageMaker's failures, switched on for an endpoint by an HTTP request.

PUT    /_local/faults/<endpoint>   {"fault": "throttle", "share": 0.5, "count": 10}
GET    /_local/faults/<endpoint>
DELETE /_local/faults/<endpoint>
"""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagemaker_local import errors

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_SECONDS = 5.0

# Faults that replace the response by an error.
ERRORS: dict[str, Callable[[], errors.InvocationError]] = {
    "throttle": errors.Throttled,
    "e500": errors.InternalFailure,
    "e503": errors.ServiceUnavailable,
    "e530": errors.InternalDependency,
}
KINDS = (
    *ERRORS,
    "not-ready",
    "model-error",
    "hang",
    "drip",
    "reset",
    "truncate",
    "slow-load",
    "expired",
    "lost",
)
"""`expired` and `lost` affect asynchronous requests alone."""


class InvalidFault(ValueError):
    """A PUT does not describe a fault; the text explains why."""


@dataclass
class Fault:
    """A failure, with the share and the number of requests that it affects.

    `seconds` is the delay of a `hang`, the time that a `drip` spreads the response body over, and
    the delay that a `slow-load` adds to each cold load.
    """

    kind: str
    share: float = 1.0
    seconds: float = DEFAULT_SECONDS
    count: int | None = None
    removed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def parse(cls, body: bytes) -> Fault:
        """Parse the JSON body of a PUT.

        Raises:
            InvalidFault: The body is not JSON, or a member has an invalid value.
        """
        try:
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidFault("The body is not JSON.") from error
        if not isinstance(given, dict) or given.get("fault") not in KINDS:
            raise InvalidFault(f"`fault` must be one of {', '.join(KINDS)}.")
        if unknown := given.keys() - {"fault", "share", "seconds", "count"}:
            raise InvalidFault(
                f"Unknown: {', '.join(sorted(unknown))}; a fault has fault, share,"
                " seconds and count."
            )
        members = {key: value for key, value in given.items() if value is not None}
        return cls(
            kind=members["fault"],
            share=_number(members, "share", 1.0, maximum=1.0),
            seconds=_number(members, "seconds", DEFAULT_SECONDS, maximum=3600.0),
            count=_count(members),
        )

    async def delay(self, seconds: float) -> None:
        """Wait for the given time, or until the fault is removed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.removed.wait()

    def describe(self) -> dict[str, Any]:
        """Return the fault as the JSON members that a PUT has."""
        members = {key: getattr(self, key) for key in ("share", "seconds", "count")}
        return {"fault": self.kind, **members}


def _number(members: dict[str, Any], name: str, default: float, *, maximum: float) -> float:
    value = members.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= maximum:
        raise InvalidFault(f"`{name}` must be a number from 0 to {maximum:g}; got {value!r}.")
    return float(value)


def _count(members: dict[str, Any]) -> int | None:
    value = members.get("count")
    if value is not None and (type(value) is not int or value < 0):
        raise InvalidFault(f"`count` must be a whole number from 0 on; got {value!r}.")
    return value


class Faults:
    """The current fault of each endpoint, by the endpoint's name."""

    def __init__(self) -> None:
        self._by_endpoint: dict[str, Fault] = {}

    def put(self, endpoint: str, fault: Fault) -> None:
        self.remove(endpoint)
        self._by_endpoint[endpoint] = fault

    def get(self, endpoint: str) -> Fault | None:
        return self._by_endpoint.get(endpoint)

    def remove(self, endpoint: str) -> None:
        """Remove the endpoint's fault; requests that it delays continue."""
        if (fault := self._by_endpoint.pop(endpoint, None)) is not None:
            fault.removed.set()

    def draw(self, endpoint: str) -> Fault | None:
        """Return the fault for the next request, if any; a `slow-load` affects loads alone."""
        fault = self._by_endpoint.get(endpoint)
        if fault is None or fault.kind == "slow-load":
            return None
        return fault if _affects_next(fault) else None

    async def delay_load(self, endpoint: str) -> None:
        """Wait for as long as a `slow-load` fault delays the next cold load on the endpoint."""
        fault = self._by_endpoint.get(endpoint)
        if fault is not None and fault.kind == "slow-load" and _affects_next(fault):
            await fault.delay(fault.seconds)


def _affects_next(fault: Fault) -> bool:
    """Decide by share and count, and use up one of the count."""
    if random.random() >= fault.share or fault.count == 0:
        return False
    if fault.count is not None:
        fault.count -= 1
    return True
