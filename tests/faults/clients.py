"""The three clients through which a caller's mistakes are tried, and a stub in SageMaker's place.

caller ─► LocalClient, LambdaClient or SimulatorClient ─► gateway ─► boto3 ─► SageMaker
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api_gateway.definition import functions_of, template_of
from tests.api_gateway.simulator import ApiGateway, SimulatorClient
from tests.api_gateway.unverified import Unverified
from tests.support.clients import LambdaClient, LocalClient
from tests.support.gateway import build_gateway, runtime_at
from tests.support.http_server import StubServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalice.app import Chalice

    from chalicelib.api.application import GatewayApp
    from tests.support.gateway import BuiltGateway

CLIENTS = [
    pytest.param(LocalClient, id="local"),
    pytest.param(LambdaClient, id="api-gateway"),
    pytest.param(SimulatorClient, id="simulator"),
]
WITHOUT_LIMITS = CLIENTS[:2]
"""The clients that do not apply API Gateway's own limits."""


class UnverifiedClient(SimulatorClient):
    """The simulator with its switches: `partial(UnverifiedClient, first_header_wins=True)`."""

    def __init__(self, app: Chalice, **switches: Any) -> None:
        self.api = ApiGateway(
            template_of(app), functions_of(app), unverified=Unverified(**switches)
        )


class SageMaker(StubServer):
    """A stub server, and the runtime that calls it: making its boto3 client takes a while."""

    def __init__(self) -> None:
        super().__init__()
        self._runtime = runtime_at(self.url)

    def behind(self, client: Callable[[GatewayApp], Any], **parts: Any) -> BuiltGateway:
        """Build a gateway in front of this, and forget all earlier requests."""
        self.reset()
        return build_gateway(client, runtime=self._runtime, **parts)
