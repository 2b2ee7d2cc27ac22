"""Events of other kinds than a REST API's, which the gateway refuses.

They come by mistake: the function is put behind an HTTP API, a function URL or a load balancer, a
queue is its trigger, or somebody presses "Test" in the console. The log names the kind and never
repeats anything of the event.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from chalicelib.api import wire
from chalicelib.errors import BadRequest, InternalFailure
from chalicelib.telemetry.request_record import RequestRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.errors import GatewayError
    from chalicelib.telemetry.log import Telemetry

LOAD_BALANCER = "Application Load Balancer"
HTTP_KINDS = frozenset({LOAD_BALANCER, "HTTP API", "function URL", "WebSocket API", "HTTP request"})
SOURCES = {
    "aws:sqs": "SQS",
    "aws:sns": "SNS",
    "aws:s3": "S3",
    "aws:kinesis": "Kinesis",
    "aws:dynamodb": "DynamoDB",
    "aws:kafka": "Kafka",
    "aws:mq": "ActiveMQ",
    "aws:rmq": "RabbitMQ",
}
QUEUE = "queue or stream"
EVENT_BRIDGE = "EventBridge"
KEPT_BY_SENDER = frozenset({*SOURCES.values(), QUEUE, EVENT_BRIDGE})
"""The kinds whose sender keeps the event, or hands it to a dead-letter queue, if we raise."""

WARM_UP = (("source", "serverless-plugin-warmup"), ("warmer", True), ("warmup", True))
"""The members by which the usual tools mark an event that only keeps a process warm."""

CONSOLE_TEST = frozenset({"key1", "key2", "key3"})
JSON_KINDS = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "text"}


class EventRefused(Exception):
    """The event was not handled; Lambda tells its sender so."""


class NotBehindRestApi(InternalFailure):
    """A service calls the function that the gateway does not work with."""

    detail = (
        "This gateway works behind a REST API of API Gateway only, and another service called it; "
        "tell its operator the instance of this problem."
    )


def refuse(
    event: Any, lambda_context: Any, telemetry: Telemetry, cors_headers: Mapping[str, str]
) -> dict[str, Any] | None:
    """Log what came, and answer in the shape that its sender understands.

    Returns:
        A problem; None for an event that only keeps the process warm.

    Raises:
        EventRefused: The sender keeps the event. A result would tell it to delete the event.
    """
    if _is_warm_up(event):
        return None
    kind = _kind(event)
    members = event if isinstance(event, dict) else {}
    record = RequestRecord(wire.request_id(members, lambda_context))
    telemetry.event_refused(kind, record.request_id)
    if kind in KEPT_BY_SENDER:
        raise EventRefused(f"the gateway handles no event of this kind: {kind}")
    error = NotBehindRestApi() if kind in HTTP_KINDS else BadRequest()
    return _answer(error, record, cors_headers, kind, has_lists="multiValueHeaders" in members)


def _answer(
    error: GatewayError,
    record: RequestRecord,
    cors_headers: Mapping[str, str],
    kind: str,
    *,
    has_lists: bool,
) -> dict[str, Any]:
    """Build the result; a load balancer wants each header as a list if it sends lists.

    Source: Elastic Load Balancing user guide, "Use Lambda functions as targets".
    """
    response = wire.problem(error, record.request_id)
    wire.complete(response, record, cors_headers)
    answer = {
        "statusCode": error.status,
        "headers": response.headers,
        "body": response.body.decode(),
        "isBase64Encoded": False,
    }
    if kind == LOAD_BALANCER:
        answer["statusDescription"] = f"{error.status} {HTTPStatus(error.status).phrase}"
        if has_lists:
            lists = {name: [value] for name, value in answer.pop("headers").items()}
            answer["multiValueHeaders"] = lists
    return answer


def _is_warm_up(event: Any) -> bool:
    return isinstance(event, dict) and any(
        name in event and type(event[name]) is type(value) and event[name] == value
        for name, value in WARM_UP
    )


def _kind(event: Any) -> str:
    """Name what came."""
    source = _source(event)
    if source.startswith("aws:"):
        return SOURCES.get(source, QUEUE)
    if not isinstance(event, dict):
        return JSON_KINDS.get(type(event), "list")
    if event.get("detail-type") == "Scheduled Event" or event.get("source") == "aws.events":
        return "schedule"
    if "detail-type" in event:
        return EVENT_BRIDGE
    return _http_kind(event) or _hand_made_kind(event)


def _source(event: Any) -> str:
    """Return what a queue or stream names as the source of its first record.

    A pipe of EventBridge sends the list of records without an object around it.
    """
    records = event.get("Records") if isinstance(event, dict) else event
    first = records[0] if isinstance(records, list) and records else event
    if not isinstance(first, dict):
        return ""
    return str(first.get("eventSource") or first.get("EventSource") or "")


def _http_kind(event: dict[str, Any]) -> str | None:
    context = event.get("requestContext")
    context = context if isinstance(context, dict) else {}
    if "elb" in context:
        return LOAD_BALANCER
    if "connectionId" in context:
        return "WebSocket API"
    if "http" in context or event.get("version") == "2.0":
        is_url = ".lambda-url." in str(context.get("domainName"))
        return "function URL" if is_url else "HTTP API"
    return "HTTP request" if "httpMethod" in event else None


def _hand_made_kind(event: dict[str, Any]) -> str:
    if event.keys() >= CONSOLE_TEST:
        return "test event of the console"
    return "question to an authorizer" if "methodArn" in event else "unknown object"
