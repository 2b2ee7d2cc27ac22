"""InvokeEndpointAsync: checks what the service model does not say, and queues the request."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sagemaker_local import refusals
from sagemaker_local.hosting.artifacts import S3Location
from sagemaker_local.hosting.async_queue import AsyncRequest
from sagemaker_local.hosting.models import Invocation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.faults import Fault
    from sagemaker_local.hosting.endpoints import Endpoint

OPERATION = "InvokeEndpointAsync"
MAX_INLINE_BYTES = 128_000
DEFAULT_TTL_SECONDS = 21_600
DEFAULT_INVOCATION_TIMEOUT_SECONDS = 900

QUEUE_FAULTS = frozenset(("model-error", "expired", "lost"))
"""Faults that befall a request after it was accepted."""


def check(endpoint: Endpoint, members: Mapping[str, Any], body: bytes) -> None:
    """Check that the endpoint is asynchronous, and that the request has exactly one input.

    Raises:
        InvalidInvocation: It is not, or it has none or two.
    """
    endpoint.async_config()
    if bool(body) == ("InputLocation" in members):
        raise refusals.NotOneInput(has_both=bool(body))


def accept(
    endpoint: Endpoint,
    members: Mapping[str, Any],
    body: bytes,
    request_id: str,
    fault: Fault | None = None,
) -> web.Response:
    """Queue a request, and return the answer that says where its result will be.

    Raises:
        InvalidInvocation: The endpoint does not exist, or is synchronous.
    """
    config = endpoint.async_config()
    inference_id = members.get("InferenceId") or str(uuid.uuid4())
    # An id of its own: a real notification had another one in outputLocation than in inferenceId.
    name = members.get("Filename") or f"{uuid.uuid4()}.out"
    failure_name = f"{name.removesuffix('.out')}-error.out"  # UNVERIFIED if there is a Filename
    extension = members.get("S3OutputPathExtension", "")
    queued = AsyncRequest(
        invocation=Invocation(
            endpoint=endpoint.name,
            request_id=request_id,
            body=body,
            content_type=members.get("ContentType"),
            accept=members.get("Accept"),
            custom_attributes=members.get("CustomAttributes"),
            inference_id=inference_id,
            timeout_seconds=members.get(
                "InvocationTimeoutSeconds", DEFAULT_INVOCATION_TIMEOUT_SECONDS
            ),
        ),
        inference_id=inference_id,
        config=config,
        input=S3Location.parse(members["InputLocation"]) if "InputLocation" in members else None,
        output=_below(config.output_url, extension, name),
        failure=_below(config.failure_url, extension, failure_name),  # The extension: UNVERIFIED
        ttl_seconds=members.get("RequestTTLSeconds", DEFAULT_TTL_SECONDS),
        fault=fault.kind if fault else None,
    )
    endpoint.enqueue(queued)
    return _accepted(queued, request_id)


def _below(url: str | None, extension: str, name: str) -> S3Location | None:
    """Return the object in the folder; None if the configuration has no folder."""
    if url is None:
        return None
    start = S3Location.parse(url)
    parts = (start.key.strip("/"), extension.strip("/"), name)
    return S3Location(start.bucket, "/".join(part for part in parts if part))


def _accepted(request: AsyncRequest, request_id: str) -> web.Response:
    headers = {"Content-Type": "application/json", "x-amzn-RequestId": request_id}
    for member, location in (("Output", request.output), ("Failure", request.failure)):
        if location is not None:
            headers[f"X-Amzn-SageMaker-{member}Location"] = str(location)
    body = json.dumps({"InferenceId": request.inference_id}).encode()
    return web.Response(status=202, body=body, headers=headers)
