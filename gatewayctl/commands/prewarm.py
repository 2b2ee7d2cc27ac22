"""`gatewayctl prewarm`: calls models so that SageMaker loads them before callers need them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import click

from chalicelib.routing.reading import file as table_file
from gatewayctl.account.accounts import accounts_of
from gatewayctl.account.reader import CALLS_PER_SECOND
from gatewayctl.command import command
from gatewayctl.commands.prewarm_calls import (
    LONGEST_CALL_SECONDS,
    SERVICE,
    Loader,
    ModelCaller,
)
from gatewayctl.commands.prewarm_candidates import Outcome, State
from gatewayctl.commands.prewarm_selection import (
    MOST_OF_A_PATTERN,
    PatternLister,
    Selection,
    select,
)
from gatewayctl.output import plural
from gatewayctl.report import ExitCode, NotReachable, Report, RoleRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.routing.targets import Place
    from gatewayctl.command import Context
    from gatewayctl.commands.prewarm_calls import Answer
    from gatewayctl.commands.prewarm_candidates import Candidate

TIMEOUT_SECONDS = 400
"""Longer than the 360 seconds after which SageMaker stops loading an artifact."""
LONGEST_TIMEOUT_SECONDS = 3_600
AT_ONCE = 4
MOST_AT_ONCE = 64

PROGRESS_SECONDS = 10.0
MOST_NAMED = 4

READY = frozenset({State.HOT, State.LOADED})
NOT_READY = frozenset({State.COLD, State.REFUSED, State.UNKNOWN, State.FAILED})


@command("prewarm")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--timeout",
    type=click.IntRange(1, LONGEST_TIMEOUT_SECONDS),
    default=TIMEOUT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="For how long a model is called again.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, MOST_AT_ONCE),
    default=AT_ONCE,
    show_default=True,
    metavar="N",
    help="How many models are called at a time.",
)
@click.option(
    "--most",
    type=click.IntRange(min=0),
    default=MOST_OF_A_PATTERN,
    show_default=True,
    metavar="N",
    help="How many artifacts of an entry with a pattern are called.",
)
def prewarm(
    context: Context, *, models: tuple[str, ...], timeout: int, at_once: int, most: int
) -> Report:
    """Load models ahead of traffic.

    MODEL is a path as after /predict/, or a name in the table; without one, all models that have
    a target_model are loaded. The artifacts of an entry with a pattern are listed in S3.
    """
    path = context.table_path()
    lister = PatternLister(accounts_of(context, CALLS_PER_SECOND), most)
    selection = select(table_file.load(path), models, str(path), lister.calls)
    context.output.close()

    settings = {"read_timeout": min(LONGEST_CALL_SECONDS, timeout), "max_pool_connections": at_once}
    with ExitStack() as clients:
        callers = Callers(context, clients, settings)
        selection = callers.reached(selection)
        run = PrewarmRun(selection.candidates, context.output.note)
        if selection.candidates:
            run.run(Loader(callers.call, timeout, run.pause).load, at_once)
    if run.not_reachable and not run.outcomes:
        raise run.not_reachable
    return report(selection, run)


class Callers:
    """Calls each candidate in its Region and with its role; makes a client for each place.

    Args:
        clients: Closes the clients.
        settings: The clients' settings.
    """

    def __init__(self, context: Context, clients: ExitStack, settings: dict[str, Any]) -> None:
        self._context = context
        self._clients = clients
        self._settings = settings
        self._callers: dict[Place, ModelCaller] = {}

    def reached(self, selection: Selection) -> Selection:
        """Return the selection without the targets whose roles are refused, with notes on these.

        Raises:
            NotReachable: A client cannot be made.
        """
        refused: dict[Place, str] = {}
        for place in dict.fromkeys(one.place for one in selection.candidates):
            try:
                client = self._context.connector(place)(SERVICE, **self._settings)
            except RoleRefused as error:
                refused[place] = str(error)
            else:
                self._callers[place] = ModelCaller(self._clients.enter_context(closing(client)))
        left_out = [
            f"{one.title} is left out: {refused[one.place]}"
            for one in selection.candidates
            if one.place in refused
        ]
        left = [one for one in selection.candidates if one.place not in refused]
        return Selection(left, [*selection.notes, *left_out])

    def call(self, candidate: Candidate) -> Answer:
        """Call a target, as `ModelCaller.call` does."""
        return self._callers[candidate.place].call(candidate)


def report(selection: Selection, run: PrewarmRun) -> Report:
    """Build the report: a line for each model that is not ready, then the totals."""
    known = {outcome.title: outcome for outcome in run.outcomes}
    outcomes = [
        known.get(candidate.title) or candidate.outcome(State.UNFINISHED, 0.0)
        for candidate in selection.candidates
    ]
    counts = Counter(outcome.state for outcome in outcomes)
    failure = run.not_reachable
    exit_code = ExitCode.AWS_NOT_REACHABLE
    if failure is None:
        are_ready = all(one.state in READY for one in outcomes)
        exit_code = ExitCode.FINE if are_ready else ExitCode.FINDINGS
    return Report(
        exit_code,
        lines=[*_lines(outcomes), _total(outcomes, counts)],
        notes=[*selection.notes, *([f"gatewayctl prewarm: {failure}"] if failure else [])],
        data={
            "counts": {state.value: counts[state] for state in State},
            "models": [{**asdict(one), "seconds": round(one.seconds, 3)} for one in outcomes],
            "notes": selection.notes,
            "not_reachable": failure and str(failure),
        },
    )


def _lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.state in NOT_READY:
            yield f"{outcome}: {outcome.advice}" if outcome.advice else str(outcome)


def _total(outcomes: Sequence[Outcome], counts: Counter[State]) -> str:
    seconds = [outcome.seconds for outcome in outcomes if outcome.state is State.LOADED]
    took = {State.LOADED: f" in {min(seconds):.1f} to {max(seconds):.1f} s"} if seconds else {}
    parts = [f"{counts[state]} {state}{took.get(state, '')}" for state in State if counts[state]]
    return ": ".join(filter(None, (plural(len(outcomes), "model"), ", ".join(parts))))


class PrewarmRun:
    """Loads models in threads and prints each outcome.

    A run ends when every model has an outcome, on Ctrl-C, or when AWS cannot be reached.

    Args:
        print_line: Prints a line of progress; only the main thread calls it.
        progress_seconds: The time without an outcome after which a line of progress is printed.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        print_line: Callable[[str], object],
        progress_seconds: float = PROGRESS_SECONDS,
    ) -> None:
        self.outcomes: list[Outcome] = []
        self.not_reachable: NotReachable | None = None
        self._print_line = print_line
        self._progress_seconds = progress_seconds
        self._total = len(candidates)
        self._waiting = iter(candidates)  # the workers share it
        self._started: dict[str, float] = {}
        self._events: SimpleQueue[str | Outcome | NotReachable | None] = SimpleQueue()
        self._stopped = threading.Event()

    def pause(self, seconds: float) -> bool:
        """Wait so many seconds in a worker; return True, perhaps earlier, if the run stops."""
        return self._stopped.wait(seconds)

    def run(self, load: Callable[[Candidate], Outcome], at_once: int) -> None:
        """Load all models, and store the results in `outcomes` and `not_reachable`.

        Args:
            load: Loads one model; runs in a worker.
            at_once: How many models are loaded at the same time.
        """
        # A call may take a minute. After Ctrl-C the process does not wait for daemon threads, but
        # it would wait for the threads of a pool.
        workers = [
            threading.Thread(target=self._work, args=(load,), daemon=True)
            for _ in range(min(at_once, self._total))
        ]
        with suppress(KeyboardInterrupt):
            self._print_line(f"calling {plural(self._total, 'model')}, {len(workers)} at once")
            for worker in workers:
                worker.start()
            self._handle_events(len(workers))
        self._stopped.set()

    def _work(self, load: Callable[[Candidate], Outcome]) -> None:
        try:
            for candidate in self._waiting:
                if self._stopped.is_set():
                    break
                self._events.put(candidate.title)
                self._events.put(load(candidate))
        except NotReachable as error:
            self._events.put(error)
        finally:
            self._events.put(None)

    def _handle_events(self, working: int) -> None:
        """Handle events until the last worker has ended, or one of them cannot reach AWS."""
        next_line = time.monotonic() + self._progress_seconds
        while working:
            try:
                event = self._events.get(timeout=max(next_line - time.monotonic(), 0.0))
            except Empty:
                self._print_line(self._progress())
                next_line += self._progress_seconds
                continue
            match event:
                case None:
                    working -= 1
                case str():
                    self._started[event] = time.monotonic()
                case Outcome():
                    del self._started[event.title]
                    self.outcomes.append(event)
                    self._print_line(f"[{len(self.outcomes)}/{self._total}] {event}")
                case NotReachable():
                    self.not_reachable = event
                    return

    def _progress(self) -> str:
        now = time.monotonic()
        named = [f"{path} ({now - since:.0f} s)" for path, since in self._started.items()]
        more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        left = self._total - len(self.outcomes) - len(self._started)
        return f"waiting for {', '.join(named[:MOST_NAMED])}{more}; {left} to go"
