"""What is written down about a request: one JSON line, by Powertools' Logger.

A line says who called what, how it ended and how long it took. It never holds a body, a
credential, a header's value, or a word of SageMaker's.
"""

from __future__ import annotations

import itertools
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.targets import Target

TABLE_DIGITS = 12
# A deployed stage has Powertools' POWERTOOLS_SERVICE_NAME; without it Powertools says the latter.
LOCAL_SERVICE, NO_SERVICE = "inference-gateway-local", "service_undefined"


@dataclass(slots=True)
class RequestRecord:
    """What one request's line will say; filled in as the request goes down."""

    request_id: str
    bytes_in: int = 0
    bytes_out: int = 0
    principal: str | None = None
    key_id: str | None = None
    model: str | None = None
    kind: str | None = None
    endpoint: str | None = None
    target: str | None = None
    table: str | None = None
    status: int = 0
    slug: str | None = None
    attempts: int = 0
    model_seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0

    def aim(self, target: Target) -> None:
        """Note the endpoint, and what on it is called."""
        chosen = dict(target.invoke_args())
        self.endpoint = chosen.pop("EndpointName")
        self.target = ", ".join(f"{name}={value}" for name, value in chosen.items()) or None

    def finish(self) -> None:
        """The request is over."""
        self.seconds = time.perf_counter() - self.started

    @property
    def model_ms(self) -> float:
        return round(self.model_seconds * 1000, 1)

    @property
    def gateway_ms(self) -> float:
        """All of the time that was not the model's."""
        return round((self.seconds - self.model_seconds) * 1000, 1)


class Telemetry:
    """The log of one gateway."""

    def __init__(self, logger: Logger | None = None) -> None:
        self._logger = logger or _logger()
        self._requests = itertools.count()

    def request(self, record: RequestRecord) -> None:
        """One line for a request that has its answer."""
        self._logger.info(
            "request",
            request_id=record.request_id,
            principal=record.principal,
            key_id=record.key_id,
            model=record.model,
            kind=record.kind,
            endpoint=record.endpoint,
            target=record.target,
            status=record.status,
            slug=record.slug,
            model_ms=record.model_ms,
            gateway_ms=record.gateway_ms,
            bytes_in=record.bytes_in,
            bytes_out=record.bytes_out,
            attempts=record.attempts,
            cold_start=next(self._requests) == 0,
            table=record.table and record.table[:TABLE_DIGITS],
        )

    def bug(self, error: BaseException, request_id: str) -> None:
        """Where it happened, and not what it said: an exception's text may hold a caller's data."""
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        kind = type(error).__name__
        self._logger.error("bug", request_id=request_id, exception=kind, where=where)

    def table_refused(self, problems: Iterable[Any]) -> None:
        """The routing table could not be loaded; every problem with its place."""
        self._logger.error("routing table refused", problems=[str(one) for one in problems])


def _logger() -> Logger:
    logger = Logger()
    return Logger(service=LOCAL_SERVICE) if logger.service == NO_SERVICE else logger
