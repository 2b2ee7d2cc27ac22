"""What a round came to, as a report."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from gatewayctl.prewarming.outcome import READY, Outcome, State
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gatewayctl.prewarming.round import Round
    from gatewayctl.prewarming.selection import Selection
    from gatewayctl.report import NotReachable

NOT_READY = frozenset({State.COLD, State.FAILED})


def report(selection: Selection, done: Round) -> Report:
    """A line for each model that is cold or failed, and a last one with all in numbers."""
    outcomes = _all(selection, done.outcomes)
    counts = Counter(outcome.state for outcome in outcomes)
    failure = done.not_reachable
    data = {
        "counts": {state.value: counts[state] for state in State},
        "models": [_as_data(outcome) for outcome in outcomes],
        "notes": selection.notes,
        "not_reachable": failure and str(failure),
    }
    return Report(
        _exit_code(outcomes, failure),
        lines=[*_lines(outcomes), _total(outcomes, counts)],
        notes=[*selection.notes, *([f"gatewayctl prewarm: {failure}"] if failure else [])],
        data=data,
    )


def _all(selection: Selection, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """In the order in which they were selected."""
    known = {outcome.path: outcome for outcome in outcomes}
    return [
        known.get(candidate.path) or Outcome(candidate.path, State.UNFINISHED, 0.0)
        for candidate in selection.candidates
    ]


def _as_data(outcome: Outcome) -> dict[str, object]:
    return {**asdict(outcome), "seconds": round(outcome.seconds, 3)}


def _exit_code(outcomes: Sequence[Outcome], failure: NotReachable | None) -> ExitCode:
    if failure is not None:
        return ExitCode.AWS_NOT_REACHABLE
    return ExitCode.FINE if all(one.state in READY for one in outcomes) else ExitCode.FINDINGS


def _lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.state in NOT_READY:
            yield f"{outcome}: {outcome.advice}" if outcome.advice else str(outcome)


def _total(outcomes: Sequence[Outcome], counts: Counter[State]) -> str:
    seconds = [outcome.seconds for outcome in outcomes if outcome.state is State.LOADED]
    took = {State.LOADED: f" in {min(seconds):.1f} to {max(seconds):.1f} s"} if seconds else {}
    parts = [f"{counts[state]} {state}{took.get(state, '')}" for state in State if counts[state]]
    return ": ".join(filter(None, (f"{len(outcomes)} models", ", ".join(parts))))
