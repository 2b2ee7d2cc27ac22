"""A gateway with everything around it, and requests that are full of secrets.

Keys, tokens and boto3 are real; Secrets Manager, the issuer and SageMaker answer what a test tells
them to.
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
from tests.support.gateway import JSON, TABLE, FixedTable, BuiltGateway, runtime_at
from tests.support.emf import MetricsLog
from tests.support.http_server import StubServer, sends
from tests.unit.auth.issuer import AUDIENCE, Key, claims, jwks, token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.clients import Response
    from tests.support.upstream import Script
    from tests.unit.auth.web import Issuer

FOLDER = "folder-5b2c"
SECRET = f"{CANARY}{'x' * 32}"
KEY = f"gw_k3yoft3s_{SECRET}"
BODY = json.dumps({"name": CANARY}).encode()
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{CANARY} s3://{CANARY}/v1.tar.gz"
SAID = {
    **JSON,
    "Cookie": CANARY,
    "User-Agent": CANARY,
    "Referer": f"https://{CANARY}/",
    "X-Api-Key": CANARY,
    "X-Request-Id": CANARY,
    "X-Amzn-SageMaker-Custom-Attributes": CANARY,
    "X-Amzn-SageMaker-Inference-Id": CANARY,
    "X-Amzn-SageMaker-Session-Id": CANARY,
    "X-Amzn-SageMaker-Target-Model": CANARY,
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
    """An answer, as bytes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} {CANARY}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def error(status, kind, **members):
    """An error of SageMaker's."""
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
    """What Secrets Manager answers."""
    name = {"ARN": f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{CANARY}", "Name": "keys"}
    return sends(http(200, {**name, "SecretString": text, "VersionId": "v" * 32}))


class Scripted(StubServer):
    """An upstream that is told what to answer while it runs."""

    def __init__(self) -> None:
        self.script: Script = sends()
        super().__init__(lambda connection: self.script(connection))  # noqa: PLW0108 (it changes)


class Scene:
    """What a test can set, and all that can be seen afterwards."""

    def __init__(
        self, door: Any, key: Key, store: Scripted, sagemaker: Scripted, issuer: Issuer
    ) -> None:
        self.key, self.store, self.sagemaker, self.issuer = key, store, sagemaker, issuer
        self._door = door
        self._runtime = runtime_at(sagemaker.url)
        self._environ = {"GATEWAY_JWT_ISSUER": issuer.url, "GATEWAY_JWT_AUDIENCE": AUDIENCE}
        # Kept from test to test, because boto3 takes its time to make a client.
        self._schemes = schemes(Settings.from_env(self._environ))
        self.begin()

    def begin(self) -> None:
        """Nothing has been asked, and everything works."""
        self.store.script = secret(key_document())
        self.sagemaker.script = sends(http(200, BODY, JSON_TYPE))
        self.issuer.failure = None
        self.issuer.key_set = jwks(self.key.public())
        self.answers: list[Response] = []
        self.books = MetricsLog()
        self.with_parts()

    def with_parts(self, environ: Mapping[str, str] | None = None, **parts: Any) -> None:
        """A gateway of these parts, with these settings."""
        settings = Settings.from_env({**self._environ, **(environ or {})})
        if environ is None:
            parts.setdefault("source", FixedTable(file.parse(MODELS.encode(), "routing.yaml")))
        known = {"runtime": self._runtime, "schemes": self._schemes, **parts}
        app = create_app(settings, telemetry=self.books.telemetry, **known)
        self.gateway = BuiltGateway(app, None, self.books, self._door(app))

    def forget(self) -> None:
        """A gateway that has not read any keys yet."""
        self.with_parts(schemes=None)

    def jwt(self, **header: Any) -> str:
        """A good token, unless its header says otherwise."""
        payload = claims(iss=self.issuer.url, scope="model:*", email=CANARY)
        return token(self.key, header, payload)

    def post(
        self, path: str = "attributes", credential: str = KEY, body: bytes = BODY, **headers: str
    ) -> int:
        """The status of a request that is full of secrets."""
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
        said = {**SAID, "Authorization": f"Bearer {credential}", **(headers or {})}
        answer: Response = self.gateway.client.send(method, path, said, body)
        self.answers.append(answer)
        return answer.status
