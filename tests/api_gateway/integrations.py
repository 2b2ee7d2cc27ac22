"""The two integrations of a method: a Lambda function, or a mock for preflights.

A function gets JSON and returns JSON, at most 6 MiB of each, within a limited time.

Sources:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.api_gateway.definition import NotModelled
from tests.api_gateway.messages import Refused, Reply, first_type, is_binary
from tests.support.lambda_process import MAX_PAYLOAD_BYTES, FunctionFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from tests.api_gateway.access_log import Facts
    from tests.api_gateway.messages import Pairs, Request
    from tests.api_gateway.unverified import Unverified

Handler = Callable[[dict[str, Any], "LambdaContext"], Any]
Clock = Callable[[], float]


class EventTooLarge(Exception):
    """Lambda does not take the event."""


@dataclass(frozen=True)
class LambdaContext:
    """The context object of an invocation."""

    function_name: str
    clock: Clock
    deadline: float
    aws_request_id: str
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "1024"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self.deadline - self.clock()) * 1000))


@dataclass(frozen=True)
class Function:
    """A handler, and how long it may take."""

    name: str
    handler: Handler
    seconds: float
    clock: Clock

    def invoke(self, event: dict[str, Any], request_id: str) -> Any:
        """Return the function's result.

        Raises:
            EventTooLarge: Lambda does not take the event.
            FunctionFailed: There is no result; the text is that of the function's exception.
        """
        payload = _dumped(event)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise EventTooLarge(f"an event of {len(payload):,} bytes")
        context = LambdaContext(self.name, self.clock, self.clock() + self.seconds, request_id)
        result = self._result(json.loads(payload), context)
        if self.clock() >= context.deadline:
            raise FunctionFailed(f"Task timed out after {self.seconds:.2f} seconds")
        return result

    def _result(self, event: dict[str, Any], context: LambdaContext) -> Any:
        try:
            answer = _dumped(self.handler(event, context))
        except AssertionError:
            raise  # of the test itself
        except Exception as error:
            raise FunctionFailed(str(error)) from error
        if len(answer) > MAX_PAYLOAD_BYTES:
            raise FunctionFailed(f"an answer of {len(answer):,} bytes")
        return json.loads(answer)


def _dumped(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
DEFAULT_TIMEOUT_MS = 29_000
# Headers of a result that reach the client as x-amzn-Remapped-….
REMAPPED = {"connection", "content-length", "date", "server"}
SOMETIMES_REMAPPED = {
    *("authorization", "content-md5", "expect", "host", "max-forwards", "proxy-authenticate"),
    *("trailer", "upgrade", "user-agent", "www-authenticate"),
}


class Malformed(Exception):
    """The result is not a response."""


def call_function(
    function: Function,
    event: dict[str, Any],
    *,
    timeout_ms: int,
    clock: Clock,
    unverified: Unverified,
    facts: Facts,
) -> Any:
    """Return the function's result.

    Args:
        facts: Gets what the access log can say of the call.

    Raises:
        Refused: There is none, or it is too late.
    """
    started = clock()
    facts["integration.requestId"] = request_id = str(uuid.uuid4())
    failed: FunctionFailed | None = None
    result = None
    try:
        result = function.invoke(event, request_id)
    except EventTooLarge as too_large:
        raise Refused(unverified.too_large_event, str(too_large)) from too_large
    except FunctionFailed as error:
        failed = error
    facts["integrationLatency"] = str(round((clock() - started) * 1000))
    if clock() - started >= timeout_ms / 1000:
        raise Refused("INTEGRATION_TIMEOUT", f"nothing within {timeout_ms} ms")
    if failed is not None:
        raise Refused("INTEGRATION_FAILURE", f"the function failed: {failed}") from failed
    return result


def proxy_reply(result: Any, *, decode: bool, unverified: Unverified) -> Reply:
    """Turn the result into a reply; `decode` says whether a base64 body is decoded.

    Raises:
        Refused: The result is malformed.
    """
    try:
        status, headers, body = _status(result), _headers(result), _body(result)
    except Malformed as malformed:
        reason = f"Malformed Lambda proxy response: {malformed}"
        raise Refused("INTEGRATION_FAILURE", reason) from malformed
    encoded = result.get("isBase64Encoded") is True
    remapped = REMAPPED | (SOMETIMES_REMAPPED if unverified.more_headers_are_remapped else set())
    return Reply(
        status,
        tuple(_renamed(headers, remapped)),
        _decoded(body) if encoded and decode else body.encode(),
    )


def _renamed(headers: Pairs, remapped: set[str]) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        if name.lower() != "transfer-encoding":
            yield (f"x-amzn-Remapped-{name}" if name.lower() in remapped else name, value)


def _status(result: Any) -> int:
    if not isinstance(result, dict) or result.keys() - MEMBERS:
        raise Malformed(f"not an object with {', '.join(sorted(MEMBERS))} alone")
    status = result.get("statusCode", 200)
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise Malformed(f"statusCode {status!r}")
    return status


def _headers(result: dict[str, Any]) -> Pairs:
    """Merge both forms of headers; the default Content-Type is JSON."""
    many = _values(result, "multiValueHeaders")
    single = _values(result, "headers")
    pairs = [(name, value) for name, values in many.items() for value in values]
    pairs += [(name, value) for name, (value,) in single.items() if value not in many.get(name, [])]
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("Content-Type", "application/json"))
    return tuple(pairs)


def _values(result: dict[str, Any], member: str) -> dict[str, list[str]]:
    """Return the headers of one form as lists of text."""
    headers = result.get(member)
    if headers is None:
        return {}
    if not isinstance(headers, dict):
        raise Malformed(f"{member} is no object")
    lists = (
        headers if member == "multiValueHeaders" else {name: [one] for name, one in headers.items()}
    )
    for name, values in lists.items():
        if not isinstance(values, list) or not all(isinstance(one, str | bool) for one in values):
            raise Malformed(f"{member}: {name}")
    return {
        name: [str(one).lower() if isinstance(one, bool) else one for one in values]
        for name, values in lists.items()
    }


def _body(result: dict[str, Any]) -> str:
    body = result.get("body")
    if body is not None and not isinstance(body, str):
        raise Malformed("body is no text")
    if not isinstance(result.get("isBase64Encoded", False), bool | None):
        raise Malformed("isBase64Encoded is no boolean")
    return body or ""


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("API_CONFIGURATION_ERROR", "the body is not base64") from error


HEADER = "method.response.header."


def mock_reply(integration: dict[str, Any], request: Request, binary_types: Set[str]) -> Reply:
    """Return the default response, if the request template has a status.

    Raises:
        Refused: The template or the binary types do not fit.
    """
    binary = is_binary(request.header("Content-Type"), binary_types)
    if binary and integration.get("contentHandling") != "CONVERT_TO_TEXT":
        # https://github.com/aws/chalice/issues/1310
        raise Refused("API_CONFIGURATION_ERROR", "Unable to transform request")
    _check_template(integration, request)
    if integration["responses"].keys() != {"default"}:
        raise NotModelled("responses of a mock that are chosen by a pattern")
    response = integration["responses"]["default"]
    headers = _fixed_headers(response.get("responseParameters", {}))
    return Reply(int(response["statusCode"]), (("Content-Type", "application/json"), *headers))


def _check_template(integration: dict[str, Any], request: Request) -> None:
    """Check the status of the template, or of the request's body if there is no template."""
    if integration["passthroughBehavior"] != "when_no_match":
        raise NotModelled(f"passthroughBehavior {integration['passthroughBehavior']}")
    template = integration["requestTemplates"].get(first_type(request.header("Content-Type")))
    if template is not None and {"$", "#"} & set(template):
        raise NotModelled(f"a template that is more than text: {template}")
    try:
        status = json.loads(template or request.body)["statusCode"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("API_CONFIGURATION_ERROR", "Unable to parse statusCode") from error
    if not isinstance(status, int):
        raise Refused("API_CONFIGURATION_ERROR", "statusCode is not an integer")


def _fixed_headers(parameters: dict[str, str]) -> Pairs:
    pairs = []
    for name, value in parameters.items():
        if not (name.startswith(HEADER) and value[0] == value[-1] == "'"):
            raise NotModelled(f"a response parameter that is no header with a fixed text: {name}")
        pairs.append((name.removeprefix(HEADER), value[1:-1]))
    return tuple(pairs)
