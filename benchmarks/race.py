"""Runs races: every contender is started once a round, so that a noisy machine is so for all."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import events, upstream
from benchmarks.function import Function, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from benchmarks.contenders import Contender, Race

    Results = Mapping[str, list["Start"]]

KEYS = 100


@dataclass(frozen=True)
class Start:
    """What one process has cost, from its start to its last call."""

    init: Usage
    first: Usage
    warm: tuple[Usage, ...]
    peak_bytes: int

    @property
    def cold(self) -> Usage:
        """Until the first caller has an answer."""
        return Usage(self.init.cpu + self.first.cpu, self.init.wall + self.first.wall)

    def warm_wall(self, percent: int) -> float:
        """The time within which so many of a hundred warm calls were answered."""
        return statistics.quantiles((one.wall for one in self.warm), n=100)[percent - 1]

    def warm_cpu(self) -> float:
        return statistics.fmean(one.cpu for one in self.warm)


class Track:
    """Lambda's runtime and AWS's services, for all races."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self._runtime = runtime
        self._tls, self._root = upstream.certificate(folder)

    def trusted_by(self, packages: Iterable[Path]) -> None:
        """Append our root to every CA bundle; what they hold besides is still to be read."""
        root = self._root.read_bytes()
        for bundle in (
            one for folder in {self._runtime, *packages} for one in folder.rglob("*.pem")
        ):
            bundle.write_bytes(bundle.read_bytes() + b"\n" + root)

    def run(self, race: Race, rounds: int, note: Callable[[str], None]) -> Results:
        """One more round than is counted: the first brings all files into memory."""
        results: Results = defaultdict(list)
        with upstream.aws(events.key_document(KEYS), self._tls if race.tls else None) as aws:
            environ = {"AWS_ENDPOINT_URL": aws.url}
            if race.tls and not race.own_bundles:
                environ["AWS_CA_BUNDLE"] = str(self._root)
            for number in range(rounds + 1):
                note(f"{race.name}: round {number} of {rounds}")
                for contender in race.contenders:
                    start = self._started(contender, race, environ)
                    if number:
                        results[contender.name].append(start)
        return results

    def _started(self, contender: Contender, race: Race, environ: Mapping[str, str]) -> Start:
        package = contender.package
        event = contender.event(race.body_bytes)
        own = {**package.environment, **environ}
        with Function(package.folder, self._runtime, package.handler, own) as function:
            first = function.invoke(event)
            function.check_answer()
            warm = tuple(function.invoke(event) for _ in range(race.calls))
            function.check_answer()
            return Start(function.init, first, warm, function.peak_bytes)
