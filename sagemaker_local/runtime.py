"""InvokeEndpoint on the wire: SageMaker's headers in, SageMaker's headers and errors out."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aiohttp import web

from sagemaker_local import errors, refusals
from sagemaker_local.faults import ERRORS, Fault
from sagemaker_local.hosting.invocation import Invocation
from sagemaker_local.validation import service_model, violations

if TYPE_CHECKING:
    from sagemaker_local.control_plane.resources import Region
    from sagemaker_local.faults import Faults
    from sagemaker_local.hosting.container_client import Answer
    from sagemaker_local.settings import Options

NOT_OFFERED = {
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
    "async-invocations": "InvokeEndpointAsync",
}
PATH = re.compile(
    rf"/endpoints/(?P<endpoint>[^/]*)/(?P<operation>invocations|{'|'.join(NOT_OFFERED)})"
)
DRIP_PIECES = 20
LOOK_AROUND_SECONDS = 0.1

# InvokeEndpoint's members → ours. Those that are missing here change nothing in this stand-in.
MEMBERS = {
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
# Of a container's answer only these reach the caller.
PASSED_BACK = (
    "Content-Type",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-New-Session-Id",
    "X-Amzn-SageMaker-Closed-Session-Id",
)


class Runtime:
    """Answers `POST /endpoints/{name}/…` for one region at a time."""

    def __init__(self, options: Options, faults: Faults) -> None:
        self._options = options
        self._faults = faults

    async def handle(
        self, request: web.Request, path: re.Match[str], region: Region
    ) -> web.StreamResponse:
        request_id = str(uuid.uuid4())
        name = unquote(path["endpoint"])
        # Read to its end even when it is refused, so that the client sees why.
        body = await read_at_most(request, self._options.max_body_bytes)
        fault = None
        try:
            if path["operation"] in NOT_OFFERED:
                raise refusals.OperationNotOffered(NOT_OFFERED[path["operation"]])
            if body is None:
                raise refusals.OversizeBody(request_id)
            invocation = _parse(request, name, request_id, body)
            endpoint = region.invocable(name)
            if (fault := self._faults.draw(name)) is not None:
                await self._suffer(fault, request, region, name)
            answer, variant = await endpoint.invoke(invocation)
        except errors.ServiceError as error:
            response = error_response(error, request_id)
        else:
            response = _success(answer, variant, request_id)
        return await _send(request, response, fault)

    async def _suffer(
        self, fault: Fault, request: web.Request, region: Region, endpoint: str
    ) -> None:
        """What goes wrong before there is an answer."""
        if fault.fault in ERRORS:
            raise ERRORS[fault.fault]()
        if fault.fault == "not-ready":
            raise errors.ModelNotReady(endpoint)
        if fault.fault == "model-error":
            summary = 'Received server error (500) from primary with message "fault on demand".'
            raise errors.ModelError(
                endpoint, region.place, status=500, summary=summary, original="fault on demand"
            )
        if fault.fault == "hang":
            await _hang(fault, request)


async def read_at_most(request: web.Request, limit: int) -> bytes | None:
    """The whole body; None when it is longer than the limit."""
    body, length = bytearray(), 0
    async for chunk in request.content.iter_any():
        length += len(chunk)
        if length <= limit:
            body += chunk
    return bytes(body) if length <= limit else None


def caller_has_left(request: web.Request) -> bool:
    """Whether the connection is closed, so that nobody would hear an answer."""
    return request.transport is None or request.transport.is_closing()


def error_response(error: errors.ServiceError, request_id: str) -> web.Response:
    """botocore takes the code from the header, the rest from the body."""
    return web.Response(
        status=error.status,
        body=json.dumps(error.body()).encode(),
        headers={
            "Content-Type": "application/json",
            "x-amzn-ErrorType": error.code,
            "x-amzn-RequestId": request_id,
        },
    )


def _parse(request: web.Request, name: str, request_id: str, body: bytes) -> Invocation:
    """When a header breaks botocore's service model: InvalidInvocation."""
    shape = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape
    given: dict[str, Any] = {"EndpointName": name, "Body": b""}
    for member, member_shape in shape.members.items():
        if member_shape.serialization.get("location") == "header":
            value = request.headers.get(member_shape.serialization["name"])
            if value is not None:
                given[member] = value
    if broken := violations(shape, given):
        raise errors.InvalidInvocation(errors.violations_text(broken))
    known = {ours: given.get(member) for member, ours in MEMBERS.items()}
    return Invocation(endpoint=name, request_id=request_id, body=body, **known)


def _success(answer: Answer, variant: str, request_id: str) -> web.Response:
    headers = {
        "x-amzn-RequestId": request_id,
        "x-Amzn-Invoked-Production-Variant": variant,
    }
    for name in PASSED_BACK:
        if name.lower() in answer.headers:
            headers[name] = answer.headers[name.lower()]
    return web.Response(body=answer.body, headers=headers)


async def _hang(fault: Fault, request: web.Request) -> None:
    """Say nothing until the time is over, the fault is ended, or the caller has gone."""
    until = asyncio.get_running_loop().time() + fault.seconds
    while (rest := until - asyncio.get_running_loop().time()) > 0 and not fault.ended.is_set():
        if caller_has_left(request):
            return
        await fault.hold(min(rest, LOOK_AROUND_SECONDS))


async def _send(
    request: web.Request, response: web.Response, fault: Fault | None
) -> web.StreamResponse:
    """Send the answer, or what a fault leaves of it."""
    kind = fault.fault if fault else None
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
        _close(request)
        return partial
    size = max(1, len(body) // DRIP_PIECES)
    for start in range(0, len(body), size):
        await partial.write(body[start : start + size])
        await fault.hold(fault.seconds * size / len(body))
    await partial.write_eof()
    return partial


def _reset(request: web.Request) -> None:
    """Close the connection with a TCP reset."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        linger_for_no_time = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_no_time)
        request.transport.abort()


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()
