"""Says what each target of a model did: its share, errors, times, and how it differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.errors import ModelNotReady
from gatewayctl.output import aligned, columns, measured
from gatewayctl.statistics import Durations, Sample, calls_lacking, difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gatewayctl.request_log import Call
    from gatewayctl.statistics import Interval

LOADED = "loaded"
NOT_READY = ModelNotReady.slug
NOTHING = "-"
HEADER = (
    *("target", "weight", "calls", "share", "by weight", "5xx", "95 % interval"),
    *("p50 ms", "p99 ms", "cold loads", "to fallback", "as fallback"),
)


@dataclass(slots=True)
class TargetCalls:
    """What one target did."""

    name: str
    weight: int | None
    """None if the table does not have the target (any more)."""

    given: int = 0
    """Requests that were given to the target by its weight, whichever target answered."""

    calls: int = 0
    """Requests that the target answered, or failed to answer before a fallback did."""

    failed: int = 0
    """Calls that ended with a status of 500 or more, or in a fallback."""

    cold_loads: int = 0
    """Requests that found the artifact not loaded."""

    to_fallback: int = 0
    """Requests that were given to the target and left to a fallback."""

    as_fallback: int = 0
    """Requests that were given to another target, and came to this one."""

    durations: Durations = field(default_factory=Durations)

    @property
    def sample(self) -> Sample:
        return Sample(self.failed, self.calls)

    def leave(self, call: Call, times: int) -> None:
        """Count requests that were given to this target, and that a fallback took over."""
        self.given += times
        self.to_fallback += times
        if call.fallback_after == NOT_READY:
            self.cold_loads += times
        else:
            self.calls += times
            self.failed += times

    def take(self, call: Call, times: int) -> None:
        """Count requests whose last call went to this target."""
        is_own = call.first_target == self.name
        self.given += times * is_own
        self.as_fallback += times * (not is_own)
        self.calls += times
        self.failed += times * (call.status >= 500)
        self.cold_loads += times * (call.artifact == LOADED or call.slug == NOT_READY)
        self.durations.add(call.milliseconds, times)


@dataclass(frozen=True, slots=True)
class Difference:
    """The 5xx rate of a target minus that of the heaviest target."""

    observed: float
    interval: Interval
    calls_lacking: int
    """About how many more calls of the target tell a difference; 0 if none are needed."""

    def __str__(self) -> str:
        if self.calls_lacking:
            return f"not enough calls, about {self.calls_lacking:,} more"
        if not self.interval.excludes_zero:
            return "no difference found"
        return "more 5xx" if self.observed > 0 else "fewer 5xx"


class TargetReport:
    """The targets of a model.

    Args:
        weights: The weight of each target, the heaviest first.
        calls: How many requests were counted together as each call.
    """

    def __init__(self, weights: Mapping[str, int], calls: Mapping[Call, int]) -> None:
        found = {name: TargetCalls(name, weight) for name, weight in weights.items()}
        for call, times in calls.items():
            for name in (call.first_target, call.target_name):
                found.setdefault(name, TargetCalls(name, None))
            found[call.target_name].take(call, times)
            if call.first_target != call.target_name:
                found[call.first_target].leave(call, times)
        self.targets: Sequence[TargetCalls] = list(found.values())
        self.heaviest = self.targets[0]
        self.requests = sum(calls.values())
        self._weight = sum(weights.values())

    def lines(self) -> Iterator[str]:
        """Yield the table, and a line for each target about its difference to the heaviest."""
        yield from aligned([HEADER, *map(self._row, self.targets)])
        if len(self.targets) == 1:
            return
        yield ""
        yield f"5xx compared with {self.heaviest.name}, the heaviest, in percentage points"
        yield from columns([self._comparison(target) for target in self._others()])

    def data(self) -> list[dict[str, Any]]:
        """Return the same as data."""
        return [self._data(target) for target in self.targets]

    def difference(self, target: TargetCalls) -> Difference | None:
        """Return how a target differs from the heaviest; None if one of them has no calls."""
        if target is self.heaviest or not target.calls or not self.heaviest.calls:
            return None
        one, other = target.sample, self.heaviest.sample
        return Difference(one.rate - other.rate, difference(one, other), calls_lacking(one, other))

    def _others(self) -> list[TargetCalls]:
        return [target for target in self.targets if target is not self.heaviest]

    def _share(self, target: TargetCalls) -> float | None:
        return target.given / self.requests if self.requests else None

    def _share_by_weight(self, target: TargetCalls) -> float:
        return (target.weight or 0) / self._weight

    def _row(self, target: TargetCalls) -> list[str]:
        share = self._share(target)
        rate, interval = NOTHING, NOTHING
        if target.calls:
            low, high = target.sample.interval()
            rate, interval = measured(target.sample.rate), f"{measured(low)} to {measured(high)}"
        return [
            target.name,
            NOTHING if target.weight is None else str(target.weight),
            f"{target.calls:,}",
            NOTHING if share is None else measured(share),
            measured(self._share_by_weight(target)),
            rate,
            interval,
            *(_milliseconds(target.durations.quantile(part)) for part in (0.5, 0.99)),
            f"{target.cold_loads:,}",
            f"{target.to_fallback:,}",
            f"{target.as_fallback:,}",
        ]

    def _comparison(self, target: TargetCalls) -> list[str]:
        found = self.difference(target)
        if found is None:
            silent = target if not target.calls else self.heaviest
            return [target.name, NOTHING, f"{silent.name} has no calls"]
        low, high = found.interval
        numbers = f"{_points(found.observed)} ({_points(low)} to {_points(high)})"
        return [target.name, numbers, str(found)]

    def _data(self, target: TargetCalls) -> dict[str, Any]:
        found = self.difference(target)
        return {
            "name": target.name,
            "weight": target.weight,
            "calls": target.calls,
            "share": self._share(target),
            "share_by_weight": self._share_by_weight(target),
            "errors_5xx": target.failed,
            "rate_5xx": target.sample.rate if target.calls else None,
            "rate_5xx_interval": target.sample.interval() if target.calls else None,
            "p50_ms": target.durations.quantile(0.5),
            "p99_ms": target.durations.quantile(0.99),
            "cold_loads": target.cold_loads,
            "to_fallback": target.to_fallback,
            "as_fallback": target.as_fallback,
            "difference_5xx": found
            and {
                "to": self.heaviest.name,
                "observed": found.observed,
                "interval": found.interval,
                "text": str(found),
                "calls_lacking": found.calls_lacking,
            },
        }


def _points(part: float) -> str:
    """Write a difference in percentage points, with its sign."""
    return f"{100 * part:+.2f}"


def _milliseconds(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"
