"""Jobs over HTTP, and the function that works on them; registered only with `GATEWAY_JOBS`."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.api import wire
from chalicelib.errors import (
    GatewayError,
    InvalidHeader,
    InvalidParameter,
    PayloadTooLarge,
    UnsupportedMediaType,
    quoted,
)
from chalicelib.payload.admission import (
    LIST_ITEM,
    MAX_BODY_BYTES,
    MAX_MEDIA_TYPE_LENGTH,
    PARAMETER,
    check_json,
    media_type_of,
)
from chalicelib.routing import headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalice.app import ChaliceAuthorizer, Response

    from chalicelib.api.application import GatewayApp
    from chalicelib.api.wire import RequestContext
    from chalicelib.auth.principal import Principal
    from chalicelib.aws.deadline import Deadline
    from chalicelib.gateway import Gateway
    from chalicelib.jobs.service import JobService, Submission
    from chalicelib.jobs.worker import Worker
    from chalicelib.payload.admission import ClientRequest
    from chalicelib.routing.table import ResolvedModel
    from chalicelib.settings import Settings

    OtherEvent = Callable[[Any, Any], Any]

WORKER = "work"
"""The name of the function; its handler is `app.work`."""

RESPOND_ASYNC = "respond-async"
SUBMIT_SECONDS = 10.0
"""For all calls of AWS that a submission makes together."""

MAX_KEY_LENGTH = 64
MAX_DIGITS = 20
"""How much is read of a whole number; a longer one is too large anyway."""

FIRST_ASK_SECONDS = 1
"""The Retry-After of a new job."""


class JobParts(NamedTuple):
    """What jobs need. It is made when the first job, upload or message comes."""

    service: JobService
    worker: Worker


class UploadRequest(NamedTuple):
    """What the body of `POST /uploads` asks for."""

    path: str
    """What follows `/predict/` in the path of the model."""

    content_type: str
    size_bytes: int


class Jobs:
    """The views of jobs, and the handler of the worker's function."""

    def __init__(
        self, gateway: Gateway, make_parts: Callable[[], JobParts], other_event: OtherEvent
    ) -> None:
        self._gateway = gateway
        self._parts = cache(make_parts)
        self._other_event = other_event

    def register(self, app: GatewayApp, authorizer: ChaliceAuthorizer, settings: Settings) -> None:
        """Register the routes, and the function that the queue starts."""
        app.protected_view("/jobs/{job}", "GET", authorizer)(self.show)
        app.protected_view("/uploads", "POST", authorizer)(self.start_upload)

        def work(event: Any) -> None:
            raise AssertionError("Lambda calls `self.work`")

        app.on_sqs_message(
            queue=settings.jobs_queue,
            batch_size=1,
            name=WORKER,
            maximum_concurrency=settings.jobs_concurrency,
        )(work)
        # Chalice would call the middleware, which is for HTTP.
        app.handler_map[WORKER] = self.work

    def is_wanted(self, resolved: ResolvedModel, request: ClientRequest) -> bool:
        """Whether a prediction is to become a job.

        Raises:
            InvalidHeader: The body is an upload, which only a job can have.
        """
        if resolved.model.target.is_async or applied(request.headers):
            return True
        if headers.UPLOAD.lower() in request.headers:
            raise InvalidHeader(headers.UPLOAD, f"sent with {headers.PREFER}: {RESPOND_ASYNC}")
        return False

    def name_uploads(self, error: PayloadTooLarge, resolved: ResolvedModel) -> None:
        """Add to an error how a larger body reaches the model."""
        from chalicelib.jobs.job import max_bytes  # noqa: PLC0415 (few predictions need it)

        error.name_uploads(max_bytes(is_async=resolved.model.target.is_async))

    def submit(
        self,
        context: RequestContext,
        principal: Principal,
        path: str,
        resolved: ResolvedModel,
    ) -> Response:
        """Start a job for a prediction, and say where it is found."""
        job = self._parts().service.submit(_submission(context, principal, path, resolved))
        model = resolved.model
        answer = {
            "job": job.job,
            "status": "running",
            "model": model.name,
            "expires": _time(job.expires),
        }
        return wire.document(
            answer,
            202,
            {
                "Location": _location(context.path, path, job.job),
                "Retry-After": str(FIRST_ASK_SECONDS),
                "X-Model": model.name,
                "Cache-Control": "no-store",
                **applied(context.request.headers),
            },
        )

    def show(self, context: RequestContext, principal: Principal, job: str) -> Response:
        """Say how far a job is, and where its result is."""
        service = self._parts().service
        with _deadline(context).in_force():
            found, status = service.find(principal, job, context.record)
            answer: dict[str, object] = {
                "job": found.job,
                "model": found.model,
                "status": status.status,
                "created": _time(found.created),
                "expires": _time(found.expires),
            }
            more = {"Cache-Control": "no-store"}
            if status.result is not None:
                url, expires = service.url_of(status.result)
                answer["result"] = {
                    "url": url,
                    "content_type": status.result.content_type,
                    "bytes": status.result.size_bytes,
                    "expires": _time(expires),
                }
            elif status.problem is not None:
                answer["problem"] = status.problem
            else:
                more["Retry-After"] = str(service.ask_again_seconds(found))
        return wire.document(answer, 200, more)

    def start_upload(self, context: RequestContext, principal: Principal) -> Response:
        """Give out a URL that takes one body of a named size and type."""
        if context.request.size_bytes > MAX_BODY_BYTES:
            raise PayloadTooLarge(MAX_BODY_BYTES)
        asked = _asked_upload(context.request.body)
        model = self._gateway.resolve(principal, asked.path, context.record).model
        if media_type_of(asked.content_type) not in model.content_types:
            came = f"The content_type is {quoted(media_type_of(asked.content_type))}."
            raise UnsupportedMediaType(model.content_types, came)
        with _deadline(context).in_force():
            upload = self._parts().service.start_upload(
                principal, model, asked.size_bytes, asked.content_type
            )
        answer = {
            "upload": upload.id,
            "url": upload.url,
            "method": "PUT",
            "headers": {"Content-Type": asked.content_type, "If-None-Match": "*"},
            "expires": _time(upload.expires),
        }
        return wire.document(answer, 201, {"Cache-Control": "no-store"})

    def url_of_bucket(self) -> str | None:
        """Return what the URLs of uploads and results begin with; None if none can be made now."""
        with suppress(GatewayError):
            return self._parts().service.url_of_bucket()
        return None

    def work(self, event: Any, lambda_context: Any) -> Any:
        """Work on the jobs of a queue's event; Lambda calls this as `app.work`."""
        records = event.get("Records") if isinstance(event, dict) else None
        if not isinstance(records, list) or not all(map(_is_of_queue, records)):
            return self._other_event(event, lambda_context)
        worker, failure = self._parts().worker, None
        for record in records:  # one, unless somebody changed the event source
            try:
                worker.work(record, wire.lambda_deadline(lambda_context))
            except Exception as error:  # all messages come again; the jobs of the others have ended
                failure = error
        if failure is not None:
            raise failure
        return None


