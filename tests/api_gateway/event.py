"""The event that a function gets of a request: payload format 1.0, as REST APIs have it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
Its members and their spelling are as LocalStack recorded them on AWS in August 2024, for
tests/aws/services/apigateway/test_apigateway_lambda.snapshot.json of localstack/localstack.
"""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.api_gateway.media_types import is_binary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from tests.api_gateway.request import Request
    from tests.api_gateway.unverified import Unverified

ACCOUNT = "123456789012"
API = "abcdefghij"
REGION = "us-east-1"
HOST = f"{API}.execute-api.{REGION}.amazonaws.com"
CLIENT = "192.0.2.7"

DROPPED = {
    *("connection", "content-length", "content-md5", "expect", "max-forwards"),
    *("proxy-authenticate", "server", "te", "trailer", "transfer-encoding", "upgrade"),
    "www-authenticate",
}
CAPITALISED = {"authorization", "user-agent"}
NOBODY = (
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider"),
    *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
    *("principalOrgId", "user", "userArn"),
)


def proxy_event(
    request: Request,
    *,
    stage: str,
    resource: str,
    path_parameters: Mapping[str, str],
    authorizer: Mapping[str, Any] | None,
    binary_types: Set[str],
    unverified: Unverified,
) -> dict[str, Any]:
    headers = _gathered(_headers(request))
    query = _gathered(request.query)
    wins = 0 if unverified.first_header_wins else -1
    if unverified.path_parameters_are_decoded:
        path_parameters = {name: unquote(value) for name, value in path_parameters.items()}
    return {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": {name: values[wins] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(path_parameters) or None,
        "stageVariables": None,
        "requestContext": _context(request, stage, resource, authorizer),
        **_body(request, binary_types),
    }


def method_arn(request: Request, stage: str) -> str:
    """What an authorizer is asked about, and what its policy is compared with."""
    resource = f"{API}/{stage}/{request.method}{request.path}"
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{resource}"


def _headers(request: Request) -> list[tuple[str, str]]:
    """The client's in its own spelling, and API Gateway's."""
    sent = [
        (name.title() if name.lower() in CAPITALISED else name, value)
        for name, value in request.headers
        if name.lower() not in DROPPED | {"x-forwarded-for"}
    ]
    forwarded = [value for name, value in request.headers if name.lower() == "x-forwarded-for"]
    host = [] if request.header("Host") else [("Host", HOST)]
    return [
        *sent,
        *host,
        ("X-Amzn-Trace-Id", "Root=1-00000000-000000000000000000000000"),
        ("X-Forwarded-For", ", ".join([*forwarded, CLIENT])),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """By name, and names by their spelling: AWS's notes say that case counts."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _body(request: Request, binary_types: Set[str]) -> dict[str, Any]:
    if not request.body:
        return {"body": None, "isBase64Encoded": False}
    if is_binary(request.header("Content-Type"), binary_types):
        return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
    return {"body": request.body.decode(errors="replace"), "isBase64Encoded": False}


def _context(
    request: Request, stage: str, resource: str, authorizer: Mapping[str, Any] | None
) -> dict[str, Any]:
    moment = time.gmtime(request.received)
    context = {
        "accountId": ACCOUNT,
        "apiId": API,
        "deploymentId": "d1e2f3",
        "domainName": HOST,
        "domainPrefix": API,
        "extendedRequestId": "AAAAAAAAAAAAAAA=",
        "httpMethod": request.method,
        "identity": {
            **dict.fromkeys(NOBODY),
            "sourceIp": CLIENT,
            "userAgent": request.header("User-Agent"),
        },
        "path": f"/{stage}{request.raw_path}",
        "protocol": "HTTP/1.1",
        "requestId": request.id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", moment),
        "requestTimeEpoch": round(request.received * 1000),
        "resourceId": "a1b2c3",
        "resourcePath": resource,
        "stage": stage,
    }
    return context if authorizer is None else {**context, "authorizer": dict(authorizer)}
