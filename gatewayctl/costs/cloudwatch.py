"""What CloudWatch knows of endpoints: invocations, latency, and how long instances were there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VariantMetrics:
    """What CloudWatch counted for one variant in a period; None stands for no data."""

    invocations: int | None = None
    """All calls, also those that did not come through the gateway."""
    latency_seconds: float | None = None
    """The time that its containers took for all calls, added up."""
    instance_seconds: int | None = None
    """How long instances were there, added up."""
    cache_hits: float | None = None
    """The share of calls whose model was loaded (ModelCacheHit); multi-model endpoints only."""
    loaded_models: float | None = None
    """How many models were loaded on an instance, on average."""
    memory_percent: float | None = None
    """The largest MemoryUtilization, in percent of one instance."""
