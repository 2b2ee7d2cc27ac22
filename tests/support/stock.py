"""Compares stock boto3 with the gateway's client: requests, results and errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from chalicelib.aws import clients
from chalicelib.aws.deadline import Deadline
from chalicelib.sagemaker.client import InvokeEndpoint, sagemaker_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.awsrequest import AWSPreparedRequest

    Make = Callable[..., Any]

SECONDS = 30.0
ONCE = {"total_max_attempts": 1, "mode": "standard"}

# Calls that the gateway makes, and those that botocore makes for it to come by credentials.
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "sagemaker-runtime": ("invoke_endpoint", {"EndpointName": "churn-prod", "Body": b"{}"}),
    "s3": ("get_object", {"Bucket": "tables", "Key": "gateway/routing.yaml"}),
    "secretsmanager": ("get_secret_value", {"SecretId": "gateway/keys"}),
    "sts": ("get_caller_identity", {}),
    "sso": ("get_role_credentials", {"roleName": "r", "accountId": "1", "accessToken": "t"}),
    "sso-oidc": ("create_token", {"clientId": "c", "clientSecret": "s", "grantType": "g"}),
    "signin": ("create_o_auth2_token", {"tokenInput": {"clientId": "c", "grantType": "g"}}),
}

# Different by intention, or for every request.
_OWN = re.compile(r"user-agent|amz-sdk-invocation-id", re.IGNORECASE)
# Of the moment, or known only when it is sent.
_LATER = re.compile(r"x-amz-date|content-length", re.IGNORECASE)
_SIGNATURE = re.compile(r"(?<=Signature=)[0-9a-f]{64}|(?<=/)[0-9]{8}(?=/)")


def stock(service: str, *, read_timeout: float = SECONDS, **settings: Any) -> Any:
    """Make a client of stock boto3 that tries once; the number of attempts is in a header."""
    config = Config(retries=ONCE, read_timeout=read_timeout)
    return boto3.Session().client(service, config=config, **settings)


def ours(service: str, **settings: Any) -> Any:
    """Make a client as the gateway does."""
    if service == "sagemaker-runtime":
        return sagemaker_client(**settings)
    return clients.client(service, **settings)


BOTH: tuple[Make, Make] = (stock, ours)


def call(client: Any, **members: Any) -> Any:
    """Make a call with these arguments, or with those of CALLS."""
    method, usual = next(known for known in CALLS.values() if hasattr(client, known[0]))
    with Deadline.after(SECONDS).in_force():
        return getattr(client, method)(**(members or usual))


class _Prepared(Exception):
    def __init__(self, request: AWSPreparedRequest) -> None:
        self.request = request
        super().__init__(request.url)


def prepared(client: Any, **members: Any) -> AWSPreparedRequest:
    """Return the request that the call would send; nothing is sent."""

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        raise _Prepared(request)

    if isinstance(client, InvokeEndpoint):
        client._send = stop  # it has no events
    else:
        client.meta.events.register("before-send", stop)
    with pytest.raises(_Prepared) as stopped:
        call(client, **members)
    return stopped.value.request


def request_or_error(make: Make, service: str, **settings: Any) -> dict[str, str] | str:
    """Return what a new client would send, without dates and ids, or the text of its error."""
    try:
        request = prepared(make(service, **settings))
    except Exception as error:  # which ones there are is botocore's to say
        return f"{type(error).__name__}: {error}"
    headers = {name: text_of(request, name) for name in request.headers}
    kept = {name: text for name, text in headers.items() if not _OWN.match(name)}
    return {
        "": f"{request.method} {request.url}",
        **{
            name: _SIGNATURE.sub("…", text) for name, text in kept.items() if not _LATER.match(name)
        },
    }


def text_of(request: AWSPreparedRequest, name: str) -> str:
    """Return a header as text."""
    value = request.headers.get(name, "")
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def outcome(client: Any, **members: Any) -> dict[str, Any]:
    """Return everything that a caller gets: the parsed result with its body, or the error."""
    try:
        answer = call(client, **members)
        with Deadline.after(SECONDS).in_force():
            return {**answer, "Body": answer["Body"].read()}
    except Exception as error:  # which ones there are is botocore's to say
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return {"error": kinds, **(getattr(error, "response", None) or {})}


def on_the_wire(request: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return first line, headers and body of a request, without what differs intentionally.

    The order of headers does not matter.
    """
    head, _, body = request.partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    return first, sorted(one for one in headers if not _OWN.match(one.decode("latin-1"))), body


def date_of(request: bytes) -> bytes:
    """Return the time of the signature in whole seconds."""
    found = re.search(rb"(?i)\r\nx-amz-date: *([0-9TZ]+)\r\n", request)
    assert found, request
    return found[1]
