"""InvokeEndpoint and InvokeEndpointAsync over HTTP.

Parses requests, applies faults, and renders responses and errors.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import struct
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aiohttp import web

from sagemaker_local import async_invocations, errors, refusals
from sagemaker_local.faults import ERRORS
from sagemaker_local.hosting.models import Invocation
from sagemaker_local.validation import service_model, violations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import Shape

    from sagemaker_local.control_plane.resources import Resources
    from sagemaker_local.faults import Fault
    from sagemaker_local.hosting.endpoints import Endpoint

NOT_OFFERED = {
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
OPERATIONS = {
    "invocations": "InvokeEndpoint",
    "async-invocations": async_invocations.OPERATION,
}
PATH = re.compile(
    rf"/endpoints/(?P<endpoint>[^/]*)/(?P<operation>{'|'.join((*OPERATIONS, *NOT_OFFERED))})"
)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
DRIP_CHUNKS = 20
DISCONNECT_CHECK_SECONDS = 0.1

# Members of InvokeEndpoint's input, and fields of Invocation. Other members have no effect here.
FIELDS = {
    "ContentType": "content_type",
    "Accept": "accept",
    "CustomAttributes": "custom_attributes",
    "TargetModel": "target_model",
    "TargetVariant": "target_variant",
    "TargetContainerHostname": "target_container_hostname",
    "InferenceId": "inference_id",
    "InferenceComponentName": "inference_component",
    "SessionId": "session_id",
}
# The caller receives only these headers of a container's response.
RETURNED_HEADERS = (
    "Content-Type",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-New-Session-Id",
    "X-Amzn-SageMaker-Closed-Session-Id",
)


log = logging.getLogger(__name__)


async def handle(
    request: web.Request, path: re.Match[str], resources: Resources
) -> web.StreamResponse:
    """Invoke the endpoint that the path names; errors become responses."""
    request_id = str(uuid.uuid4())
    name = unquote(path["endpoint"])
    is_async = OPERATIONS.get(path["operation"]) == async_invocations.OPERATION
    limit = async_invocations.MAX_INLINE_BYTES if is_async else resources.options.max_body_bytes
    # A rejected body is read too: otherwise the client would see a reset, not the response.
    body = await _read_body(request, limit)
    fault = None
    try:
        if path["operation"] in NOT_OFFERED:
            raise refusals.OperationNotOffered(NOT_OFFERED[path["operation"]])
        if body is None:
            raise _oversize(request_id, is_async=is_async)
        members = _parse(request, name, OPERATIONS[path["operation"]])
        endpoint = resources.invocable_endpoint(name)
        if is_async:
            async_invocations.check(endpoint, members, body)
        if (fault := resources.faults.draw(name)) is not None:
            await _apply_before_invocation(fault, request, resources, name, is_async=is_async)
        if is_async:
            response = async_invocations.accept(endpoint, members, body, request_id, fault)
        else:
            response = await _invoke(endpoint, members, body, request_id)
    except errors.ServiceError as error:
        log.info(errors.log_line(error, request_id, name))
        response = error_response(error, request_id)
    return await _send(request, response, fault)


def is_disconnected(request: web.Request) -> bool:
    """Whether the client has closed the connection."""
    return request.transport is None or request.transport.is_closing()


def error_response(error: errors.ServiceError, request_id: str) -> web.Response:
    """Render an error: botocore reads the code from the header, the rest from the body."""
    return web.Response(
        status=error.status,
        body=json.dumps(error.body()).encode(),
        headers={
            "Content-Type": "application/json",
            "x-amzn-ErrorType": error.code,
            "x-amzn-RequestId": request_id,
        },
    )


async def _read_body(request: web.Request, limit: int) -> bytes | None:
    """Read the complete body; return None if it is longer than the limit."""
    body, length = bytearray(), 0
    async for chunk in request.content.iter_any():
        length += len(chunk)
        if length <= limit:
            body += chunk
    return bytes(body) if length <= limit else None


def _oversize(request_id: str, *, is_async: bool) -> errors.InvalidInvocation:
    if is_async:
        return refusals.InlineBodyTooLarge(async_invocations.MAX_INLINE_BYTES)
    return refusals.OversizeBody(request_id)


def _parse(request: web.Request, name: str, operation: str) -> dict[str, Any]:
    """Parse the headers into members of the operation's input.

    Raises:
        InvalidInvocation: A member violates botocore's service model.
    """
    shape = service_model("sagemaker-runtime").operation_model(operation).input_shape
    members: dict[str, Any] = {"EndpointName": name, "Body": b""}
    for member, member_shape in shape.members.items():
        if member_shape.serialization.get("location") == "header":
            value = request.headers.get(member_shape.serialization["name"])
            if value is not None:
                members[member] = _typed(member_shape, value)
    if violated := violations(shape, members):
        raise errors.InvalidInvocation(errors.violations_text(violated))
    return members


def _typed(shape: Shape, value: str) -> str | int:
    """Return the value of a header; what SageMaker says of "x" as a number is UNVERIFIED."""
    if shape.type_name != "integer":
        return value
    if not _INTEGER.fullmatch(value):
        name = shape.serialization["name"]
        raise errors.InvalidInvocation(f"The value of the header {name} is not a whole number.")
    return int(value)


async def _invoke(
    endpoint: Endpoint, members: Mapping[str, Any], body: bytes, request_id: str
) -> web.Response:
    fields = {field: members.get(member) for member, field in FIELDS.items()}
    invocation = Invocation(endpoint=endpoint.name, request_id=request_id, body=body, **fields)
    response, variant = await endpoint.invoke(invocation)
    headers = {"x-amzn-RequestId": request_id, "x-Amzn-Invoked-Production-Variant": variant}
    for name in RETURNED_HEADERS:
        if name.lower() in response.headers:
            headers[name] = response.headers[name.lower()]
    return web.Response(body=response.body, headers=headers)


async def _apply_before_invocation(
    fault: Fault, request: web.Request, resources: Resources, endpoint: str, *, is_async: bool
) -> None:
    """Raise the fault's error, or hang; other faults change the response in `_send`."""
    if is_async and fault.kind in async_invocations.QUEUE_FAULTS:
        return
    if fault.kind in ERRORS:
        raise ERRORS[fault.kind]()
    if fault.kind == "not-ready":
        raise errors.ModelNotReady(endpoint)
    if fault.kind == "model-error":
        raise errors.ModelError(
            endpoint,
            resources.account_region,
            status=500,
            summary='Received server error (500) from primary with message "fault on demand".',
            original="fault on demand",
        )
    if fault.kind == "hang":
        await _hang(fault, request)


