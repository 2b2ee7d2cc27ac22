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
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from chalicelib.errors import ModelNotReady, Unauthorized, UpstreamThrottled
from chalicelib.telemetry import TABLE_DIGITS
from chalicelib.telemetry.metrics import COUNT, MILLISECONDS, SECONDS, Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol, TextIO

    from chalicelib.telemetry.metrics import Measure

    class NamedTarget(Protocol):
        """What is recorded of a target."""

        @property
        def name(self) -> str | None: ...
        @property
        def invoke_args(self) -> Mapping[str, str]: ...

    class KindOfTarget(Protocol):
        """What is recorded of the kind of a target."""

        @property
        def kind(self) -> str: ...

    class NamedModel(Protocol):
        """What is recorded of an entry of the routing table."""

        @property
        def name(self) -> str: ...
        @property
        def target(self) -> KindOfTarget: ...
        @property
        def metrics(self) -> bool: ...

    Write = Callable[..., None]

# An event of CloudWatch Logs may have 1 MB. Until 2025 it was 256 KB, and many programs that read
# logs still expect that. With these limits the problems of a table have at most 60 KB.
MOST_PROBLEMS = 50
LONGEST_PROBLEM = 300
MOST_FRAMES = 40

LOADED, COLD = "loaded", "cold"
"""What is said of an artifact in the line of a request."""

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


@dataclass(slots=True)
class RequestRecord:
    """The values of one request's log line and metrics, filled in while the request runs."""

    request_id: str
    method: str | None = None
    """One of HTTP's own; None for any other text that came in its place."""

    path: str | None = None
    """The path as the caller sent it, with the stage and without the query."""

    bytes_in: int = 0
    bytes_out: int = 0
    principal: str | None = None
    key_id: str | None = None
    credential_request_id: str | None = None
    """Lambda's request id of the call in which the authorizer checked the credential."""

    trace_id: str | None = None
    """The trace that the caller's `traceparent` names."""

    model: str | None = None
    kind: str | None = None
    endpoint: str | None = None
    target: str | None = None
    target_name: str | None = None
    """The name of the target that was called last; None for an entry without `targets`."""

    first_target: str | None = None
    """The name of the target that was chosen for the request."""

    chosen: str | None = None
    """How the one that was called last was chosen: by `weight`, `sticky` or as a `fallback`."""

    lacks_key: bool = False
    """Whether the entry is sticky, and the request has nothing to keep it at one target by."""

    fallbacks: int = 0
    fallback_after: str | None = None
    """The slug of the error after which the last fallback was taken."""

    table: str | None = None
    status: int = 0
    slug: str | None = None
    reason: str | None = None
    """Why the request was refused, for the log alone."""

    upstream_code: str | None = None
    upstream_request_id: str | None = None
    original_status: int | None = None
    """What SageMaker said of the last attempt, as `chalicelib.sagemaker.said` reads it."""

    artifact: str | None = None
    """`loaded` if the answer took the load of the artifact; `cold` if there is none, because the
    artifact was being loaded; None if neither is so."""

    load_ms: float = 0.0
    """The time from the first call of SageMaker to the answer, if it took a load."""

    is_prediction: bool = False
    has_model_metrics: bool = True
    attempts: int = 0
    called: float | None = None
    """When SageMaker was called first."""

    model_seconds: float = 0.0
    """The time of the last attempt to call SageMaker."""

    model_ms: float = 0.0
    gateway_ms: float = 0.0
    """All of the time that is not the model's."""

    started: float = field(default_factory=time.perf_counter)

    def choose(self, target: NamedTarget, chosen: str | None, *, is_sticky: bool) -> None:
        """Record the first target, and how it was chosen."""
        self.set_target(target)
        self.first_target, self.chosen = target.name, chosen
        self.lacks_key = is_sticky and chosen == "weight"

    def fall_back(self, target: NamedTarget, slug: str) -> None:
        """Record that another target is called, after this error."""
        self.set_target(target)
        self.chosen, self.fallback_after = "fallback", slug
        self.fallbacks += 1

    def set_model(self, model: NamedModel) -> None:
        """Record the entry of the routing table."""
        self.model, self.kind = model.name, model.target.kind
        self.has_model_metrics = model.metrics

    def begin_attempt(self) -> float:
        """Record that SageMaker is called; what the attempt before it left no longer counts.

        Returns:
            The time, as `time.perf_counter` gives it.
        """
        now = time.perf_counter()
        self.attempts += 1
        if self.called is None:
            self.called = now
        self.upstream_code = self.upstream_request_id = self.original_status = None
        self.artifact = None
        return now

    def loaded(self) -> None:
        """Record that the answer is there, and that it took the load of the artifact."""
        self.artifact = LOADED
        if self.called is not None:
            self.load_ms = round((time.perf_counter() - self.called) * 1000, 1)

    def set_target(self, target: NamedTarget) -> None:
        """Record the endpoint, and which model or container on it is called."""
        invoke_args = target.invoke_args
        self.target_name = target.name
        chosen = dict(invoke_args)
        self.endpoint = chosen.pop("EndpointName")
        self.target = ", ".join(f"{name}={value}" for name, value in chosen.items()) or None

    def finish(self, status: int, bytes_out: int) -> None:
        """Record how the request ended, and how long it took."""
        seconds = time.perf_counter() - self.started
        self.status, self.bytes_out = status, bytes_out
        self.model_ms = round(self.model_seconds * 1000, 1)
        self.gateway_ms = round((seconds - self.model_seconds) * 1000, 1)


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
        write_line = getattr(self._logger, LEVELS.get(record.status, "info"))
        write_line(
            "request",
            extra=_known(
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
                status=record.status,
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
                cold_start=next(self._requests) == 0,
                table=record.table and record.table[:TABLE_DIGITS],
            ),
        )
        if record.is_prediction:
            self._metrics.prediction(_measures(record), record)
        if record.slug == Unauthorized.slug:
            self._metrics.gateway("Unauthorized", 1)

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
    ]
