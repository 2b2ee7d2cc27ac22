"""The gateway with a table of all kinds, a log that can be read, and no SageMaker behind it."""

from __future__ import annotations

import io
import itertools
import json
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from chalicelib.api.factory import create_app
from chalicelib.auth.credentials import Identity
from chalicelib.routing.reading import file
from chalicelib.sagemaker.client import sagemaker_client
from chalicelib.sagemaker.runtime import InferenceResponse, SageMakerRuntime
from chalicelib.settings import Settings
from chalicelib.telemetry.log import Telemetry
from tests.support.doors import CONTEXT, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.api.application import GatewayApp
    from chalicelib.payload.admission import InferenceRequest
    from chalicelib.routing.table import RoutingTable
    from tests.support.doors import Answer, Headers

JSON = {"Content-Type": "application/json"}
TESTS = Identity(CONTEXT["principal"], ("*",), None, CONTEXT["key_id"])
AWS = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}

TABLE = """\
version: 1
models:
  churn:
    kind: single
    endpoint: churn-prod
  churn-green:
    kind: single
    endpoint: churn-prod
    target_variant: green
  iris:
    kind: mme
    endpoint: tabular
    target_model: iris-v1.tar.gz
    description: Iris species from four measurements
    content_types: [application/json, text/csv]
    example: {instances: [[5.1, 3.5, 1.4, 0.2]]}
  house-price/{city}:
    kind: mme
    endpoint: housing
    target_model: "{city}/v3.tar.gz"
    parameters:
      city: {one_of: [houston, austin]}
  translate/{source}/{target}:
    kind: mme
    endpoint: languages
    target_model: "{source}-{target}.tar.gz"
    parameters:
      source: {pattern: "[a-z]{2}"}
      target: {pattern: "[a-z]{2}"}
  sentiment:
    kind: mce
    endpoint: nlp
    target_container_hostname: sentiment
  wine-grade:
    kind: pipeline
    endpoint: wine-pipeline
  summary:
    kind: component
    endpoint: shared
    inference_component: summary-v2
  picture:
    kind: single
    endpoint: pictures
    content_types: [image/png, application/x-npy]
    accepts: [application/json, text/csv, image/png]
  attributes:
    kind: single
    endpoint: attributes
    pass_headers: [custom-attributes, inference-id, session-id]
    return_headers: [custom-attributes, session-id]
  half-open:
    kind: single
    endpoint: half-open
    pass_headers: [inference-id]
    return_headers: [session-id]
  hasty:
    kind: single
    endpoint: hasty
    timeout_seconds: 2
"""


def table(text: str = TABLE) -> RoutingTable:
    return file.parse(text.encode(), "routing.yaml")


def echo(_: Mapping[str, str], request: InferenceRequest) -> InferenceResponse:
    """A model that gives back what it gets."""
    return InferenceResponse(request.body, request.content_type)


@dataclass(frozen=True)
class Invocation:
    """What the gateway asked SageMaker for."""

    target: Mapping[str, str]
    request: InferenceRequest
    seconds: float
    """What was left until the deadline."""


@dataclass
class FakeRuntime:
    """Remembers what it is asked, and answers or raises as it is told."""

    answer: Callable[[Mapping[str, str], InferenceRequest], InferenceResponse] = echo
    error: Exception | None = None
    calls: list[Invocation] = field(default_factory=list)

    def invoke(self, resolved: Any, request: Any, deadline: Any, record: Any) -> InferenceResponse:
        target = resolved.target.invoke_args()
        self.calls.append(Invocation(target, request, deadline.remaining_seconds))
        record.attempts += 1
        started = time.perf_counter()
        try:
            if self.error is not None:
                raise self.error
            return self.answer(target, request)
        finally:
            record.model_seconds = time.perf_counter() - started


def runtime_at(url: str, **settings: str) -> SageMakerRuntime:
    """The real runtime, where SageMaker is at this address; it has not seen any model yet."""
    return SageMakerRuntime(partial(sagemaker_client, endpoint_url=url, **(settings or AWS)))


@dataclass
class FakeScheme:
    """Knows some tokens, each with who it is for or what is wrong; remembers what it is asked."""

    known: Mapping[str, Identity | Exception] = field(default_factory=lambda: {TOKEN: TESTS})
    asked: list[str] = field(default_factory=list)

    def authenticate(self, token: str) -> Identity | None:
        self.asked.append(token)
        found = self.known.get(token)
        if isinstance(found, Exception):
            raise found
        return found


@dataclass(frozen=True)
class FixedTable:
    """A source whose table never changes."""

    value: RoutingTable

    def table(self) -> RoutingTable:
        return self.value


class Log:
    """Everything that a gateway writes down, line by line."""

    _numbers = itertools.count()

    def __init__(self) -> None:
        self.stream = io.StringIO()
        # Powertools keeps one handler for each service name.
        service = f"log-{next(self._numbers)}"
        self.telemetry = Telemetry(Logger(service=service, stream=self.stream))

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Without the authorizer's, which is a function with a log of its own on Lambda."""
        return [line for line in self._lines if line["message"] != "credential"]

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == "request"]

    @property
    def credentials(self) -> list[dict[str, Any]]:
        """The authorizer's."""
        return [line for line in self._lines if line["message"] == "credential"]

    @property
    def _lines(self) -> list[dict[str, Any]]:
        *lines, rest = self.text.split("\n")
        assert rest == ""
        return [json.loads(line) for line in lines]


@dataclass(frozen=True)
class House:
    """A gateway, the way into it, and all that can be seen of it."""

    app: GatewayApp
    runtime: Any
    log: Log
    door: Any

    def get(self, path: str, headers: Headers = ()) -> Answer:
        return self.door.send("GET", path, headers)

    def post(self, path: str, body: bytes = b"{}", headers: Headers = JSON) -> Answer:
        return self.door.send("POST", path, headers, body)

    def predict(self, path: str, body: bytes = b"{}", **headers: str) -> Answer:
        """POST of JSON, unless the headers say otherwise: `content_type` is Content-Type."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        return self.post(f"/predict/{path}", body, {**JSON, **named})

    @property
    def call(self) -> Invocation:
        """The only thing that SageMaker was asked for."""
        (only,) = self.runtime.calls
        return only


def house(
    door: Callable[[GatewayApp], Any],
    *,
    source: Any = None,
    runtime: Any = None,
    scheme: Any = None,
    clock: Callable[[], float] = time.time,
    **environ: str,
) -> House:
    """A gateway with these settings, named without `GATEWAY_` and in lower case."""
    settings = Settings.from_env(
        {f"GATEWAY_{name.upper()}": text for name, text in environ.items()}
    )
    log = Log()
    runtime = FakeRuntime() if runtime is None else runtime
    source = FixedTable(table()) if source is None else source
    app = create_app(
        settings,
        source=source,
        runtime=runtime,
        schemes=[FakeScheme() if scheme is None else scheme],
        telemetry=log.telemetry,
        clock=clock,
    )
    return House(app, runtime, log, door(app))
