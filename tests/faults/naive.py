"""The control: a Lambda handler in five lines, as one writes it first.

boto3 as it comes, the body through `json.loads`, the path straight into EndpointName, no deadline.
What the gateway is measured by has to be measured on this as well, and it has to fail.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
from botocore.config import Config

from tests.support.doors import Answer, event
from tests.support.gateway import AWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.doors import Headers

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


def naive_client(url: str, retry_mode: str | None = None, **settings: Any) -> Any:
    """boto3's defaults, but for where AWS is, and the retry mode where one is given."""
    config = Config(**({"retries": {"mode": retry_mode}} if retry_mode else {}), **settings)
    session = boto3.Session()
    return session.client("sagemaker-runtime", endpoint_url=url, config=config, **AWS)


class NaiveDoor:
    """API Gateway in front of the five lines: text in, text out, and 502 for whatever is raised."""

    def __init__(self, client: Any) -> None:
        self._handler = handler(client)

    def predict(self, model: str, body: bytes = b"{}", headers: Headers = ()) -> Answer:
        return self.send("POST", f"/predict/{model}", headers, body)

    def send(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Answer:
        delivered = self.event(method, path, headers, body)
        try:
            answer = self._handler(json.loads(json.dumps(delivered)), None)
            json.dumps(answer).encode()
        except (Exception, RecursionError):
            return Answer(502, {}, b'{"message": "Internal server error"}')
        return Answer(answer["statusCode"], {}, answer["body"].encode())

    def event(
        self, method: str, path: str, headers: Headers = (), body: bytes = b""
    ) -> dict[str, Any]:
        """The same event, of an API that has no binary types."""
        model = quote(path.removeprefix("/predict/"), safe="%")
        made = event(
            method, path, resource=RESOURCE, path_parameters={"model": model}, headers=headers
        )
        text = body.decode("utf-8", "replace")
        return {**made, "body": text or None, "isBase64Encoded": False}
