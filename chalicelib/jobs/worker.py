"""Works on jobs: what the queue's messages start.

SQS delivers a message at least once, and again if the worker did not finish. So every step may be
repeated, and only the first end of a job counts. A job is tried three times: after an error that
says "not now" (503), after a bucket that could not be reached or refused the call, and after a
worker that was killed. A further delivery only ends the job as lost. What even that delivery cannot
do goes to the dead-letter queue.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.auth.principal import OK, Principal
from chalicelib.aws.deadline import Deadline
from chalicelib.errors import (
    GatewayError,
    GatewayMisconfigured,
    InternalFailure,
    JobLost,
)
from chalicelib.jobs import endings, names
from chalicelib.jobs.job import FAILED, SUCCEEDED, Job
from chalicelib.jobs.queue import Message
from chalicelib.payload.admission import MAX_PAYLOAD_BYTES
from chalicelib.telemetry.request_record import RequestRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from chalicelib.gateway import Gateway
    from chalicelib.jobs.queue import JobQueue
    from chalicelib.jobs.store import JobStore
    from chalicelib.sagemaker.answers import InferenceResponse
    from chalicelib.telemetry.log import Telemetry

TRIES = 3
POSTPONE_SECONDS = 30
"""The pause after the first try; after the second it is twice as long."""

NOT_NOW = 503
ENDED_BEFORE = "ended before"
STORE_SECONDS = 15.0
"""For reading a job, and again for writing its end."""

HIDE_SECONDS = 3.0
"""For the call that hides the message, without which the work goes on."""

MARGIN_SECONDS = 30
"""For Lambda, to delete the message of a job that has ended."""


class Delivery(NamedTuple):
    """A message as it came."""

    message: Message
    number: int
    """How often it has come, from 1."""

    receipt: str
    platform: Deadline
    """When Lambda ends the function."""

    @classmethod
    def parse(cls, record: Mapping[str, Any], platform: Deadline) -> Delivery:
        """Read the record of the event that Lambda makes of a message.

        Raises:
            ValueError: The message starts no job.
        """
        try:
            message = Message.parse(record["body"])
            number = int(record["attributes"]["ApproximateReceiveCount"])
            return cls(message, number, str(record["receiptHandle"]), platform)
        except (LookupError, TypeError) as error:
            raise ValueError("no record of a message") from error

    def calls(self, seconds: float = STORE_SECONDS) -> AbstractContextManager[None]:
        """Limit the calls of the bucket and the queue in a `with` block."""
        return self.platform.within(seconds, since=time.monotonic()).in_force()


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

    def work(self, record: Mapping[str, Any], platform: Deadline) -> None:
        """Handle one message.

        Args:
            record: The record of the event that Lambda makes of a message.
            platform: When Lambda ends the function.

        Raises:
            JobNotDone: The message has to come again, or belongs into the dead-letter queue.
        """
        try:
            delivery = Delivery.parse(record, platform)
        except ValueError:
            self._telemetry.event_refused("message that starts no job", None)
            # No later try will be better: it may go to the dead-letter queue, where it is noticed.
            limit = platform.within(HIDE_SECONDS, since=time.monotonic())
            with suppress(GatewayError), limit.in_force():
                self._queue.hide(str(record.get("receiptHandle")), 0)
            raise JobNotDone("the message starts no job") from None
        line = RequestRecord("unknown", job=delivery.message.job)
        error: GatewayError
        try:
            return self._handle(delivery, line)
        except GatewayError as raised:
            error = raised
        except Exception as bug:  # Lambda would log it with its text
            self._telemetry.bug(bug, line.request_id)
            error = InternalFailure()
        line.status, line.slug, line.reason = error.status, error.slug, error.reason
        self._telemetry.job(line, "postponed", delivery=delivery.number)
        with suppress(GatewayError), delivery.calls():
            self._queue.hide(delivery.receipt, POSTPONE_SECONDS * min(delivery.number, TRIES))
        raise JobNotDone(error.slug)

    def _handle(self, delivery: Delivery, line: RequestRecord) -> None:
        """Work on a job unless it has ended.

        Raises:
            GatewayError: It could not be read or ended, or is to be tried again.
        """
        with delivery.calls():
            data = self._store.read(names.job_key(*delivery.message))
            if data is None:
                raise JobLost  # no end can be written for it; callers do not find it either
            job = Job.from_json(data)
            line.request_id, line.model = job.request_id, job.model
            line.principal, line.key_id = job.principal, job.key_id
            if job.is_async:  # SageMaker ends it; the gateway sent no message for it
                raise GatewayMisconfigured("a message for a job of kind async", of_jobs=True)
            if endings.has_ended(self._store, job):
                self._telemetry.job(line, ENDED_BEFORE, delivery=delivery.number)
                return
        end: GatewayError | InferenceResponse
        try:
            end = self._predict(job, delivery, line) if delivery.number <= TRIES else JobLost()
        except GatewayError as error:
            is_of_bucket = isinstance(error, GatewayMisconfigured) and error.of_jobs
            if (error.status == NOT_NOW or is_of_bucket) and delivery.number < TRIES:
                raise
            end = error
        except Exception as bug:
            self._telemetry.bug(bug, job.request_id)
            end = InternalFailure()
        self._end(job, end, delivery, line)

    def _predict(self, job: Job, delivery: Delivery, line: RequestRecord) -> InferenceResponse:
        """Make the prediction, with the time of a job instead of that of a request."""
        # The grant was checked when the job was submitted, on this very path.
        context = {"outcome": OK, "principal": job.principal, "grants": job.path}
        principal = Principal(context, now=self._clock())
        resolved = self._gateway.resolve(principal, job.path, line)
        if resolved.model.target.is_async:  # the table has changed
            raise JobLost(reason="the model is of kind async now")
        seconds = resolved.model.job_seconds
        model = replace(resolved.model, timeout_seconds=seconds, cold_start="wait")
        self._hide_while_at_work(delivery, seconds)
        with delivery.calls():
            body = self._store.read(names.body_key(job.owner, str(job.body)))
        if body is None:
            raise JobLost
        line.bytes_in = len(body)
        return self._gateway.predict(
            principal,
            resolved._replace(model=model),
            job.request(body),
            platform=Deadline(delivery.platform.at - STORE_SECONDS),
            record=line,
            max_body_bytes=MAX_PAYLOAD_BYTES,
        )

    def _hide_while_at_work(self, delivery: Delivery, job_seconds: float) -> None:
        """Hide the message for as long as this try can take.

        The queue's own timeout, for any job, is far longer than most need. If this worker is
        killed, the message comes again after the try's own time; if it ends the job, Lambda deletes
        the message before.
        """
        try_seconds = job_seconds + 2 * STORE_SECONDS
        seconds = min(try_seconds, delivery.platform.remaining_seconds) + MARGIN_SECONDS
        with suppress(GatewayError), delivery.calls(HIDE_SECONDS):
            self._queue.hide(delivery.receipt, ceil(seconds))

    def _end(
        self,
        job: Job,
        end: GatewayError | InferenceResponse,
        delivery: Delivery,
        line: RequestRecord,
    ) -> None:
        with delivery.calls():
            if isinstance(end, GatewayError):
                outcome, is_first = FAILED, endings.fail(self._store, job, end)
                line.slug, line.reason = end.slug, end.reason
                line.finish(end.status, 0)
            else:
                outcome, is_first = SUCCEEDED, endings.succeed(self._store, job, end)
                line.finish(200, len(end.body))
        if is_first:
            seconds = max(0.0, self._clock() - job.created)  # the handler's clock may be ahead
            self._telemetry.job(line, outcome, delivery=delivery.number, seconds=seconds)
        else:
            self._telemetry.job(line, ENDED_BEFORE, delivery=delivery.number)
