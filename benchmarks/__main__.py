"""`python -m benchmarks`: measures the gateway's costs and writes docs/performance.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import packages, parts, report, servers
from benchmarks.function import environment
from benchmarks.scenarios import GATEWAY, LARGE, SMALL, Runner, against_baselines, against_revision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.report import Parts
    from benchmarks.scenarios import Candidate, Results, Scenario

ROUNDS, CALLS = 21, 300
QUICK_ROUNDS, QUICK_CALLS = 5, 100


def main(arguments: Sequence[str]) -> None:
    """Measure and print; write the page, too, unless an option says to print only."""
    options = _parser().parse_args(arguments)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    calls = QUICK_CALLS if options.quick else CALLS
    with tempfile.TemporaryDirectory() as folder:
        _print_progress("building the packages …")
        if options.against:
            scenarios = against_revision(Path(folder), calls, options.against)
        else:
            scenarios = against_baselines(Path(folder), calls)
        results = _run(scenarios, Path(folder), rounds)
        warm_parts = measure_parts(_gateway(scenarios), calls)
    blocks = report.blocks(scenarios, results, warm_parts, report.conditions(rounds, calls))
    sys.stdout.write("\n\n".join(blocks.values()) + "\n")
    if not (options.against or options.quick):
        report.write(blocks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run a few rounds, and only print")
    parser.add_argument(
        "--rounds", type=int, help=f"default: {ROUNDS}, or {QUICK_ROUNDS} with --quick"
    )
    parser.add_argument(
        "--against",
        metavar="REVISION",
        help="compare with a commit of this project, and only print",
    )
    return parser


def _run(scenarios: Sequence[Scenario], folder: Path, rounds: int) -> Mapping[str, Results]:
    """Run one scenario after the other, and return the results by the scenario's name."""
    runner = Runner(folder, packages.runtime(folder / "runtime"))
    runner.add_root(one.package.folder for scenario in scenarios for one in scenario.candidates)
    return {scenario.name: runner.run(scenario, rounds, _print_progress) for scenario in scenarios}


def measure_parts(gateway: Candidate, calls: int) -> Parts:
    """Measure the parts of a warm call, for a small and for a large body."""
    package = gateway.package
    counts = {SMALL: calls, LARGE: max(calls // 10, 5)}
    with servers.aws("") as aws:
        own = {**package.environment, "AWS_ENDPOINT_URL": aws.url}
        variables = environment(package.folder, package.folder, package.handler, "", own)
        return {
            size: parts.measure(package.folder, variables, gateway.event(size), count)
            for size, count in counts.items()
        }


def _gateway(scenarios: Sequence[Scenario]) -> Candidate:
    return next(one for scenario in scenarios for one in scenario.candidates if one.name == GATEWAY)


def _print_progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
