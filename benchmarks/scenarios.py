"""Defines and runs the scenarios of the benchmark: the handlers, their events, and the rounds."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import events, packages, servers
from benchmarks.function import Function, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.packages import Package

    Results = Mapping[str, list["Start"]]
    """The costs of each start of a candidate, by the candidate's name."""

FIVE_LINES = "five-line handler"
NAIVE = "Chalice and Powertools"
GATEWAY = "the gateway"
PLAIN_DEPLOY = "by `chalice deploy`"
AUTHORIZER = "the authorizer"
EMPTY = "an empty handler"

SMALL, LARGE, LARGEST = 1_000, 1_000_000, 4_500_000  # the gateway takes 4.6 MB
TABLE_SIZES = (10, 1_000, 10_000)
KEYS = 100
JOBS = {"GATEWAY_JOBS": "s3://bucket/jobs", "GATEWAY_JOBS_QUEUE": "queue"}
"""What switches jobs on. No event of the benchmarks asks for one."""


@dataclass(frozen=True)
class Candidate:
    """A package to measure, and a function from the size of a body in bytes to the event."""

    name: str
    package: Package
    event: Callable[[int], bytes]


@dataclass(frozen=True)
class Scenario:
    """Candidates that run in turn; the others are compared with the first one."""

    name: str
    candidates: Sequence[Candidate]
    tls: bool = False
    own_bundles: bool = True
    """Whether each candidate reads its own CA bundle, or AWS_CA_BUNDLE with a single root."""

    body_bytes: int = SMALL
    calls: int = 0


@dataclass(frozen=True)
class Start:
    """The costs of one process, from its start to its last call."""

    init: Usage
    first: Usage
    warm: tuple[Usage, ...]
    peak_bytes: int
    log_bytes: int
    """What the process has printed during the warm calls."""

    @property
    def cold(self) -> Usage:
        """The cost until the first caller has a response."""
        return Usage(self.init.cpu + self.first.cpu, self.init.wall + self.first.wall)

    def warm_wall(self, percent: int) -> float:
        """The wall time of the warm calls, as a percentile."""
        return statistics.quantiles((call.wall for call in self.warm), n=100)[percent - 1]

    def warm_cpu(self) -> float:
        """The mean CPU time of the warm calls."""
        return statistics.fmean(call.cpu for call in self.warm)


class Runner:
    """Runs scenarios with a copy of Lambda's runtime and of AWS's services."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self._runtime = runtime
        self._tls, self._root = servers.certificate(folder)

    def add_root(self, folders: Iterable[Path]) -> None:
        """Append this runner's root certificate to every CA bundle of these packages."""
        root = self._root.read_bytes()
        for folder in {self._runtime, *folders}:
            for bundle in folder.rglob("*.pem"):
                bundle.write_bytes(bundle.read_bytes() + b"\n" + root)

    def run(self, scenario: Scenario, rounds: int, progress: Callable[[str], None]) -> Results:
        """Start every candidate once in each round, so that noise affects all candidates alike.

        An additional first round, which is not counted, brings all files into memory.
        """
        results: Results = defaultdict(list)
        with servers.aws(events.key_document(KEYS), self._tls if scenario.tls else None) as aws:
            environ = {"AWS_ENDPOINT_URL": aws.url}
            if scenario.tls and not scenario.own_bundles:
                environ["AWS_CA_BUNDLE"] = str(self._root)
            for number in range(rounds + 1):
                progress(f"{scenario.name}: round {number} of {rounds}")
                for candidate in scenario.candidates:
                    start = self._start(candidate, scenario, environ)
                    if number:
                        results[candidate.name].append(start)
        return results

    def _start(self, candidate: Candidate, scenario: Scenario, environ: Mapping[str, str]) -> Start:
        package = candidate.package
        event = candidate.event(scenario.body_bytes)
        own = {**package.environment, **environ}
        with Function(package.folder, self._runtime, package.handler, own) as function:
            first = function.invoke(event)
            function.check_response()
            printed = function.log_bytes
            warm = tuple(function.invoke(event) for _ in range(scenario.calls))
            function.check_response()
            log_bytes = function.log_bytes - printed
            return Start(function.init, first, warm, function.peak_bytes, log_bytes)


