"""What callers do with jobs: submit one, ask for it, start an upload.

The order of the steps of a submission decides what a fault leaves behind. First the body, then the
job's document, then SQS or SageMaker, then the mark that it was sent:

- no document: the caller has an error, and what lies in the bucket expires unseen;
- a document that was not sent: the caller has an error. The same request with the same
  Idempotency-Key or upload finds the document, misses the mark, and sends it;
- sent, but without the mark: the same request may send it again. The worker ends a job only once.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import (
    GatewayError,
    IdempotencyConflict,
    JobsUnavailable,
    PayloadTooLarge,
    UnknownJob,
    UnknownUpload,
)
from chalicelib.jobs import endings, names
from chalicelib.jobs.async_request import MAX_INLINE_BYTES, async_arguments
from chalicelib.jobs.endings import LOST_AFTER
from chalicelib.jobs.job import (
    KEPT_SECONDS,
    Job,
    fingerprint,
    kept_headers,
    lost_seconds,
    max_bytes,
)
from chalicelib.jobs.queue import Message
from chalicelib.payload.admission import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.auth.principal import Principal
    from chalicelib.aws.deadline import Deadline
    from chalicelib.gateway import Admitted, Gateway
    from chalicelib.jobs.job import Result, Status
    from chalicelib.jobs.queue import JobQueue
    from chalicelib.jobs.store import Found, JobStore
    from chalicelib.payload.admission import ClientRequest
    from chalicelib.routing.table import Model, ResolvedModel
    from chalicelib.telemetry.request_record import RequestRecord

UPLOAD_SECONDS = 86_400
"""How long an upload that was sent can become a job."""

MAX_ASK_SECONDS = 30
"""The greatest Retry-After of a job that is running."""

LOOKS, MOST_LOOKS, LOOK_SECONDS = 10, 30, 0.1
"""How a request whose job is known waits for another one to send the job."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that asks for a job."""

    principal: Principal
    path: str
    resolved: ResolvedModel
    request: ClientRequest
    upload: str | None
    """The id of the upload that is its body."""

    idempotency_key: str | None
    deadline: Deadline
    record: RequestRecord

    def known_job(self, owner: str) -> str | None:
        """Return the id of the job that each equal request gets; None if each gets its own."""
        if self.idempotency_key is not None:
            return names.job_of_key(owner, self.idempotency_key)
        return None if self.upload is None else names.job_of_upload(owner, self.upload)

    def conflict(self) -> GatewayError:
        """Return the error for a job of the same key or upload that another request asked for."""
        return UnknownUpload() if self.idempotency_key is None else IdempotencyConflict()


class Upload(NamedTuple):
    """An upload that was started."""

    id: str
    url: str
    """Takes the body."""

    expires: float
    """When the URL ends, in seconds since the epoch."""


