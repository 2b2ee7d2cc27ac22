"""The baseline: a Lambda handler in five lines, as people write it first.

It uses boto3 with its defaults, parses the body with `json.loads`, takes the endpoint's name from
the path, and has no deadline. Each measurement of the gateway is also made of this handler, which
has to miss the bar.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
from botocore.config import Config

from tests.support.clients import Response
from tests.support.events import proxy_event
from tests.support.gateway import AWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.events import Headers

RETRY_MODES = ("standard", "legacy")
RESOURCE = "/predict/{model}"


def handler(client: Any) -> Callable[[dict[str, Any], object], dict[str, Any]]:
    """The five lines."""

    def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        payload = json.loads(event["body"])
        endpoint = event["pathParameters"]["model"]
        response = client.invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Body=json.dumps(payload)
        )
        result = json.loads(response["Body"].read().decode())
        return {"statusCode": 200, "body": json.dumps(result)}

    return lambda_handler


def baseline_client(url: str, retry_mode: str | None = None, **settings: Any) -> Any:
    """Build a client with boto3's defaults, except for the URL and, if given, the retry mode."""
    config = Config(**({"retries": {"mode": retry_mode}} if retry_mode else {}), **settings)
    session = boto3.Session()
    return session.client("sagemaker-runtime", endpoint_url=url, config=config, **AWS)


class BaselineClient:
    """Calls the handler as API Gateway does: text in, text out, and 502 for every exception."""

    def __init__(self, client: Any) -> None:
        self._handler = handler(client)

    def predict(self, model: str, body: bytes = b"{}", headers: Headers = ()) -> Response:
        return self.send("POST", f"/predict/{model}", headers, body)

    def send(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Response:
        delivered = self.event(method, path, headers, body)
        try:
            result = self._handler(json.loads(json.dumps(delivered)), None)
            json.dumps(result).encode()
        except (Exception, RecursionError):
            return Response(502, {}, b'{"message": "Internal server error"}')
        return Response(result["statusCode"], {}, result["body"].encode())

    def event(
        self, method: str, path: str, headers: Headers = (), body: bytes = b""
    ) -> dict[str, Any]:
        """Build the event of an API that has no binary types."""
        model = quote(path.removeprefix("/predict/"), safe="%")
        return proxy_event(
            method,
            path,
            resource=RESOURCE,
            path_parameters={"model": model},
            headers=headers,
            body=body,
            is_binary=False,
        )
