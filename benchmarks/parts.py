"""Measures how much of the CPU time of a warm call each part of the gateway takes.

`measure` runs this file as a script in the folder of an unpacked package, with the standard library
and the package alone. The script replaces functions of the package with timed ones. If a timed
function calls another timed function, the time of the inner function counts for its part only.
"""

from __future__ import annotations

import functools
import importlib
import json
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

REST = "Chalice, middleware"
# The functions of each part, in the module or class where their callers look them up.
PARTS = {
    "parse": ["chalicelib.api.wire:request_context", "chalicelib.gateway:admit"],
    "permit": [
        "chalicelib.api.application:Principal",
        "chalicelib.auth.principal:Principal.may_call",
    ],
    "resolve": ["chalicelib.gateway:Gateway.resolve"],
    "invoke": ["chalicelib.sagemaker.runtime:SageMakerRuntime.invoke"],
    "log": ["chalicelib.telemetry.log:Telemetry.request"],
    "metrics": ["chalicelib.telemetry.metrics:Metrics.prediction"],
    "render": ["chalicelib.api.wire:prediction", "chalice.app:Response.to_dict"],
}


def measure(
    folder: Path, environment: Mapping[str, str], event: bytes, calls: int
) -> Mapping[str, Sequence[float]]:
    """Call the gateway in an unpacked package, and return the seconds of each call by part."""
    finished = subprocess.run(
        [sys.executable, "-S", "-P", __file__, str(calls)],
        cwd=folder,
        env=environment,
        input=event,
        check=True,
        stdout=subprocess.PIPE,
    )
    seconds: Mapping[str, Sequence[float]] = json.loads(finished.stdout.splitlines()[-1])
    return seconds


class Clock:
    """Adds up CPU time by part; while a part calls another part, only the other one counts."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys([*PARTS, REST], 0.0)
        self._running: list[str] = []
        self._since = 0.0

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def run(*arguments: Any, **options: Any) -> Any:
            self._switch()
            self._running.append(part)
            try:
                return call(*arguments, **options)
            finally:
                self._switch()
                self._running.pop()

        return run

    def _switch(self) -> None:
        now = time.thread_time()
        if self._running:
            self.parts[self._running[-1]] += now - self._since
        self._since = now


def _replace_functions(clock: Clock) -> None:
    for part, functions in PARTS.items():
        for function in functions:
            module, _, path = function.partition(":")
            *outer, name = path.split(".")
            holder = functools.reduce(getattr, outer, importlib.import_module(module))
            setattr(holder, name, clock.timed(part, getattr(holder, name)))


def main(calls: int, event: str) -> None:
    """Call the function, and print the seconds of each call by part, as JSON."""
    app = importlib.import_module("app").app
    context = SimpleNamespace(
        aws_request_id="5f1c3c6e", get_remaining_time_in_millis=lambda: 29_000
    )
    for _ in range(calls // 4):
        app(json.loads(event), context)
    clock = Clock()
    _replace_functions(clock)
    timed_app = clock.timed(REST, app)
    results: dict[str, list[float]] = {part: [] for part in clock.parts}
    for _ in range(calls):
        clock.parts = dict.fromkeys(clock.parts, 0.0)
        response = timed_app(json.loads(event), context)
        for part, seconds in clock.parts.items():
            results[part].append(seconds)
    if response["statusCode"] != 200:
        raise SystemExit(f"the function responds {response}")
    sys.stdout.write(f"\n{json.dumps(results)}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.stdin.read())
