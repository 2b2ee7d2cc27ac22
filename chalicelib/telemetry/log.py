"""What is written down about a request: one JSON line by Powertools' Logger, and its metrics.

A line says who called what, how it ended and how long it took. It never holds a body, a
credential, a header's value, or a word of SageMaker's.
"""

from __future__ import annotations

import itertools
import logging
import traceback
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from chalicelib.errors import Unauthorized
from chalicelib.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from chalicelib.auth.outcome import Outcome
    from chalicelib.telemetry.record import RequestRecord

TABLE_DIGITS = 12
# A deployed stage has Powertools' POWERTOOLS_SERVICE_NAME; without it Powertools says the latter.
LOCAL_SERVICE, NO_SERVICE = "inference-gateway-local", "service_undefined"
# What libraries would write down: botocore where it found credentials, and at DEBUG whole requests
# and answers, keys and bodies among them; urllib3 as a warning what it cannot read of an answer.
# Lambda's own log level is theirs too, so somebody who wants to see more of us would see that.
LIBRARIES = {"botocore": logging.WARNING, "urllib3": logging.ERROR}


class Telemetry:
    """The log and the metrics of one gateway."""

    def __init__(
        self,
        logger: Logger | None = None,
        *,
        per_model: bool = True,
        metrics_to: TextIO | None = None,
    ) -> None:
        self._logger = logger or _logger()
        self._metrics = Metrics(self._logger.service, per_model=per_model, stream=metrics_to)
        self._requests = itertools.count()
        for name, level in LIBRARIES.items():
            logging.getLogger(name).setLevel(level)

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
        if record.is_prediction:
            self._metrics.prediction(record)
        if record.slug == Unauthorized.slug:
            self._metrics.gateway("Unauthorized", 1)

    def credential(self, outcome: Outcome) -> None:
        """What the authorizer found. A reason is a word of ours; no credential is ever here."""
        identity = outcome.identity
        self._logger.info(
            "credential",
            outcome=outcome.word,
            reason=outcome.reason,
            principal=identity and identity.principal,
            key_id=identity and identity.key_id,
        )

    def key_store_age(self, seconds: float) -> None:
        """How old the API keys were when one was looked up."""
        if seconds > 0:
            self._metrics.gateway("KeyStoreAgeSeconds", seconds, "Seconds")

    def store_failed(self, store: str, reason: str) -> None:
        """A store of credentials could not be read; what was read before stays in force."""
        self._logger.warning("store failed", store=store, reason=reason)

    def bug(self, error: BaseException, request_id: str | None = None) -> None:
        """Where it happened, and not what it said: an exception's text may hold a caller's data."""
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        kind = type(error).__name__
        self._logger.error("bug", request_id=request_id, exception=kind, where=where)

    def table_not_fetched(self, place: str, reason: str) -> None:
        """The routing table could not be read; the one that was read before stays in force."""
        self._logger.warning("routing table not fetched", place=place, reason=reason)

    def table_age(self, seconds: float) -> None:
        """How long ago the table in force was last known to be the newest."""
        if seconds > 0:
            self._metrics.gateway("TableAgeSeconds", seconds, "Seconds")

    def table_refused(self, problems: Iterable[Any]) -> None:
        """The routing table could not be loaded; every problem with its place."""
        self._logger.error("routing table refused", problems=[str(one) for one in problems])
        self._metrics.gateway("TableRejected", 1)


def _logger() -> Logger:
    logger = Logger()
    return Logger(service=LOCAL_SERVICE) if logger.service == NO_SERVICE else logger
