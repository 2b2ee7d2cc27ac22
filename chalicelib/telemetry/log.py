"""The log: one JSON line for each request by Powertools' Logger, and the metrics of that request.

A line says who called what, how the request ended, and how long it took. It never holds a body, a
credential, a text of SageMaker, or the value of a header; of a `traceparent` it has the trace id.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from chalicelib.errors import ModelNotReady, Unauthorized, UpstreamThrottled
from chalicelib.telemetry import TABLE_DIGITS
from chalicelib.telemetry.metrics import COUNT, MILLISECONDS, SECONDS, Metrics
from chalicelib.telemetry.request_record import LOADED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from chalicelib.telemetry.metrics import Measure
    from chalicelib.telemetry.request_record import RequestRecord

    Write = Callable[..., None]

# An event of CloudWatch Logs may have 1 MB. Until 2025 it was 256 KB, and many programs that read
# logs still expect that. With these limits the problems of a table have at most 60 KB.
MOST_PROBLEMS = 50
LONGEST_PROBLEM = 300
MOST_FRAMES = 40

LEVELS = {500: "error", 502: "warning", 503: "warning", 504: "warning"}
"""The level of a request's line, by its status; `info` for all others."""

# Each stage sets POWERTOOLS_SERVICE_NAME. Without that variable Powertools uses the second name.
LOCAL_SERVICE, NO_SERVICE = "inference-gateway-local", "service_undefined"
# At DEBUG botocore logs requests and responses with keys and bodies, and urllib3's warnings quote
# the parts of a response that it cannot read. Lambda's log level would apply to both.
# botocore also warns of each role that STS refuses; the line of the request says so.
LIBRARY_LEVELS = {
    "botocore": logging.WARNING,
    "botocore.credentials": logging.ERROR,
    "urllib3": logging.ERROR,
}


NOT_WRITTEN = "a line of the log or a metric could not be written"


def _report_not_written(error: BaseException) -> None:
    """Say on stderr that something could not be written, as well as that can be said.

    An exception's text may hold a caller's data, so only its class and its place are named.
    """
    with contextlib.suppress(Exception):
        (*_, frame) = traceback.extract_tb(error.__traceback__)
        kind = type(error).__name__
        sys.stderr.write(
            f"{NOT_WRITTEN}: {kind} in {frame.name}, {frame.filename}:{frame.lineno}\n"
        )
        sys.stderr.flush()


def _never_fails(write: Write) -> Write:
    @functools.wraps(write)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            write(*args, **kwargs)
        except Exception as error:
            _report_not_written(error)

    return guarded


