"""A gateway for tests: a table of all kinds, a log that can be read, and a fake runtime."""

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
from chalicelib.sagemaker.answers import AsyncLocations, InferenceResponse
from chalicelib.sagemaker.client import sagemaker_client
from chalicelib.sagemaker.runtime import SageMakerRuntime
from chalicelib.settings import Settings
from chalicelib.telemetry.log import Telemetry
from tests.support.clients import TOKEN, LambdaClient
from tests.support.events import CONTEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.api.application import GatewayApp
    from chalicelib.payload.admission import InferenceRequest
    from chalicelib.routing.table import RoutingTable
    from tests.support.clients import Response
    from tests.support.events import Headers

JSON = {"Content-Type": "application/json"}
IDENTITY = Identity(CONTEXT["principal"], ("*",), None, CONTEXT["key_id"])
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
    pass_headers: [custom-attributes, inference-id, session-id, explainability, prefix-aware-id]
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
    """Answer as a model that returns its input."""
    return InferenceResponse(request.body, request.content_type)


@dataclass(frozen=True)
class Invocation:
    """One invocation of SageMaker, as the runtime got it."""

    target: Mapping[str, str]
    request: InferenceRequest
    seconds: float
    """The seconds that were left until the deadline."""


@dataclass
class FakeRuntime:
    """Records every invocation, and answers or raises what a test sets."""

    answer: Callable[[Mapping[str, str], InferenceRequest], InferenceResponse] = echo
    error: Exception | None = None
    calls: list[Invocation] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    """The arguments of each call of an asynchronous endpoint."""

    answers: str = "answers"
    """The bucket in which asynchronous endpoints answer, once a test writes their objects."""

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

    def submit(self, resolved: Any, arguments: Any, *_: object) -> AsyncLocations:
        if self.error is not None:
            raise self.error
        self.submitted.append({**resolved.target.invoke_args(), **arguments})
        name, bucket = f"{len(self.submitted)}.out", self.answers
        return AsyncLocations(f"s3://{bucket}/out/{name}", f"s3://{bucket}/failed/{name}")


def runtime_at(url: str, **settings: str) -> SageMakerRuntime:
    """Build the real runtime for this address; it makes its client at the first call."""
    return SageMakerRuntime(partial(sagemaker_client, endpoint_url=url, **(settings or AWS)))


@dataclass
class FakeScheme:
    """Knows some tokens, each with an identity or an error, and records what it is asked."""

    known: Mapping[str, Identity | Exception] = field(default_factory=lambda: {TOKEN: IDENTITY})
    tokens: list[str] = field(default_factory=list)
    """All that it was asked about."""

    def authenticate(self, token: str) -> Identity | None:
        self.tokens.append(token)
        known = self.known.get(token)
        if isinstance(known, Exception):
            raise known
        return known


@dataclass(frozen=True)
class FixedTable:
    """A source whose table never changes."""

    value: RoutingTable

    def table(self) -> RoutingTable:
        return self.value

    def stale_seconds(self) -> None:
        """It is never stale."""


@dataclass(frozen=True)
class StaleTable:
    """A source that can look for no newer table."""

    value: RoutingTable
    seconds: float = 300.0

    def table(self) -> RoutingTable:
        return self.value

    def stale_seconds(self) -> float:
        return self.seconds


class Log:
    """The log of a gateway, line by line."""

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
        """All lines without the authorizer's, which has a log of its own on Lambda."""
        return [line for line in self._lines if line["message"] != "credential"]

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == "request"]

    @property
    def credentials(self) -> list[dict[str, Any]]:
        """The lines of the authorizer."""
        return [line for line in self._lines if line["message"] == "credential"]

    @property
    def _lines(self) -> list[dict[str, Any]]:
        *lines, rest = self.text.split("\n")
        assert rest == ""
        return [json.loads(line) for line in lines]


@dataclass(frozen=True)
class BuiltGateway:
    """A gateway with a client, and with what its parts have recorded."""

    app: GatewayApp
    runtime: Any
    log: Log
    client: Any

    def get(self, path: str, headers: Headers = ()) -> Response:
        return self.client.send("GET", path, headers)

    def post(self, path: str, body: bytes = b"{}", headers: Headers = JSON) -> Response:
        return self.client.send("POST", path, headers, body)

    def predict(self, path: str, body: bytes = b"{}", **headers: str) -> Response:
        """POST JSON, unless the headers differ: `content_type` is Content-Type."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        return self.post(f"/predict/{path}", body, {**JSON, **named})

    @property
    def call(self) -> Invocation:
        """The only invocation of SageMaker."""
        (only,) = self.runtime.calls
        return only


def build_gateway(
    client: Callable[[GatewayApp], Any] = LambdaClient,
    *,
    source: Any = None,
    runtime: Any = None,
    scheme: Any = None,
    schemes: Any = None,
    log: Log | None = None,
    clock: Callable[[], float] = time.time,
    lambda_handler: str = "",
    make_jobs_client: Any = None,
    **environ: str,
) -> BuiltGateway:
    """Build a gateway of these parts; settings are named without `GATEWAY_`, in lower case.

    Args:
        lambda_handler: The handler of the function that Lambda runs; without one, it is not Lambda.
    """
    settings = Settings.from_env(
        {
            "_HANDLER": lambda_handler,
            **{f"GATEWAY_{name.upper()}": text for name, text in environ.items()},
        }
    )
    log = Log() if log is None else log
    runtime = FakeRuntime() if runtime is None else runtime
    source = FixedTable(table()) if source is None else source
    app = create_app(
        settings,
        source=source,
        runtime=runtime,
        schemes=schemes or [FakeScheme() if scheme is None else scheme],
        telemetry=log.telemetry,
        clock=clock,
        make_jobs_client=make_jobs_client,
    )
    return BuiltGateway(app, runtime, log, client(app))