def applied(sent: Mapping[str, str]) -> dict[str, str]:
    """Return the response header that says that the preference is followed, if it was sent.

    Other preferences are ignored, `wait` among them: a job starts at once.

    Source: RFC 7240, sections 2, 3 and 4.1.
    """
    prefer = sent.get(headers.PREFER.lower(), "")
    for item in re.findall(LIST_ITEM, prefer):
        name, *_ = re.findall(PARAMETER, item) or [""]
        if name.partition("=")[0].strip().lower() == RESPOND_ASYNC:
            return {headers.PREFERENCE_APPLIED: RESPOND_ASYNC}
    return {}


def _submission(
    context: RequestContext, principal: Principal, path: str, resolved: ResolvedModel
) -> Submission:
    """Read what a request says about its job.

    Raises:
        InvalidHeader: A header is wrong, or came twice, or there are two bodies.
    """
    from chalicelib.jobs.service import Submission  # noqa: PLC0415 (few predictions need it)

    request = context.request
    for name in (headers.UPLOAD, headers.IDEMPOTENCY_KEY):
        if name.lower() in request.repeated_headers:
            raise InvalidHeader(name, "sent once")
    upload = request.headers.get(headers.UPLOAD.lower())
    if upload is not None and request.size_bytes:
        raise InvalidHeader(headers.UPLOAD, "sent without a body")
    return Submission(
        principal,
        path,
        resolved,
        request,
        upload=upload,
        idempotency_key=_idempotency_key(request.headers),
        deadline=_deadline(context),
        record=context.record,
    )


def _location(asked: str, path: str, job: str) -> str:
    """Return the path of a job, beside `/predict` in the path that was asked for.

    Args:
        asked: Such as `/stage/predict/iris`, as the caller sees it; empty if it is not known.
        path: What follows `/predict/` in it, with as many segments.
        job: The id of the job.
    """
    segments = ["predict", *path.split("/")]
    before = asked.rstrip("/").split("/")[: -len(segments)]
    return f"{'/'.join(before)}/jobs/{job}"


def _deadline(context: RequestContext) -> Deadline:
    return context.platform.within(SUBMIT_SECONDS, since=time.monotonic())


def _idempotency_key(sent: Mapping[str, str]) -> str | None:
    key = sent.get(headers.IDEMPOTENCY_KEY.lower())
    if key is not None and not (
        1 <= len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()
    ):
        rule = f"1 to {MAX_KEY_LENGTH} printable ASCII characters"
        raise InvalidHeader(headers.IDEMPOTENCY_KEY, rule)
    return key


def _asked_upload(body: bytes) -> UploadRequest:
    """Read which upload a body asks for.

    Raises:
        InvalidJson: The body is not JSON.
        InvalidParameter: A member is missing or wrong.
    """
    check_json(body)
    asked = json.loads(body, parse_int=_whole_number)
    asked = asked if isinstance(asked, dict) else {}
    model, content_type, size = (asked.get(name) for name in ("model", "content_type", "bytes"))
    if not isinstance(model, str):
        raise _wrong(asked, "model", "what follows /predict/ in the model's path")
    if not (
        isinstance(content_type, str)
        and 1 <= len(content_type) <= MAX_MEDIA_TYPE_LENGTH
        and content_type.isascii()
        and content_type.isprintable()
    ):
        raise _wrong(asked, "content_type", "the media type of the body")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise _wrong(asked, "bytes", "the size of the body: a whole number above 0, without quotes")
    return UploadRequest(model, content_type, size)


def _wrong(asked: Mapping[str, Any], name: str, rule: str) -> InvalidParameter:
    return InvalidParameter(name, json.dumps(asked[name]) if name in asked else None, rule)


def _whole_number(digits: str) -> int:
    """Read a whole number, of which Python refuses thousands of digits."""
    return int(digits[:MAX_DIGITS])


def _is_of_queue(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _time(seconds: float) -> str:
    """Write a time as RFC 3339 does."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
