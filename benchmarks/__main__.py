"""`python -m benchmarks`: what the gateway costs, written into docs/performance.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import packages, page, split, tables
from benchmarks.contenders import GATEWAY, against_baselines, against_revision
from benchmarks.race import Track

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.contenders import Contender, Race
    from benchmarks.race import Results

ROUNDS, CALLS = 21, 300
QUICK_ROUNDS, QUICK_CALLS = 5, 100


def main(arguments: Sequence[str]) -> None:
    options = _parser().parse_args(arguments)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    calls = QUICK_CALLS if options.quick else CALLS
    with tempfile.TemporaryDirectory() as folder:
        _note("building the packages …")
        if options.against:
            races = against_revision(Path(folder), calls, options.against)
        else:
            races = against_baselines(Path(folder), calls)
        measured = _run(races, Path(folder), rounds)
        parts = split.measured(_gateway(races), calls)
    blocks = tables.blocks(races, measured, parts, tables.conditions(rounds, calls))
    sys.stdout.write("\n\n".join(blocks.values()) + "\n")
    if not (options.against or options.quick):
        page.write(blocks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rounds, only printed")
    parser.add_argument("--rounds", type=int, help=f"instead of {ROUNDS}, or {QUICK_ROUNDS}")
    parser.add_argument(
        "--against", metavar="REVISION", help="beside a commit of this project, only printed"
    )
    return parser


def _run(races: Sequence[Race], folder: Path, rounds: int) -> Mapping[str, Results]:
    """By race; each takes all its rounds before the next one begins."""
    track = Track(folder, packages.runtime(folder / "runtime"))
    track.trusted_by(one.package.folder for race in races for one in race.contenders)
    return {race.name: track.run(race, rounds, _note) for race in races}


def _gateway(races: Sequence[Race]) -> Contender:
    return next(one for race in races for one in race.contenders if one.name == GATEWAY)


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
