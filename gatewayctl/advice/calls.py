"""The traffic of each model, from what the log says of each place."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gatewayctl.advice.facts import Traffic
from gatewayctl.costs.usage import CalledTarget, Pattern, Use

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gatewayctl.costs.usage import Usage

NOT_CALLED = Pattern(active_hours=0, largest_in=0)


class Calls:
    """Knows who called each place, when, and for how long."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self._uses = usage.of_place()
        self._entries: defaultdict[CalledTarget, dict[str, int]] = defaultdict(dict)
        self._principals: defaultdict[CalledTarget, set[str]] = defaultdict(set)
        self._of_entry: defaultdict[str, int] = defaultdict(int)
        for user, use in usage.uses.items():
            calls = self._entries[user.place]
            calls[user.model] = calls.get(user.model, 0) + use.calls
            self._principals[user.place].add(user.principal)
            self._of_entry[user.model] += use.calls
        self._next: defaultdict[CalledTarget, dict[CalledTarget, int]] = defaultdict(dict)
        for (first, second), times in usage.sequences.items():
            self._next[first][second] = times

    @property
    def places(self) -> Iterable[CalledTarget]:
        """The places that were called."""
        return self._uses.keys()

    def by_entry(self, place: CalledTarget) -> Mapping[str, int]:
        """Return the calls of a place by entry of the table."""
        return self._entries.get(place, {})

    def traffic(self, place: CalledTarget, names: Mapping[CalledTarget, str]) -> Traffic:
        """Return the calls of one place.

        Args:
            names: The names of the models by place.
        """
        use = self._uses.get(place, Use())
        pattern = self._usage.patterns.get(place, NOT_CALLED)
        return Traffic(
            calls=use.calls,
            busy_seconds=use.busy_ms / 1000,
            p50_ms=float(pattern.p50_ms or 0),
            p99_ms=float(pattern.p99_ms or 0),
            active_hours=pattern.active_hours,
            peak_busy=pattern.peak_busy_ms / 60_000,
            principals=len(self._principals.get(place, ())),
            largest_body_bytes=pattern.largest_in,
            too_large=self._too_large(place),
            timed_out=pattern.timed_out,
            data_bytes=use.bytes_in + use.bytes_out,
            cold_loads=use.loads,
            followed_by={
                names[second]: times / use.calls
                for second, times in self._next.get(place, {}).items()
                if second in names and use.calls
            },
        )

    def _too_large(self, place: CalledTarget) -> int:
        """Return how many requests were refused because of their size.

        Such a request reached no place. So those of an entry are divided among its places by calls.
        """
        refused = self._usage.too_large
        return round(
            sum(
                refused.get(entry, 0) * calls / max(self._of_entry[entry], 1)
                for entry, calls in self.by_entry(place).items()
            )
        )