class JobService:
    """Takes jobs and uploads, and tells how far jobs are.

    Args:
        gateway: Checks requests, and calls asynchronous endpoints.
        store: The bucket.
        queue: What starts the worker.
        clock: The seconds since the epoch.
        pause: Waits.
    """

    def __init__(
        self,
        gateway: Gateway,
        store: JobStore,
        queue: JobQueue,
        *,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._queue = queue
        self._clock = clock
        self._pause = pause

    def submit(self, asked: Submission) -> Job:
        """Check a request as a prediction is checked, and start a job for it.

        Raises:
            GatewayError: The request cannot become a job, or AWS does not take it now.
        """
        owner = names.owner_of(asked.principal)
        with asked.deadline.in_force():
            request, upload = asked.request, None
            if asked.upload is not None:
                upload = self._uploaded(owner, asked.upload, asked.resolved.model)
                headers = {**request.headers, "content-type": upload.content_type}
                request = type(request)(headers, b"", 0, request.repeated_headers)
            limit = MAX_BODY_BYTES if upload is None else None
            admitted = self._gateway.admit(
                asked.principal, asked.resolved, request, asked.record, max_body_bytes=limit
            )
            job, is_new = self._claim(owner, asked, request, upload)
            asked.record.job = job.job
            if is_new or not self._is_sent_soon(job):
                if job.is_async != admitted.resolved.model.target.is_async:  # the table has changed
                    raise asked.conflict()
                self._send(job, admitted, asked)
        return job

    def find(self, principal: Principal, job_id: str, record: RequestRecord) -> tuple[Job, Status]:
        """Return a job of this principal's and how far it is.

        Raises:
            UnknownJob: There is none, or it has expired, or the grant on its model is gone.
        """
        if not names.is_id(job_id):
            raise UnknownJob
        record.job = job_id
        job = self._read(names.owner_of(principal), job_id)
        if job is None or self._clock() >= job.expires or not principal.may_call(job.path):
            raise UnknownJob
        exposed = job.is_async and self._exposes_errors(principal, job, record)
        record.model = job.model
        return job, endings.status_of(self._store, job, self._clock(), exposed=exposed)

    def ask_again_seconds(self, job: Job) -> int:
        """Return when to ask again for a job that is running: the older, the later."""
        return max(1, min(MAX_ASK_SECONDS, int(self._clock() - job.created) // 5))

    def start_upload(
        self, principal: Principal, model: Model, size_bytes: int, content_type: str
    ) -> Upload:
        """Make the URL for a new upload.

        Raises:
            PayloadTooLarge: The model takes no body of this size.
        """
        _check_size(size_bytes, model)
        upload = names.new_id()
        key = names.body_key(names.owner_of(principal), upload)
        url = self._store.url_to_put(key, size_bytes, content_type)
        return Upload(upload, url, self._clock() + self._store.url_seconds)

    def url_of(self, result: Result) -> tuple[str, float]:
        """Return a URL by which the caller reads a result, and the time when the URL ends."""
        return self._store.url_to_get(result.place), self._clock() + self._store.url_seconds

    def url_of_bucket(self) -> str:
        """Return what the URLs of uploads and results begin with."""
        return self._store.url_of_bucket()

    def _exposes_errors(self, principal: Principal, job: Job, record: RequestRecord) -> bool:
        """Whether the table in use lets callers of the job's model read the model's messages."""
        with suppress(GatewayError):
            return self._gateway.resolve(principal, job.path, record).model.expose_model_errors
        return False

    def _uploaded(self, owner: str, upload: str, model: Model) -> Found:
        """Return the upload, which S3 has taken; its size and type are checked again.

        Raises:
            UnknownUpload: There is none.
            PayloadTooLarge: The model takes no body of this size.
        """
        found = self._store.find(names.body_key(owner, upload)) if names.is_id(upload) else None
        if found is None:
            if names.is_id(upload):  # S3 says only to GET whether it is the bucket that is missing
                self._store.read(names.used_key(owner, upload))
            raise UnknownUpload
        _check_size(found.size_bytes, model)
        return found

    def _claim(
        self, owner: str, asked: Submission, request: ClientRequest, upload: Found | None
    ) -> tuple[Job, bool]:
        """Write the job's document; that of an equal request may be there already.

        Returns:
            The job, and whether its document is new.

        Raises:
            IdempotencyConflict: The Idempotency-Key is that of another request.
            UnknownUpload: The upload is that of another request, or too old for a new job.
        """
        digest = fingerprint(asked.path, request, asked.upload)
        job_id, known = self._known_job(owner, asked)
        if known is None:
            if upload is not None and self._is_too_old(upload):
                raise UnknownUpload
            job = self._new_job(owner, job_id, asked, request, digest)
            if self._store.create(names.job_key(owner, job_id), job.to_json()):
                return job, True
            known = self._read(owner, job_id)
        if known is None:  # it expired between two calls
            raise JobsUnavailable
        if known.fingerprint != digest:
            raise asked.conflict()
        return known, False

    def _known_job(self, owner: str, asked: Submission) -> tuple[str, Job | None]:
        """Return the id of the job that a request stands for, and the job if it is there.

        S3 deletes a job up to two days after it has expired. Until then the next job of its key has
        another id.
        """
        job_id = asked.known_job(owner)
        if job_id is None:
            return names.new_id(), None
        while (known := self._read(owner, job_id)) and self._clock() >= known.expires:
            job_id = names.job_after(job_id)
        return job_id, known

    def _new_job(
        self, owner: str, job_id: str, asked: Submission, request: ClientRequest, digest: str
    ) -> Job:
        """Put the body where its reader finds it, and describe the job."""
        model, now = asked.resolved.model, int(self._clock())
        is_async = model.target.is_async
        body = asked.upload
        if body is not None:
            self._use_once(owner, body, job_id)
        elif not is_async or len(request.body) > MAX_INLINE_BYTES:
            body = names.new_id()
            content_type = request.headers["content-type"]
            self._store.create(names.body_key(owner, body), request.body, content_type)
        return Job(
            owner=owner,
            job=job_id,
            request_id=asked.record.request_id,
            principal=asked.principal.name,
            key_id=asked.principal.key_id,
            path=asked.path,
            model=model.name,
            is_async=is_async,
            body=body,
            headers=kept_headers(request),
            fingerprint=digest,
            created=now,
            expires=now + KEPT_SECONDS,
            lost_after=now + lost_seconds(model),
        )

    def _is_too_old(self, upload: Found) -> bool:
        return self._clock() - upload.modified.timestamp() > UPLOAD_SECONDS

    def _use_once(self, owner: str, upload: str, job_id: str) -> None:
        """Write whose body an upload is.

        Raises:
            UnknownUpload: It is that of another job.
        """
        key = names.used_key(owner, upload)
        if not self._store.create_json(key, job_id) and self._store.read_json(key) != job_id:
            raise UnknownUpload

    def _is_sent_soon(self, job: Job) -> bool:
        """Whether the request that wrote the document also sends it; it may be at work now.

        If it does not, one of those that wait has to, and not all of them. They have no lock, which
        one that is killed would keep; but one that gives up first sends the job, and the others see
        it, because each waits for another time.
        """
        for _ in range(random.randint(LOOKS, MOST_LOOKS)):
            if self._store.find(names.sent_key(job.owner, job.job)) is not None:
                return True
            self._pause(LOOK_SECONDS)
        return False

    def _send(self, job: Job, admitted: Admitted, asked: Submission) -> None:
        """Hand a job to SageMaker or to the worker, and write the mark that it was sent.

        Raises:
            GatewayError: SageMaker or SQS does not take it.
        """
        key = names.sent_key(job.owner, job.job)
        # The request that wrote the document may be days older than this one.
        mark = {LOST_AFTER: int(self._clock()) + lost_seconds(admitted.resolved.model)}
        if job.is_async:
            body = job.body
            place = None if body is None else self._store.place(names.body_key(job.owner, body))
            arguments = async_arguments(admitted, place)
            locations = self._gateway.submit(
                admitted.resolved, arguments, asked.deadline, asked.record
            )
            self._store.create_json(key, {**locations._asdict(), **mark})
            return
        self._queue.send(Message(job.owner, job.job))
        if asked.known_job(job.owner) is not None:
            with suppress(GatewayError):  # without the mark it may be sent again
                self._store.create_json(key, mark)

    def _read(self, owner: str, job_id: str) -> Job | None:
        data = self._store.read(names.job_key(owner, job_id))
        return None if data is None else Job.from_json(data)


def _check_size(size_bytes: int, model: Model) -> None:
    if size_bytes > (limit := max_bytes(is_async=model.target.is_async)):
        raise PayloadTooLarge(limit)