def as_text(size_bytes: int) -> bytes:
    """Return the event of an API without binary media types."""
    return events.prediction(events.instances(size_bytes), binary=False)


def as_binary(size_bytes: int, model: str = "iris") -> bytes:
    """Return the event of an API whose media types are all binary, such as the gateway's."""
    return events.prediction(events.instances(size_bytes), binary=True, model=model)


def against_baselines(folder: Path, calls: int) -> list[Scenario]:
    """Return the scenarios that compare the gateway with simple handlers."""
    package = packages.gateway(folder / "gateway")
    uncompiled = packages.without_bytecode(package, folder / "plain-deploy")
    five_lines = Candidate(FIVE_LINES, packages.single_file("five_lines", folder / "five"), as_text)
    naive = Candidate(NAIVE, packages.chalice_powertools(folder / "naive"), as_text)
    gateway = Candidate(GATEWAY, package, as_binary)
    plain_deploy = Candidate(PLAIN_DEPLOY, uncompiled, as_binary)
    return all_scenarios(
        calls,
        [five_lines, naive, gateway, plain_deploy],
        floor=[Candidate(EMPTY, packages.single_file("empty", folder / "empty"), as_text)],
        sizes=[five_lines, *with_tables(package, folder)],
        authorizers=[
            *(five_lines, gateway, authorizer(package)),
            authorizer(uncompiled, f"{AUTHORIZER} {PLAIN_DEPLOY}"),
        ],
    )


def against_revision(folder: Path, calls: int, revision: str) -> list[Scenario]:
    """Return the scenarios that compare the gateway in the working tree with a commit's."""
    committed = packages.revision(revision, folder / "checkout")
    then, now = packages.gateway(folder / "then", committed), packages.gateway(folder / "now")
    jobs = replace(now, environment={**now.environment, **JOBS})
    return all_scenarios(
        calls,
        [
            Candidate(revision, then, as_binary),
            Candidate(GATEWAY, now, as_binary),
            Candidate(f"{GATEWAY} with jobs", jobs, as_binary),
        ],
        authorizers=[
            authorizer(then, f"{AUTHORIZER} of {revision}"),
            authorizer(now),
            authorizer(jobs, f"{AUTHORIZER} with jobs"),
        ],
    )


def all_scenarios(
    calls: int,
    candidates: Sequence[Candidate],
    *,
    authorizers: Sequence[Candidate],
    sizes: Sequence[Candidate] = (),
    floor: Sequence[Candidate] = (),
) -> list[Scenario]:
    """Return all scenarios; in each of them the first candidate is the reference."""
    return [
        Scenario("plain", [*candidates, *floor], calls=calls),
        Scenario("tls", candidates, tls=True),
        Scenario("one root", candidates, tls=True, own_bundles=False),
        Scenario("large", candidates, body_bytes=LARGE, calls=max(calls // 10, 2)),
        Scenario("largest", candidates, body_bytes=LARGEST, calls=max(calls // 50, 2)),
        *([Scenario("tables", sizes, calls=calls)] if sizes else []),
        Scenario("authorizer", authorizers, tls=True, calls=calls),
    ]


def authorizer(package: Package, name: str = AUTHORIZER) -> Candidate:
    """Return the package's second function as a candidate."""
    second = replace(package, handler="app.authorize")
    return Candidate(name, second, lambda _: events.authorization())


def with_tables(package: Package, folder: Path) -> list[Candidate]:
    """Return the gateway with compiled tables of several sizes; it calls a model in the middle."""
    candidates = []
    for size in TABLE_SIZES:
        path = folder / f"{size}.yaml"
        path.write_text(json.dumps(_table(size)), encoding="utf-8")  # JSON is YAML
        command = [sys.executable, "-m", "gatewayctl", "compile", "--table", str(path)]
        subprocess.run(command, cwd=packages.ROOT, check=True, capture_output=True)
        variables = {**package.environment, "GATEWAY_ROUTING": f"file:{path}"}
        own = replace(package, environment=variables)
        event = partial(as_binary, model=f"model-{size // 2}")
        candidates.append(Candidate(f"{size:,} models", own, event))
    return candidates


def _table(size: int) -> dict[str, object]:
    """Return a table of multi-model endpoints with a hundred artifacts each."""
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
