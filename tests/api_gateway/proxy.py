"""A method that a function answers: `aws_proxy`.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from tests.api_gateway.functions import EventTooLarge, FunctionFailed
from tests.api_gateway.gateway_responses import Refused
from tests.api_gateway.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_gateway.functions import Clock, Function
    from tests.api_gateway.reply import Pairs
    from tests.api_gateway.unverified import Unverified

MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
DEFAULT_TIMEOUT_MS = 29_000
# An answer's headers that reach the client as x-amzn-Remapped-….
REMAPPED = {"connection", "content-length", "date", "server"}
SOMETIMES_REMAPPED = {
    *("authorization", "content-md5", "expect", "host", "max-forwards", "proxy-authenticate"),
    *("trailer", "upgrade", "user-agent", "www-authenticate"),
}


class Malformed(Exception):
    """The function's result is no response."""


def call(
    function: Function,
    event: dict[str, Any],
    *,
    timeout_ms: int,
    clock: Clock,
    unverified: Unverified,
) -> Any:
    """The function's result. What comes too late is of no interest any more."""
    started = clock()
    failed: FunctionFailed | None = None
    result = None
    try:
        result = function.invoke(event)
    except EventTooLarge as too_large:
        raise Refused(unverified.too_large_event, str(too_large)) from too_large
    except FunctionFailed as error:
        failed = error
    if clock() - started >= timeout_ms / 1000:
        raise Refused("INTEGRATION_TIMEOUT", f"nothing within {timeout_ms} ms")
    if failed is not None:
        raise Refused("INTEGRATION_FAILURE", f"the function failed: {failed}") from failed
    return result


def reply(result: Any, *, decode: bool, unverified: Unverified) -> Reply:
    """What the result says, its body decoded if it is base64 and the client takes binary."""
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
    """What is in both forms counts once; JSON where no type is given."""
    many = _values(result, "multiValueHeaders")
    single = _values(result, "headers")
    pairs = [(name, value) for name, values in many.items() for value in values]
    pairs += [(name, value) for name, (value,) in single.items() if value not in many.get(name, [])]
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("Content-Type", "application/json"))
    return tuple(pairs)


def _values(result: dict[str, Any], member: str) -> dict[str, list[str]]:
    """Texts and booleans; a list of them in one form, one in the other."""
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