def _no_public_method_fails(of: type[Telemetry]) -> type[Telemetry]:
    """Guard every public method: what cannot be logged must not cost a caller the answer."""
    for name, method in list(vars(of).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(of, name, _never_fails(method))
    return of


class _Handler(logging.StreamHandler[Any]):
    """Writes to what stdout is at that moment.

    Python's own handler keeps a stdout that may be closed by then, and prints a traceback of what
    it could not write.
    """

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stdout

    def handleError(self, _record: logging.LogRecord) -> None:
        if (error := sys.exception()) is not None:
            _report_not_written(error)


@_no_public_method_fails
class Telemetry:
    """The log and the metrics of one gateway. No method raises."""

    def __init__(
        self,
        logger: Logger | None = None,
        *,
        per_model: bool = True,
        per_principal: bool = False,
        metrics_to: TextIO | None = None,
    ) -> None:
        self._logger = logger or _logger()
        self._metrics = Metrics(
            self._logger.service,
            per_model=per_model,
            per_principal=per_principal,
            stream=metrics_to,
        )
        self._requests = itertools.count()
        for name, level in LIBRARY_LEVELS.items():
            logging.getLogger(name).setLevel(level)

    def request(self, record: RequestRecord) -> None:
        """Write the line and the metrics of a request that has its response."""
        self._line("request", record, cold_start=next(self._requests) == 0)
        if record.is_prediction:
            self._metrics.prediction(_measures(record), record)
        if record.slug == Unauthorized.slug:
            self._metrics.gateway("Unauthorized", 1)

    def job(
        self, record: RequestRecord, outcome: str, *, delivery: int, seconds: float | None = None
    ) -> None:
        """Write the line of one delivery of a job, and the metrics if it has ended the job.

        Args:
            record: The values of the line.
            outcome: `succeeded` or `failed`, if the delivery has ended the job; else what it was.
            delivery: How often the job's message has come.
            seconds: The time since the job was submitted, if the delivery has ended it.
        """
        self._line(
            "job",
            record,
            outcome=outcome,
            delivery=delivery,
            seconds=None if seconds is None else round(seconds, 1),
        )
        if seconds is not None:
            measures = _job_measures(seconds, failed=record.slug is not None)
            self._metrics.prediction(measures, record)

    def credential(
        self,
        *,
        request_id: str | None,
        outcome: str,
        reason: str | None,
        principal: str | None,
        key_id: str | None,
        grants: int,
    ) -> None:
        """Write the line for a credential that the authorizer checked; it never holds the token.

        Args:
            request_id: Lambda's request id of the authorizer's own call.
            key_id: The id of the API key, if the key with this id is known.
            grants: The number of grants.
        """
        self._logger.info(
            "credential",
            request_id=request_id,
            outcome=outcome,
            reason=reason,
            principal=principal,
            key_id=key_id,
            grants=grants,
        )

    def key_store_age(self, seconds: float) -> None:
        """Write a metric: how old the API keys were when one of them was looked up."""
        if seconds > 0:
            self._metrics.gateway("KeyStoreAgeSeconds", seconds, SECONDS)

    def store_failed(self, store: str, reason: str) -> None:
        """Log and count that a look at a store of credentials gave nothing that can be used."""
        self._logger.warning("store failed", store=store, reason=reason)
        self._metrics.gateway("KeyStoreUnreadable", 1)

    def bug(self, error: BaseException, request_id: str | None = None) -> None:
        """Log where a bug happened; the text of its exception may hold a caller's data."""
        where = [
            f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}"
            for frame, line in traceback.walk_tb(error.__traceback__)
        ]
        left_out = max(0, len(where) - MOST_FRAMES)
        middle = slice(MOST_FRAMES // 2, MOST_FRAMES // 2 + left_out)
        del where[middle]  # the first and last frames show where a recursion begins and ends
        self._logger.error(
            "bug",
            request_id=request_id,
            exception=type(error).__name__,
            where=where,
            frames_left_out=left_out,
        )

    def event_refused(self, event: str, request_id: str | None) -> None:
        """Log which kind of event came that the gateway does not handle."""
        self._logger.error("event refused", event=event, request_id=request_id)

    def table_not_fetched(self, place: str, reason: str) -> None:
        """Log that the routing table could not be read; the last one is still used."""
        self._logger.warning("routing table not fetched", place=place, reason=reason)

    def compiled_table_not_used(self, place: str, reason: str) -> None:
        """Log that a table was read from its YAML, which is right but takes longer."""
        self._logger.warning("compiled table not used", place=place, reason=reason)

    def table_age(self, seconds: float) -> None:
        """Write a metric: how long ago the table in use was last known to be the newest."""
        if seconds > 0:
            self._metrics.gateway("TableAgeSeconds", seconds, SECONDS)

    def table_refused(self, problems: Sequence[Any]) -> None:
        """Log the first problems of a routing table that was refused, and how many more it has."""
        logged = [_cut(str(one), LONGEST_PROBLEM) for one in problems[:MOST_PROBLEMS]]
        left_out = len(problems) - len(logged)
        self._logger.error("routing table refused", problems=logged, problems_left_out=left_out)
        self._metrics.gateway("TableRejected", 1)

    def _line(self, message: str, record: RequestRecord, **more: object) -> None:
        """Write the line of a request or of a job, with the values that are known."""
        write_line = getattr(self._logger, LEVELS.get(record.status, "info"))
        write_line(
            message,
            extra=_known(
                job=record.job,
                request_id=record.request_id,
                method=record.method,
                path=record.path,
                principal=record.principal,
                key_id=record.key_id,
                credential_request_id=record.credential_request_id,
                trace_id=record.trace_id,
                model=record.model,
                kind=record.kind,
                endpoint=record.endpoint,
                target=record.target,
                target_name=record.target_name,
                first_target=record.first_target,
                chosen=record.chosen,
                fallbacks=None if record.target_name is None else record.fallbacks,
                fallback_after=record.fallback_after,
                status=record.status or None,
                slug=record.slug,
                reason=record.reason,
                upstream_code=record.upstream_code,
                upstream_request_id=record.upstream_request_id,
                original_status=record.original_status,
                model_ms=record.model_ms,
                gateway_ms=record.gateway_ms,
                bytes_in=record.bytes_in,
                bytes_out=record.bytes_out,
                attempts=record.attempts,
                artifact=record.artifact,
                table=record.table and record.table[:TABLE_DIGITS],
                **more,
            ),
        )


def _known(**members: object) -> dict[str, object]:
    """Leave out the members without a value. Powertools does so too, at a higher cost for each."""
    return {name: value for name, value in members.items() if value is not None}


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _logger() -> Logger:
    logger = Logger(logger_handler=_Handler())
    if logger.service == NO_SERVICE:
        return Logger(service=LOCAL_SERVICE, logger_handler=_Handler())
    return logger


def _measures(record: RequestRecord) -> list[Measure]:
    """Return what a prediction adds to the metrics: SageMaker's own names, and the gateway's."""
    return [
        ("Invocations", 1, COUNT),
        ("Invocation4XXErrors", 400 <= record.status < 500, COUNT),
        ("Invocation5XXErrors", record.status >= 500, COUNT),
        ("ModelLatency", record.model_ms, MILLISECONDS),
        ("OverheadLatency", record.gateway_ms, MILLISECONDS),
        ("ColdLoads", record.artifact == LOADED, COUNT),
        ("ColdLoadLatency", record.load_ms, MILLISECONDS),
        ("ModelNotReady", record.slug == ModelNotReady.slug, COUNT),
        ("Throttles", record.slug == UpstreamThrottled.slug, COUNT),
        ("Retries", max(0, record.attempts - 1), COUNT),
        ("Fallbacks", record.fallbacks, COUNT),
        ("NotSticky", record.lacks_key, COUNT),
        ("Jobs", record.job is not None, COUNT),
    ]


def _job_measures(seconds: float, *, failed: bool) -> list[Measure]:
    """Return what the end of a job adds to the metrics, of which zeros are not written."""
    return [("JobsFailed", failed, COUNT), ("JobSeconds", max(0.001, seconds), SECONDS)]
