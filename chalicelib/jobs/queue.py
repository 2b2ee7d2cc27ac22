"""The queue whose messages start jobs."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.jobs import names
from chalicelib.jobs.aws_calls import aws_client, own_errors

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICE = "SQS"


class Message(NamedTuple):
    """What a message names."""

    owner: str
    job: str

    @classmethod
    def parse(cls, text: object) -> Message:
        """Read the text of a message.

        Raises:
            ValueError: The gateway did not write it.
        """
        try:
            content = json.loads(text) if isinstance(text, str) else None
        except RecursionError as error:
            raise ValueError("nested too deep") from error
        if not isinstance(content, dict):
            raise ValueError("no object")
        owner, job = content.get("owner"), content.get("job")
        if not (isinstance(owner, str) and isinstance(job, str)):
            raise ValueError("no owner, or no job")
        if not (names.is_id(owner) and names.is_id(job)):
            raise ValueError("no ids")
        return cls(owner, job)


class JobQueue:
    """A queue of SQS; its URL is asked for once, when it is first needed.

    Every method raises JobsUnavailable if SQS cannot be reached, and GatewayMisconfigured if it
    refuses the gateway. Calls end at the deadline in force.
    """

    def __init__(self, name: str, make_client: Callable[[str], Any] = aws_client) -> None:
        self._name = name
        self._make_client = make_client
        self._client: Any = None
        self._url: str | None = None
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Send a message, after which the worker starts."""
        with own_errors(SERVICE):
            client, url = self._ready()
            sent = client.send_message(QueueUrl=url, MessageBody=json.dumps(message._asdict()))
            _ = sent["MessageId"]  # SQS itself has taken it, and not a proxy between

    def hide(self, receipt_handle: str, seconds: int) -> None:
        """Let a message come again after so many seconds, unless it is deleted before."""
        with own_errors(SERVICE):
            client, url = self._ready()
            client.change_message_visibility(
                QueueUrl=url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )

    def _ready(self) -> tuple[Any, str]:
        with self._lock:
            self._client = self._client or self._make_client("sqs")
            self._url = self._url or self._client.get_queue_url(QueueName=self._name)["QueueUrl"]
            return self._client, self._url
