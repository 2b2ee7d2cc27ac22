"""What there is to say about one request."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.routing.targets import Target


@dataclass(slots=True)
class RequestRecord:
    """What its line and its metrics will say; filled in as the request goes down."""

    request_id: str
    bytes_in: int = 0
    bytes_out: int = 0
    principal: str | None = None
    key_id: str | None = None
    model: str | None = None
    kind: str | None = None
    endpoint: str | None = None
    target: str | None = None
    table: str | None = None
    status: int = 0
    slug: str | None = None
    is_prediction: bool = False
    attempts: int = 0
    model_seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0

    def aim(self, target: Target) -> None:
        """Note the endpoint, and what on it is called."""
        chosen = dict(target.invoke_args())
        self.endpoint = chosen.pop("EndpointName")
        self.target = ", ".join(f"{name}={value}" for name, value in chosen.items()) or None

    def finish(self) -> None:
        """The request is over."""
        self.seconds = time.perf_counter() - self.started

    @property
    def model_ms(self) -> float:
        return round(self.model_seconds * 1000, 1)

    @property
    def gateway_ms(self) -> float:
        """All of the time that was not the model's."""
        return round((self.seconds - self.model_seconds) * 1000, 1)
