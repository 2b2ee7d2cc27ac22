"""What is measured of anything that calls SageMaker, of the gateway as of the control.

A `Call` makes one request and returns the answer; nothing here knows whose it is.
"""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.doors import Answer
    from tests.support.upstream import Upstream

Call = Callable[[], "Answer"]


def attempts_per_request(call: Call, upstream: Upstream, requests: int, threads: int) -> float:
    """How often the upstream is asked for each request that is made."""
    before = len(upstream.requests)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: call(), range(requests)))
    return (len(upstream.requests) - before) / requests


@dataclass(frozen=True)
class Overshoot:
    """By how many milliseconds answers came after their time, in order."""

    milliseconds: Sequence[float]

    @property
    def p99(self) -> float:
        return self._percentile(0.99)

    @property
    def most(self) -> float:
        return self.milliseconds[-1]

    def __str__(self) -> str:
        return f"p50 {self._percentile(0.5):,.0f}, p99 {self.p99:,.0f}, max {self.most:,.0f} ms"

    def _percentile(self, share: float) -> float:
        return self.milliseconds[math.ceil(share * len(self.milliseconds)) - 1]


def overshoot(call: Call, budget_seconds: float, requests: int, threads: int) -> Overshoot:
    """Of so many requests, each with this budget, made by so many callers at a time."""

    def late(_: int) -> float:
        started = time.monotonic()
        call()
        return (time.monotonic() - started - budget_seconds) * 1000

    with ThreadPoolExecutor(threads) as pool:
        return Overshoot(sorted(pool.map(late, range(requests))))


@dataclass(frozen=True)
class Held:
    """What this process holds at a moment."""

    sockets: int
    """To the one address."""

    threads: int
    processes: int

    @classmethod
    def now(cls, url: str) -> Held:
        gc.collect()
        process = psutil.Process()
        port = int(url.rpartition(":")[2])
        connections = process.net_connections("tcp")
        to_it = [one for one in connections if one.raddr and one.raddr.port == port]
        return cls(len(to_it), threading.active_count(), len(process.children(recursive=True)))


def goodput_per_second(
    call: Call, offered_per_second: float, seconds: float, budget_seconds: float, threads: int
) -> float:
    """How many answers a second come in time, when requests come at a steady rate.

    Requests come when it is their time, however many are still unanswered.
    """
    started = time.monotonic()
    pause = threading.Event()

    def made(number: int) -> bool:
        pause.wait(max(0.0, started + number / offered_per_second - time.monotonic()))
        begun = time.monotonic()
        return call().status == 200 and time.monotonic() - begun <= budget_seconds

    with ThreadPoolExecutor(threads) as pool:
        good = sum(pool.map(made, range(round(offered_per_second * seconds))))
    return good / seconds
