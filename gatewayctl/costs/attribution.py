"""The cost of each endpoint, divided among those who use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from gatewayctl.costs.figures import Figure
    from gatewayctl.costs.hosting import EndpointHosting
    from gatewayctl.costs.usage import Use, User

OTHERS = "(not through the gateway)"
"""Stands for the entry of calls that CloudWatch counted and the gateway's log does not have."""
NOT_CALLED = "(not called)"
"""Stands for the entry of what takes memory on an endpoint, and was not called."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one user bears of the cost of one endpoint."""

    user: User
    use: Use
    by_busy: Figure[Fraction]
    """By the time at work."""
    with_idle: Figure[Fraction]
    """The time at work by itself, and the idle time by the memory that is taken."""


@dataclass(frozen=True, slots=True)
class EndpointCost:
    """What an endpoint costs in a period, and who bears it."""

    hosting: EndpointHosting
    amount: Figure[Fraction]
    """The cost of the period, exact."""
    per_hour: Figure[Fraction]
    """What an hour costs at rest, with the instances that are there now; 0 for serverless."""
    instance_hours: Figure[Fraction]
    busy_share: Figure[float]
    """Which share of the instances' time calls were at work, at most 1."""
    shares: tuple[Share, ...]
    """Their amounts add up to the amount, exactly."""