async def _hang(fault: Fault, request: web.Request) -> None:
    """Wait until the time is over, the fault is removed, or the client disconnects."""
    clock = asyncio.get_running_loop().time
    until = clock() + fault.seconds
    while (remaining := until - clock()) > 0 and not fault.removed.is_set():
        if is_disconnected(request):
            return
        await fault.delay(min(remaining, DISCONNECT_CHECK_SECONDS))


async def _send(
    request: web.Request, response: web.Response, fault: Fault | None
) -> web.StreamResponse:
    """Send the response, or the part of it that a fault leaves."""
    kind = fault.kind if fault else None
    if kind == "reset":
        _reset(request)
        return response
    if fault is None or kind not in ("drip", "truncate"):
        return response
    body = response.body if isinstance(response.body, bytes) else b""
    partial = web.StreamResponse(status=response.status, headers=response.headers)
    partial.content_length = len(body)
    await partial.prepare(request)
    if kind == "truncate":
        await partial.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return partial
    size = max(1, len(body) // DRIP_CHUNKS)
    for start in range(0, len(body), size):
        await partial.write(body[start : start + size])
        await fault.delay(fault.seconds * size / len(body))
    await partial.write_eof()
    return partial


def _reset(request: web.Request) -> None:
    """Close the connection with a TCP reset, which a linger time of zero causes."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
