"""Works on jobs: what the queue's messages start.

SQS delivers a message at least once, and again if the worker did not finish. So every step may be
repeated, and only the first end of a job counts. A job is tried three times: after an error that
says "not now" (503), after a bucket that could not be reached, and after a worker that was killed.
A further delivery only ends the job as lost. What even that delivery cannot do goes to the
dead-letter queue.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.auth.principal import OK, Principal
from chalicelib.aws.deadline import Deadline
from chalicelib.errors import GatewayError, InternalFailure, JobLost, UnknownUpload
from chalicelib.jobs import endings, names
from chalicelib.jobs.job import Job
from chalicelib.jobs.queue import Message
from chalicelib.payload.admission import MAX_PAYLOAD_BYTES
from chalicelib.telemetry.request_record import RequestRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.gateway import Gateway
    from chalicelib.jobs.queue import JobQueue
    from chalicelib.jobs.store import JobStore
    from chalicelib.sagemaker.runtime import InferenceResponse
    from chalicelib.telemetry.log import Telemetry

TRIES = 3
POSTPONE_SECONDS = 30
"""The pause after the first try; after the second it is twice as long."""

NOT_NOW = 503
STORE_SECONDS = 15.0
"""For reading a job, and again for writing its end."""


class JobNotDone(Exception):
    """The message stays in the queue; Lambda tells SQS so."""


class Worker:
    """Runs predictions for jobs.

    Args:
        gateway: Predicts.
        store: The bucket.
        queue: Where the messages come from.
        telemetry: Writes a line and the metrics for each delivery.
        clock: The seconds since the epoch.
    """

    def __init__(
        self,
        gateway: Gateway,
        store: JobStore,
        queue: JobQueue,
        telemetry: Telemetry,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._queue = queue
        self._telemetry = telemetry
        self._clock = clock

    def work(self, delivered: Mapping[str, Any], platform: Deadline) -> None:
        """Handle one message.

        Args:
            delivered: The record of the event that Lambda makes of a message.
            platform: When Lambda ends the function.

        Raises:
            JobNotDone: The message has to come again, or belongs into the dead-letter queue.
        """
        try:
            message = Message.parse(delivered["body"])
            delivery = int(delivered["attributes"]["ApproximateReceiveCount"])
            receipt = str(delivered["receiptHandle"])
        except (LookupError, TypeError, ValueError):
            self._telemetry.event_refused("message that starts no job", None)
            raise JobNotDone("the message starts no job") from None
        record = RequestRecord("unknown", job=message.job)
        try:
            self._handle(message, delivery, platform, record)
        except GatewayError as error:
            record.status, record.slug, record.reason = error.status, error.slug, error.reason
            self._telemetry.job(record, "postponed", delivery=delivery)
            with suppress(GatewayError), _deadline(platform):
                self._queue.postpone(receipt, POSTPONE_SECONDS * min(delivery, TRIES))
            raise JobNotDone(error.slug) from None

    def _handle(
        self, message: Message, delivery: int, platform: Deadline, record: RequestRecord
    ) -> None:
        """Work on a job unless it has ended.

        Raises:
            GatewayError: It could not be read or ended, or is to be tried again.
        """
        with _deadline(platform):
            data = self._store.read(names.job_key(*message))
            if data is None:
                raise JobLost  # no end can be written for it; callers do not find it either
            job = Job.from_json(data)
            record.request_id, record.model = job.request_id, job.model
            record.principal, record.key_id = job.principal, job.key_id
            if endings.has_ended(self._store, job):
                self._telemetry.job(record, "ended before", delivery=delivery)
                return
        end: GatewayError | InferenceResponse
        try:
            end = self._predict(job, platform, record) if delivery <= TRIES else JobLost()
        except GatewayError as error:
            if error.status == NOT_NOW and delivery < TRIES:
                raise
            end = error
        except Exception as bug:
            self._telemetry.bug(bug, job.request_id)
            end = InternalFailure()
        self._end(job, end, delivery, platform, record)

    def _predict(self, job: Job, platform: Deadline, record: RequestRecord) -> InferenceResponse:
        """Make the prediction, with the time of a job instead of that of a request."""
        # The grant was checked when the job was submitted, on this very path.
        context = {"outcome": OK, "principal": job.principal, "grants": job.path}
        principal = Principal(context, now=self._clock())
        resolved = self._gateway.resolve(principal, job.path, record)
        seconds = resolved.model.job_seconds
        model = replace(resolved.model, timeout_seconds=seconds, cold_start="wait")
        with _deadline(platform):
            body = self._store.read(names.body_key(job.owner, str(job.body)))
        if body is None:
            raise UnknownUpload
        record.bytes_in = len(body)
        return self._gateway.predict(
            principal,
            resolved._replace(model=model),
            job.request(body),
            platform=Deadline(platform.at - STORE_SECONDS),
            record=record,
            max_body_bytes=MAX_PAYLOAD_BYTES,
        )

    def _end(
        self,
        job: Job,
        end: GatewayError | InferenceResponse,
        delivery: int,
        platform: Deadline,
        record: RequestRecord,
    ) -> None:
        failed = isinstance(end, GatewayError)
        with _deadline(platform):
            if isinstance(end, GatewayError):
                is_first = endings.fail(self._store, job, end)
                record.slug, record.reason = end.slug, end.reason
                record.finish(end.status, 0)
            else:
                is_first = endings.succeed(self._store, job, end)
                record.finish(200, len(end.body))
        outcome = "failed" if failed else "succeeded"
        seconds = self._clock() - job.created
        self._telemetry.job(
            record, outcome if is_first else "ended before", delivery=delivery, seconds=seconds
        )


def _deadline(platform: Deadline) -> Any:
    """Limit the calls of the bucket and the queue in a `with` block."""
    return platform.within(STORE_SECONDS, since=time.monotonic()).in_force()
