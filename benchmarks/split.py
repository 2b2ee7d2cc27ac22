"""How a warm call's CPU time splits among the gateway's parts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import upstream
from benchmarks.contenders import LARGE, SMALL
from benchmarks.function import environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.contenders import Contender

SEAMS = Path(__file__).with_name("seams.py")


def measured(gateway: Contender, calls: int) -> Mapping[int, Mapping[str, Sequence[float]]]:
    """By size of body and part: the seconds of each call."""
    sizes = {SMALL: calls, LARGE: max(calls // 10, 5)}
    with upstream.aws("") as aws:
        return {size: _seen(gateway, size, count, aws.url) for size, count in sizes.items()}


def _seen(gateway: Contender, size: int, calls: int, url: str) -> Mapping[str, Sequence[float]]:
    package = gateway.package
    own = {**package.environment, "AWS_ENDPOINT_URL": url}
    finished = subprocess.run(
        [sys.executable, "-S", "-P", SEAMS, str(calls)],
        cwd=package.folder,
        env=environment(package.folder, package.folder, package.handler, "", own),
        input=gateway.event(size),
        check=True,
        stdout=subprocess.PIPE,
    )
    seen: Mapping[str, Sequence[float]] = json.loads(finished.stdout.splitlines()[-1])
    return seen
