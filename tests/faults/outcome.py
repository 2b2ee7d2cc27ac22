"""A gateway in front of an address, and what came of one request to it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.routing.reading import file
from chalicelib.sagemaker.client import sagemaker_client
from chalicelib.sagemaker.runtime import SageMakerRuntime
from tests.support.doors import ROOT, Answer, ApiGatewayDoor
from tests.support.gateway import AWS, JSON, FixedTable, house, table

if TYPE_CHECKING:
    from chalicelib.routing.table import RoutingTable
    from tests.support.gateway import House

DEMO_TABLE = file.load(ROOT / "routing.yaml")
PICTURE = json.dumps({"instances": [[0] * 64]}).encode()
FLOWER = b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'


@dataclass(frozen=True)
class Outcome:
    """The answer, how long it took, and how often SageMaker was called for it."""

    answer: Answer
    seconds: float
    attempts: int

    def __str__(self) -> str:
        attempts = f"{self.attempts} attempt{'s' if self.attempts != 1 else ''}"
        return f"{said(self.answer)}, {attempts}"


def said(answer: Answer) -> str:
    """`200`, or `503 upstream-throttled`."""
    if answer.status == 200:
        return "200"
    return f"{answer.status} {answer.json()['type'].removeprefix('urn:inference-gateway:')}"


def gateway_at(url: str, routing: str | None = None) -> House:
    """API Gateway, the app and a real boto3 client, with SageMaker at this address."""
    return _gateway(url, table(routing) if routing else table())


def demo_gateway_at(url: str) -> House:
    """The same with the demo's table."""
    return _gateway(url, DEMO_TABLE)


def _gateway(url: str, routing: RoutingTable) -> House:
    """With a client already: making it takes a while, and is not what is waited for here."""
    client = sagemaker_client(endpoint_url=url, **AWS)
    runtime = SageMakerRuntime(lambda: client)
    return house(ApiGatewayDoor, source=FixedTable(routing), runtime=runtime)


def ask(
    gateway: House, path: str, body: bytes = b"{}", *, timeout_ms: int | None = None, **headers: str
) -> Outcome:
    """POST of JSON to a model; `timeout_ms` is what the caller is willing to wait."""
    given: dict[str, Any] = {**JSON, **headers}
    if timeout_ms is not None:
        given["X-Request-Timeout-Ms"] = str(timeout_ms)
    started = time.monotonic()
    answer = gateway.post(f"/predict/{path}", body, given)
    seconds = time.monotonic() - started
    return Outcome(answer, seconds, _attempts(gateway, answer))


def _attempts(gateway: House, answer: Answer) -> int:
    """As the gateway's log has it."""
    named = answer.headers["x-request-id"]
    line = next(line for line in reversed(gateway.log.text.splitlines()) if named in line)
    return int(json.loads(line)["attempts"])
