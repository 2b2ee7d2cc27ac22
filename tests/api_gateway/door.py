"""The way into the gateway through the simulator, beside those of tests/support/doors.py."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.api_gateway.simulator import ApiGateway
from tests.api_gateway.template import functions_of, packaged_template_of, template_of
from tests.support.doors import TOKEN

if TYPE_CHECKING:
    from chalice.app import Chalice

    from tests.api_gateway.functions import Clock
    from tests.support.doors import Answer, Headers


class SimulatorDoor:
    """As a client of the deployed API calls it: `house(SimulatorDoor)`.

    For a clock that a test moves: `house(partial(SimulatorDoor, clock=clock), clock=clock)`.
    """

    template_of = staticmethod(template_of)

    def __init__(self, app: Chalice, clock: Clock = time.time) -> None:
        self.api = ApiGateway(self.template_of(app), functions_of(app), clock=clock)

    def send(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Answer:
        """Without a credential by somebody who may call everything, as at the other doors."""
        pairs = list(headers.items() if hasattr(headers, "items") else headers)
        if not any(name.lower() == "authorization" for name, _ in pairs):
            pairs.append(("Authorization", f"Bearer {TOKEN}"))
        return self.api.handle(method, path, pairs, body).answer


class PackagedDoor(SimulatorDoor):
    """The same, deployed as `make package` has it."""

    template_of = staticmethod(packaged_template_of)
