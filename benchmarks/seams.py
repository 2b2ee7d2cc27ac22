"""How a warm call's CPU time splits, seen from outside: run inside a function's own folder.

    python -S -P seams.py CALLS < event        → {"resolve": [seconds, …], …} on stdout

Production code is as it ships; here its seams are wrapped by a clock. What a seam calls that is
itself a seam counts there alone. Needs the standard library and the unpacked package only.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REST = "Chalice, middleware"
# Where each part is called from: the name that its caller looks up.
SEAMS = {
    "parse": ["chalicelib.api.wire:exchange", "chalicelib.gateway:admit"],
    "permit": [
        "chalicelib.api.middleware:Principal",
        "chalicelib.auth.principal:Principal.may_call",
    ],
    "resolve": ["chalicelib.gateway:Gateway.resolve"],
    "invoke": ["chalicelib.sagemaker.runtime:SageMakerRuntime.invoke"],
    "log": ["chalicelib.telemetry.log:Telemetry.request"],
    "metrics": ["chalicelib.telemetry.metrics:Metrics.prediction"],
    "render": ["chalicelib.api.wire:prediction", "chalice.app:Response.to_dict"],
}


class Clock:
    """CPU time by part; a part stands still while another one that it called runs."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys([*SEAMS, REST], 0.0)
        self._running: list[str] = []
        self._since = 0.0

    def around(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def timed(*arguments: Any, **options: Any) -> Any:
            self._switch()
            self._running.append(part)
            try:
                return call(*arguments, **options)
            finally:
                self._switch()
                self._running.pop()

        return timed

    def _switch(self) -> None:
        now = time.thread_time()
        if self._running:
            self.parts[self._running[-1]] += now - self._since
        self._since = now


def wrap(clock: Clock) -> None:
    for part, seams in SEAMS.items():
        for seam in seams:
            module, _, path = seam.partition(":")
            *outer, name = path.split(".")
            holder = functools.reduce(getattr, outer, importlib.import_module(module))
            setattr(holder, name, clock.around(part, getattr(holder, name)))


def main(calls: int, event: str) -> None:
    app = importlib.import_module("app").app
    context = SimpleNamespace(
        aws_request_id="5f1c3c6e", get_remaining_time_in_millis=lambda: 29_000
    )
    for _ in range(calls // 4):
        app(json.loads(event), context)
    clock = Clock()
    wrap(clock)
    whole = clock.around(REST, app)
    seen: dict[str, list[float]] = {part: [] for part in clock.parts}
    for _ in range(calls):
        clock.parts = dict.fromkeys(clock.parts, 0.0)
        answer = whole(json.loads(event), context)
        for part, seconds in clock.parts.items():
            seen[part].append(seconds)
    if answer["statusCode"] != 200:
        raise SystemExit(f"the function answers {answer}")
    sys.stdout.write(f"\n{json.dumps(seen)}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.stdin.read())
