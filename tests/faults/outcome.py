"""A gateway in front of an address, and what one request through it came to."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.routing.reading import file
from chalicelib.sagemaker.client import sagemaker_client
from chalicelib.sagemaker.runtime import SageMakerRuntime
from tests.support.gateway import AWS, JSON, FixedTable, build_gateway, table
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from chalicelib.routing.table import RoutingTable
    from tests.support.clients import Response
    from tests.support.gateway import BuiltGateway

DEMO_TABLE = file.load(ROOT / "routing.yaml")
PICTURE = json.dumps({"instances": [[0] * 64]}).encode()
FLOWER = b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'


@dataclass(frozen=True)
class Outcome:
    """The response, how long it took, and how many times SageMaker was called for it."""

    response: Response
    seconds: float
    attempts: int

    def __str__(self) -> str:
        attempts = f"{self.attempts} attempt{'s' if self.attempts != 1 else ''}"
        return f"{summary(self.response)}, {attempts}"


def summary(response: Response) -> str:
    """Return `200`, or `503 upstream-throttled`."""
    if response.status == 200:
        return "200"
    return f"{response.status} {response.json()['type'].removeprefix('urn:inference-gateway:')}"


def gateway_at(url: str, routing: str | None = None) -> BuiltGateway:
    """Build a gateway with a real boto3 client, for SageMaker at this address."""
    return _gateway(url, table(routing) if routing else table())


def demo_gateway_at(url: str) -> BuiltGateway:
    """Build the same gateway with the demo's table."""
    return _gateway(url, DEMO_TABLE)


def _gateway(url: str, routing: RoutingTable) -> BuiltGateway:
    """Make the boto3 client at once, so that no test measures how long that takes."""
    client = sagemaker_client(endpoint_url=url, **AWS)
    runtime = SageMakerRuntime(lambda: client)
    return build_gateway(source=FixedTable(routing), runtime=runtime)


def predict(
    gateway: BuiltGateway,
    path: str,
    body: bytes = b"{}",
    *,
    timeout_ms: int | None = None,
    **headers: str,
) -> Outcome:
    """POST JSON to a model; `timeout_ms` is the time that the caller is willing to wait."""
    given: dict[str, Any] = {**JSON, **headers}
    if timeout_ms is not None:
        given["X-Request-Timeout-Ms"] = str(timeout_ms)
    started = time.monotonic()
    response = gateway.post(f"/predict/{path}", body, given)
    seconds = time.monotonic() - started
    request_id = response.headers["x-request-id"]
    line = next(line for line in reversed(gateway.log.text.splitlines()) if request_id in line)
    return Outcome(response, seconds, int(json.loads(line)["attempts"]))
