"""Who takes part, and in which races: the same calls, made in turn."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import events, packages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.packages import Package

FIVE_LINES = "five-line handler"
NAIVE = "Chalice and Powertools"
GATEWAY = "the gateway"
PLAIN_DEPLOY = "by `chalice deploy`"
AUTHORIZER = "the authorizer"
EMPTY = "an empty handler"

SMALL, LARGE, LARGEST = 1_000, 1_000_000, 4_500_000  # the gateway takes 4.6 MB
TABLE_SIZES = (10, 1_000, 10_000)


@dataclass(frozen=True)
class Contender:
    """A package, and what it is sent: an event for a body of so many bytes."""

    name: str
    package: Package
    event: Callable[[int], bytes]


@dataclass(frozen=True)
class Race:
    """Contenders that run in turn, the first of which the others are compared with."""

    name: str
    contenders: Sequence[Contender]
    tls: bool = False
    own_bundles: bool = True
    """Whether each reads the CA bundle that it ships; else AWS_CA_BUNDLE names one of one root."""

    body_bytes: int = SMALL
    calls: int = 0


def as_text(size_bytes: int) -> bytes:
    """To an API that has no binary types, as people make them."""
    return events.prediction(events.instances(size_bytes), binary=False)


def as_binary(size_bytes: int, model: str = "iris") -> bytes:
    return events.prediction(events.instances(size_bytes), binary=True, model=model)


def against_baselines(folder: Path, calls: int) -> list[Race]:
    """The gateway beside what people would write instead."""
    package = packages.gateway(folder / "gateway")
    uncompiled = packages.without_bytecode(package, folder / "plain-deploy")
    five_lines = Contender(FIVE_LINES, packages.alone("five_lines", folder / "five"), as_text)
    naive = Contender(NAIVE, packages.chalice_powertools(folder / "naive"), as_text)
    gateway = Contender(GATEWAY, package, as_binary)
    plain_deploy = Contender(PLAIN_DEPLOY, uncompiled, as_binary)
    return races(
        calls,
        [five_lines, naive, gateway, plain_deploy],
        floor=[Contender(EMPTY, packages.alone("empty", folder / "empty"), as_text)],
        sizes=[five_lines, *with_tables(package, folder)],
        authorizers=[
            *(five_lines, gateway, authorizer(package)),
            authorizer(uncompiled, f"{AUTHORIZER} {PLAIN_DEPLOY}"),
        ],
    )


def against_revision(folder: Path, calls: int, revision: str) -> list[Race]:
    """The gateway as it lies here beside a committed one."""
    then = packages.gateway(folder / "then", packages.revision(revision, folder / "checkout"))
    now = packages.gateway(folder / "now")
    return races(
        calls,
        [Contender(revision, then, as_binary), Contender(GATEWAY, now, as_binary)],
        authorizers=[authorizer(then, f"{AUTHORIZER} of {revision}"), authorizer(now)],
    )


def races(
    calls: int,
    everybody: Sequence[Contender],
    *,
    authorizers: Sequence[Contender],
    sizes: Sequence[Contender] = (),
    floor: Sequence[Contender] = (),
) -> list[Race]:
    """What is measured; of each line-up the first is what the others are compared with."""
    return [
        Race("plain", [*everybody, *floor], calls=calls),
        Race("tls", everybody, tls=True),
        Race("one root", everybody, tls=True, own_bundles=False),
        Race("large", everybody, body_bytes=LARGE, calls=max(calls // 10, 2)),
        Race("largest", everybody, body_bytes=LARGEST, calls=max(calls // 50, 2)),
        *([Race("tables", sizes, calls=calls)] if sizes else []),
        Race("authorizer", authorizers, tls=True, calls=calls),
    ]


def authorizer(package: Package, name: str = AUTHORIZER) -> Contender:
    """The second function of the same zip."""
    return Contender(name, package.called("app.authorize"), lambda _: events.question())


def with_tables(package: Package, folder: Path) -> list[Contender]:
    """The gateway with compiled tables of some sizes; what is called is in the middle."""
    contenders = []
    for size in TABLE_SIZES:
        path = folder / f"{size}.yaml"
        path.write_text(json.dumps(_table(size)), encoding="utf-8")  # JSON is YAML
        command = [sys.executable, "-m", "gatewayctl", "compile", "--table", str(path)]
        subprocess.run(command, cwd=packages.ROOT, check=True, capture_output=True)
        own = package.with_environment(GATEWAY_ROUTING=f"file:{path}")
        event = partial(as_binary, model=f"model-{size // 2}")
        contenders.append(Contender(f"{size:,} models", own, event))
    return contenders


def _table(size: int) -> dict[str, object]:
    """As people have thousands: artifacts of multi-model endpoints, a hundred on each."""
    models = {
        f"model-{number}": {
            "kind": "mme",
            "endpoint": f"shared-{number // 100}",
            "target_model": f"team-{number % 7}/model-{number}-v1.tar.gz",
            "description": f"Model number {number} of {size}",
        }
        for number in range(size)
    }
    return {"version": 1, "models": models}
