"""`python -m local_stack.worker`: works on jobs, in the place of Lambda and its event source.

    the queue ─► one message ─► the event that Lambda makes of it ─► the app's `work` ─► deleted
                                                                          └─ an error ─► it stays

How often a message has come, when it comes again, and when it goes to the dead-letter queue is
decided by the queue. The worker calls the AWS that the environment says, as the gateway does, and
several jobs run at once: as many as GATEWAY_JOBS_CONCURRENCY says.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import ConfigurationError
from chalicelib.jobs.worker import JobNotDone
from gatewayctl.policy.functions import WORKER, WORKER_SECONDS
from local_stack import job_resources, stage
from local_stack.rest_api import Context
from sagemaker_local.modelserver import lifetime
from sagemaker_local.modelserver.lines import print_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WAIT_SECONDS = 1
"""How long one question waits for a message. A message that a killed worker has asked for comes
again only after the visibility timeout, so this is short."""

PAUSE_SECONDS = 1.0
"""The pause after a question that failed."""


class QueueWorker:
    """Hands the messages of one queue to a function.

    Args:
        work: Lambda's handler: it gets an event and a context.
        sqs: A boto3 client.
        queue_url: The queue.
        concurrency: How many messages are worked on at once.
        context: Makes the context of one call.
    """

    def __init__(
        self,
        work: Callable[[Any, Any], object],
        sqs: Any,
        queue_url: str,
        *,
        concurrency: int,
        context: Callable[[], Any],
    ) -> None:
        self._work = work
        self._sqs = sqs
        self._queue_url = queue_url
        self._context = context
        self._free = threading.Semaphore(concurrency)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="job")
        asked = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        self._queue_arn: str = asked["Attributes"]["QueueArn"]

    def receive(self) -> None:
        """Wait for a message, not long, and start to work on it.

        Raises:
            BotoCoreError: SQS could not be reached.
            ClientError: SQS refused the question.
        """
        self._free.acquire()
        started = False
        try:
            received = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=1,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=WAIT_SECONDS,
            )
            for message in received.get("Messages", ()):
                self._threads.submit(self._handle, message)
                started = True
        finally:
            if not started:
                self._free.release()

    def _handle(self, message: Mapping[str, Any]) -> None:
        try:
            self._work({"Records": [record(message, self._queue_arn)]}, self._context())
            self._sqs.delete_message(
                QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
        except JobNotDone:
            pass  # the app's own line says why
        except Exception as failed:  # its text may hold a caller's data
            print_line(f"a message stays in the queue: {type(failed).__name__}")
        finally:
            self._free.release()


def record(message: Mapping[str, Any], queue_arn: str) -> dict[str, Any]:
    """Return the record that Lambda makes of a message.

    Source: Lambda developer guide, "Using Lambda with Amazon SQS", the example of an event.
    """
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": message.get("MessageAttributes", {}),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m local_stack.worker", description=__doc__)
    parser.add_argument("--exit-with-parent", action="store_true", help="end with standard input")
    made = "make the bucket and the queues; pages of the gateway at this port may use the bucket"
    parser.add_argument("--create-for", type=int, metavar="PORT", help=made)
    options = parser.parse_args(arguments)
    lifetime.end_on_signals(ignore_interrupt=False)
    if options.exit_with_parent:
        lifetime.end_with_parent()
    os.environ["_HANDLER"] = f"app.{WORKER}"  # as on Lambda: it takes larger answers
    try:
        worker = _worker(options.create_for)
    except ConfigurationError as error:
        sys.exit("\n".join(f"error: {line}" for line in error.lines))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"error: there is no queue or no bucket that can be used: {error}")
    print_line("working: the worker waits for jobs")
    _run(worker)


def _worker(port: int | None) -> QueueWorker:
    """Load the app, and find its queue; with a port, make what is missing.

    Raises:
        ConfigurationError: A setting is wrong, or there are no jobs.
        BotoCoreError: SQS could not be reached.
        ClientError: There is no such queue.
    """
    local = stage.read()
    if local.settings.jobs_queue is None or local.settings.jobs is None:
        raise ConfigurationError(["GATEWAY_JOBS is not set; without it there are no jobs"])
    sqs = boto3.client("sqs")
    if port is not None:
        job_resources.create(local.settings, boto3.client("s3"), sqs, port=port)
    work = local.app().handler_map[WORKER]
    if local.table is not None:
        local.table.follow()  # the gateway's process says what happens to the table
    return QueueWorker(
        work,
        sqs,
        sqs.get_queue_url(QueueName=local.settings.jobs_queue)["QueueUrl"],
        concurrency=local.settings.jobs_concurrency,
        context=lambda: Context(WORKER, 1024, max_runtime_ms=WORKER_SECONDS * 1000),
    )


def _run(worker: QueueWorker) -> None:
    """Work until the process ends; a queue that cannot be asked is asked again."""
    is_lost = False
    while True:
        try:
            worker.receive()
        except (BotoCoreError, ClientError) as error:
            if not is_lost:
                print_line(f"the queue cannot be asked: {type(error).__name__}; trying again")
            is_lost = True
            time.sleep(PAUSE_SECONDS)
        else:
            is_lost = False


if __name__ == "__main__":
    main()
