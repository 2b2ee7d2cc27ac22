"""One HTTP request on its way through the gateway, for whoever handles it at the moment.

Held in context variables: under `chalice local` requests run in threads, and Chalice keeps some
of what belongs to a request on the app.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.auth.principal import Principal
    from chalicelib.aws.deadline import Deadline
    from chalicelib.payload.messages import Call
    from chalicelib.telemetry.record import RequestRecord


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is known of a request before its route is."""

    call: Call
    query: Mapping[str, str] = field(repr=False)
    platform: Deadline
    """When API Gateway and Lambda must have our answer."""

    record: RequestRecord


CURRENT: ContextVar[Exchange] = ContextVar("exchange")
PRINCIPAL: ContextVar[Principal] = ContextVar("principal")
