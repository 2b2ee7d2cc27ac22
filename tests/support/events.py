"""The events of API Gateway: payload format 1.0 of a REST API, and the question to an authorizer.

The members and their spelling are as LocalStack recorded them on AWS in August 2024, for
tests/aws/services/apigateway/test_apigateway_lambda.snapshot.json of localstack/localstack.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "123456789012"
API = "abcdefghij"
REGION = "us-east-1"
STAGE = "api"
HOST = f"{API}.execute-api.{REGION}.amazonaws.com"
CLIENT = "192.0.2.7"
STAGE_ARN = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/{STAGE}"

NO_CALLER = dict.fromkeys(
    (
        *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider"),
        *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
        *("principalOrgId", "user", "userArn"),
    )
)
# The authorizer's context of a caller who may call every model.
CONTEXT = {
    "outcome": "ok",
    "principal": "tests",
    "grants": "*",
    "expires": "",
    "key_id": "k3yoft3s",
}
OPEN_RESOURCES = {"/", "/health", "/page/{file}"}

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


def pairs_of(headers: Headers) -> list[tuple[str, str]]:
    """List the headers by name and value; a name may occur several times."""
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def values_by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Group values by name, each spelling of a name apart, as API Gateway does."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def token_event(authorization: str, method: str = "GET", path: str = "/models") -> dict[str, str]:
    """Build the event with which API Gateway asks an authorizer of type TOKEN."""
    return {
        "type": "TOKEN",
        "authorizationToken": authorization,
        "methodArn": f"{STAGE_ARN}/{method}{path}",
    }


def proxy_event(
    method: str,
    path: str,
    *,
    resource: str,
    path_parameters: Mapping[str, str],
    headers: Headers = (),
    query: Mapping[str, list[str]] | None = None,
    body: bytes = b"",
    is_binary: bool = True,
    authorizer: Mapping[str, Any] | None = CONTEXT,
    received: float | None = None,
    request_id: str | None = None,
    stage: str = STAGE,
    first_header_wins: bool = False,
) -> dict[str, Any]:
    """Build the event of a request that API Gateway lets through.

    Args:
        is_binary: Whether the API treats the body as binary, which makes it base64.
        authorizer: The authorizer's context; None if the route has no authorizer.
        received: The time of the request in seconds since the epoch; without one, now.
        first_header_wins: Which value `headers` has when a header comes twice.
    """
    many = values_by_name(pairs_of(headers))
    query = query or {}
    if resource in OPEN_RESOURCES:
        authorizer = None
    received = time.time() if received is None else received
    text = base64.b64encode(body).decode() if is_binary else body.decode(errors="replace")
    user_agents = [value for name, (value, *_) in many.items() if name.lower() == "user-agent"]
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {name: values[0 if first_header_wins else -1] for name, values in many.items()}
        or None,
        "multiValueHeaders": many or None,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": dict(query) or None,
        "pathParameters": dict(path_parameters) or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "deploymentId": "d1e2f3",
            "domainName": HOST,
            "domainPrefix": API,
            "extendedRequestId": "AAAAAAAAAAAAAAA=",
            "httpMethod": method,
            "identity": {
                **NO_CALLER,
                "sourceIp": CLIENT,
                "userAgent": next(iter(user_agents), None),
            },
            "path": f"/{stage}{path}",
            "protocol": "HTTP/1.1",
            "requestId": request_id or str(uuid.uuid4()),
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(received)),
            "requestTimeEpoch": round(received * 1000),
            "resourceId": "a1b2c3",
            "resourcePath": resource,
            "stage": stage,
            **({} if authorizer is None else {"authorizer": dict(authorizer)}),
        },
        "body": text or None,
        "isBase64Encoded": is_binary and bool(body),
    }


@dataclass(frozen=True)
class LambdaContext:
    """The context object of an invocation."""

    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    remaining_ms: int = 29_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms
