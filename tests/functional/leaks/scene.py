"""A gateway with real keys, tokens and boto3 clients, and requests that are full of secrets.

Stub servers stand for Secrets Manager, the issuer and SageMaker.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from chalicelib.api.factory import create_app
from chalicelib.auth.schemes import schemes
from chalicelib.routing.reading import file
from chalicelib.settings import Settings
from tests.support.canary import CANARY
from tests.support.emf import MetricsLog
from tests.support.gateway import JSON, TABLE, BuiltGateway, FixedTable, runtime_at
from tests.support.http_server import StubServer, sends
from tests.support.tokens import AUDIENCE, Key, claims, jwks, token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.clients import Response
    from tests.support.issuer_server import Issuer

FOLDER = "folder-5b2c"
SECRET = f"{CANARY}{'x' * 32}"
KEY = f"gw_k3yoft3s_{SECRET}"
BODY = json.dumps({"name": CANARY}).encode()
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{CANARY} s3://{CANARY}/v1.tar.gz"
HEADERS = {
    **JSON,
    "Cookie": CANARY,
    "User-Agent": CANARY,
    "Referer": f"https://{CANARY}/",
    "X-Api-Key": CANARY,
    "X-Request-Id": CANARY,
    "X-Amzn-SageMaker-Custom-Attributes": CANARY,
    "X-Amzn-SageMaker-Inference-Id": CANARY,
    "X-Amzn-SageMaker-Session-Id": CANARY,
    "X-Amzn-SageMaker-Enable-Explanations": CANARY,
    "X-Amzn-SageMaker-Prefix-Aware-Id": CANARY,
    "X-Amzn-SageMaker-Target-Model": CANARY,
    "traceparent": CANARY,
}
MODELS = f"""{TABLE}
  frank:
    kind: single
    endpoint: frank
    expose_model_errors: true
  folder:
    kind: mme
    endpoint: tabular
    target_model: {FOLDER}/v1.tar.gz
"""
JSON_TYPE = "Content-Type: application/json"
SECRETS = {
    "canary": CANARY,
    "digest": hashlib.sha256(KEY.encode()).hexdigest(),
    "body as base64": base64.b64encode(BODY).decode(),
}


def http(status, content, *headers):
    """Build a response whose reason phrase is a secret, too."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} {CANARY}", f"Content-Length: {len(body)}", *headers]
    lines.append(f"x-amzn-RequestId: {ARN}")  # no request id has a space
    return "\r\n".join([*lines, "", ""]).encode() + body


def error(status, kind, **members):
    """Send an error of SageMaker's."""
    content = {"ErrorCode": CANARY, "Message": ARN, **members}
    return sends(http(status, content, f"x-amzn-ErrorType: {kind}"))


def model_error(status):
    words = {"OriginalMessage": CANARY, "LogStreamArn": ARN}
    return error(424, "ModelError", OriginalStatusCode=status, **words)


def key_document(**changes):
    entry = {
        "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
        "principal": "web-shop",
        "grants": ["*"],
        "expires": None,
        "disabled": False,
    }
    return json.dumps({"keys": {"k3yoft3s": {**entry, **changes}}})


def secret(text):
    """Send the secret with the API keys as Secrets Manager does."""
    name = {"ARN": f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{CANARY}", "Name": "keys"}
    return sends(http(200, {**name, "SecretString": text, "VersionId": "v" * 32}))


class Scene:
    """The gateway, the servers around it, and everything that it writes."""

    def __init__(
        self, client: Any, key: Key, store: StubServer, sagemaker: StubServer, issuer: Issuer
    ) -> None:
        self.key, self.store, self.sagemaker, self.issuer = key, store, sagemaker, issuer
        self._client = client
        self._runtime = runtime_at(sagemaker.url)
        self._environ = {"GATEWAY_JWT_ISSUER": issuer.url, "GATEWAY_JWT_AUDIENCE": AUDIENCE}
        # Kept for all tests, because it takes boto3 a while to make a client.
        self._schemes = schemes(Settings.from_env(self._environ))
        self.begin()

    def begin(self) -> None:
        """Start with servers that all work, and without any response."""
        self.store.script = secret(key_document())
        self.sagemaker.script = sends(http(200, BODY, JSON_TYPE))
        self.issuer.failure = None
        self.issuer.key_set = jwks(self.key.public())
        self.responses: list[Response] = []
        self.log = MetricsLog()
        self.with_parts()

    def with_parts(self, environ: Mapping[str, str] | None = None, **parts: Any) -> None:
        """Build the gateway of these parts, with these settings."""
        settings = Settings.from_env({**self._environ, **(environ or {})})
        if environ is None:
            parts.setdefault("source", FixedTable(file.parse(MODELS.encode(), "routing.yaml")))
        known = {"runtime": self._runtime, "schemes": self._schemes, **parts}
        app = create_app(settings, telemetry=self.log.telemetry, **known)
        self.gateway = BuiltGateway(app, None, self.log, self._client(app))

    def forget(self) -> None:
        """Build a gateway that has not read any keys yet."""
        self.with_parts(schemes=None)

    def jwt(self, **header: Any) -> str:
        """Make a valid token, unless its header says otherwise."""
        payload = claims(iss=self.issuer.url, scope="model:*", email=CANARY)
        return token(self.key, header, payload)

    def post(
        self, path: str = "attributes", credential: str = KEY, body: bytes = BODY, **headers: str
    ) -> int:
        """POST a request that is full of secrets, and return the status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", f"/predict/{path}", credential, body, named)

    def send(
        self,
        method: str,
        path: str,
        credential: str = KEY,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> int:
        sent = {**HEADERS, "Authorization": f"Bearer {credential}", **(headers or {})}
        response: Response = self.gateway.client.send(method, path, sent, body)
        self.responses.append(response)
        return response.status
