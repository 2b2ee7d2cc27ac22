"""Makes the events of API Gateway for predictions and for the authorizer, and the API keys."""

from __future__ import annotations

import base64
import hashlib
import json
import time

KEY = "gw_bench000_" + "k" * 43
ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api/POST/predict/iris"
ROW = [5.1, 3.5, 1.4, 0.2]


def instances(size_bytes: int) -> bytes:
    """Return a JSON body of about that size."""
    rows = max(1, size_bytes // len(f"{ROW}, "))
    return json.dumps({"instances": [ROW] * rows}).encode()


def prediction(body: bytes, *, binary: bool, model: str = "iris") -> bytes:
    """Return the event of `POST /predict/<model>`; with `binary`, its body is base64."""
    headers = {
        "Accept": "*/*",
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        "Host": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "User-Agent": "python-requests/2.34.2",
        "X-Amzn-Trace-Id": "Root=1-00000000-000000000000000000000000",
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    event = {
        "resource": "/predict/{model}",
        "path": f"/predict/{model}",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"model": model},
        "stageVariables": None,
        "requestContext": _context(model),
        "body": base64.b64encode(body).decode() if binary else body.decode(),
        "isBase64Encoded": binary,
    }
    return json.dumps(event).encode()


def _context(model: str) -> dict[str, object]:
    return {
        "resourceId": "a1b2c3",
        "authorizer": {
            "principalId": "web-shop",
            "outcome": "ok",
            "principal": "web-shop",
            "grants": "*",
            "expires": "",
            "key_id": "bench000",
            "integrationLatency": 7,
        },
        "resourcePath": "/predict/{model}",
        "httpMethod": "POST",
        "extendedRequestId": "AAAAAAAAAAAAAAA=",
        "requestTime": "01/Jan/2030:00:00:00 +0000",
        "path": f"/api/predict/{model}",
        "accountId": "123456789012",
        "protocol": "HTTP/1.1",
        "stage": "api",
        "domainPrefix": "abcdefghij",
        # An hour from now, so that the gateway's deadline is Lambda's.
        "requestTimeEpoch": round(time.time() * 1000) + 3_600_000,
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "identity": {"sourceIp": "192.0.2.7", "userAgent": "python-requests/2.34.2"},
        "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "deploymentId": "a1b2c3",
        "apiId": "abcdefghij",
    }


def authorization() -> bytes:
    """Return the authorizer's event for KEY."""
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {KEY}", "methodArn": ARN}
    return json.dumps(event).encode()


def key_document(keys: int) -> str:
    """Return a secret with that many API keys, the last of which is KEY."""
    others = {f"k{number:07}": _entry(f"gw_k{number:07}_{'x' * 43}") for number in range(keys - 1)}
    return json.dumps({"keys": {**others, "bench000": _entry(KEY)}})


def _entry(key: str) -> dict[str, object]:
    return {
        "sha256": hashlib.sha256(key.encode()).hexdigest(),
        "principal": "web-shop",
        "grants": ["iris", "house-price/*"],
        "expires": None,
        "disabled": False,
    }
