"""Three ways into a gateway, and in SageMaker's place a server that keeps what arrives.

caller ─► LocalDoor, ApiGatewayDoor or SimulatorDoor ─► gateway ─► boto3 ─► Recorder
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api_gateway.door import SimulatorDoor
from tests.api_gateway.simulator import ApiGateway
from tests.api_gateway.template import functions_of, template_of
from tests.api_gateway.unverified import Unverified
from tests.support.doors import ApiGatewayDoor, LocalDoor
from tests.support.gateway import house, runtime_at
from tests.support.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalice.app import Chalice

    from chalicelib.api.application import GatewayApp
    from tests.support.gateway import House

WAYS = [
    pytest.param(LocalDoor, id="local"),
    pytest.param(ApiGatewayDoor, id="api-gateway"),
    pytest.param(SimulatorDoor, id="simulator"),
]
WITHOUT_LIMITS = WAYS[:2]
"""Of these ways, those on which API Gateway's own limits are not met."""


class UncertainDoor(SimulatorDoor):
    """The simulator with its switches: `partial(UncertainDoor, first_header_wins=True)`."""

    def __init__(self, app: Chalice, **switches: Any) -> None:
        self.api = ApiGateway(
            template_of(app), functions_of(app), unverified=Unverified(**switches)
        )


class SageMaker(Recorder):
    """A recorder, and the runtime that calls it: making its client takes a while."""

    def __init__(self) -> None:
        super().__init__()
        self._runtime = runtime_at(self.url)

    def behind(self, door: Callable[[GatewayApp], Any], **parts: Any) -> House:
        """A gateway in front of this, as new."""
        self.reset()
        return house(door, runtime=self._runtime, **parts)
