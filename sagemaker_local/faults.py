"""Faults on demand: what SageMaker does on its worst days, when a test asks for it.

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

# Faults that take the place of an answer.
ERRORS: dict[str, Callable[[], errors.InvocationError]] = {
    "throttle": errors.Throttled,
    "e500": errors.InternalFailure,
    "e503": errors.ServiceUnavailable,
    "e530": errors.InternalDependency,
}
KINDS = (*ERRORS, "not-ready", "model-error", "hang", "drip", "reset", "truncate", "slow-load")


class BadFault(ValueError):
    """The fault that was asked for makes no sense; the text says why."""


@dataclass
class Fault:
    """What goes wrong, for which share of the calls, for how many of them.

    `seconds` is how long a `hang` holds a call back before it is answered as usual, a `drip`
    takes over the answer's body, and a `slow-load` adds to each cold load.
    """

    fault: str
    share: float = 1.0
    seconds: float = DEFAULT_SECONDS
    count: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def parse(cls, body: bytes) -> Fault:
        """From the JSON of a PUT. When it is not one: BadFault."""
        try:
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise BadFault("The body is not JSON.") from error
        if not isinstance(given, dict) or given.get("fault") not in KINDS:
            raise BadFault(f"`fault` must be one of {', '.join(KINDS)}.")
        if unknown := given.keys() - {"fault", "share", "seconds", "count"}:
            raise BadFault(
                f"Unknown: {', '.join(sorted(unknown))}; a fault has fault, share,"
                " seconds and count."
            )
        known = {key: value for key, value in given.items() if value is not None}
        return cls(
            fault=known["fault"],
            share=_number(known, "share", 1.0, most=1.0),
            seconds=_number(known, "seconds", DEFAULT_SECONDS, most=3600.0),
            count=_count(known),
        )

    async def hold(self, seconds: float) -> None:
        """Wait so long, but not beyond the end of the fault."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()

    def describe(self) -> dict[str, Any]:
        """As JSON."""
        return {key: getattr(self, key) for key in ("fault", "share", "seconds", "count")}


def _number(given: dict[str, Any], name: str, default: float, *, most: float) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise BadFault(f"`{name}` must be a number from 0 to {most:g}; got {value!r}.")
    return float(value)


def _count(given: dict[str, Any]) -> int | None:
    value = given.get("count")
    if value is not None and (type(value) is not int or value < 0):
        raise BadFault(f"`count` must be a whole number from 0 on; got {value!r}.")
    return value


class Faults:
    """The fault in force for each endpoint, by name."""

    def __init__(self) -> None:
        self._by_endpoint: dict[str, Fault] = {}

    def put(self, endpoint: str, fault: Fault) -> None:
        self.end(endpoint)
        self._by_endpoint[endpoint] = fault

    def get(self, endpoint: str) -> Fault | None:
        return self._by_endpoint.get(endpoint)

    def end(self, endpoint: str) -> None:
        """What waits because of it goes on."""
        if (fault := self._by_endpoint.pop(endpoint, None)) is not None:
            fault.ended.set()

    def draw(self, endpoint: str) -> Fault | None:
        """The fault that this call suffers, if it does; a `slow-load` waits for a cold one."""
        fault = self._by_endpoint.get(endpoint)
        if fault is None or fault.fault == "slow-load":
            return None
        return fault if self._strikes(fault) else None

    async def delay_load(self, endpoint: str) -> None:
        """Return when a cold load on the endpoint may begin."""
        fault = self._by_endpoint.get(endpoint)
        if fault is not None and fault.fault == "slow-load" and self._strikes(fault):
            await fault.hold(fault.seconds)

    @staticmethod
    def _strikes(fault: Fault) -> bool:
        if random.random() >= fault.share:
            return False
        if fault.count is not None:
            if fault.count == 0:
                return False
            fault.count -= 1
        return True
