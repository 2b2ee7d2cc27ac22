"""Measurements of anything that calls SageMaker: the gateway, and the baseline.

A `Call` makes one request and returns the response.
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

    from tests.support.clients import Response
    from tests.support.http_server import StubServer

Call = Callable[[], "Response"]


def attempts_per_request(call: Call, server: StubServer, requests: int, threads: int) -> float:
    """Return how many times SageMaker is called for each request."""
    before = len(server.requests)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: call(), range(requests)))
    return (len(server.requests) - before) / requests


@dataclass(frozen=True)
class Overshoot:
    """By how many milliseconds responses came after their deadline, in order."""

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
    """Measure so many requests, each with this budget, by so many callers at a time."""

    def late(_: int) -> float:
        started = time.monotonic()
        call()
        return (time.monotonic() - started - budget_seconds) * 1000

    with ThreadPoolExecutor(threads) as pool:
        return Overshoot(sorted(pool.map(late, range(requests))))


@dataclass(frozen=True)
class Held:
    """What this process holds open at a moment."""

    sockets: int
    """Connections to the one address."""

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

    def is_no_more_than(self, before: Held) -> bool:
        """Whether nothing is left open; what an earlier test had left may have ended meanwhile."""
        return (
            self.sockets <= before.sockets
            and self.threads <= before.threads
            and self.processes <= before.processes
        )


def goodput_per_second(
    call: Call, offered_per_second: float, seconds: float, budget_seconds: float, threads: int
) -> float:
    """Return how many responses a second are in time, when requests start at a steady rate.

    Requests start at their time, however many are still unanswered.
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
