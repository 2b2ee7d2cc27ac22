"""How the gateway calls InvokeEndpointAsync: with some of InvokeEndpoint's arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.gateway import Admitted
    from chalicelib.jobs.store import S3Object

MAX_INLINE_BYTES = 128_000
"""Source: botocore's service model of sagemaker-runtime, shape AsyncBodyBlob."""

ASYNC_ARGUMENTS = ("ContentType", "Accept", "CustomAttributes", "InferenceId")
"""The arguments that InvokeEndpointAsync has in common with InvokeEndpoint."""


def async_arguments(admitted: Admitted, place: S3Object | None) -> dict[str, object]:
    """Return the arguments of InvokeEndpointAsync, except the endpoint's name.

    Args:
        admitted: The request.
        place: Where the gateway has the body; None if the call carries it.
    """
    model, given = admitted.resolved.model, admitted.request.invoke_args()
    arguments = {name: given[name] for name in ASYNC_ARGUMENTS if name in given}
    body = {"Body": given["Body"]} if place is None else {"InputLocation": str(place)}
    return {
        **arguments,
        **body,
        "RequestTTLSeconds": model.request_ttl_seconds,
        "InvocationTimeoutSeconds": model.invocation_timeout_seconds,
    }
