"""Many touches at once: how they are told of, how they end, and what they come to."""

import json
import threading

import pytest
from gatewayctl.prewarming import summary
from gatewayctl.prewarming.outcome import Outcome, State
from gatewayctl.prewarming.round import Round
from gatewayctl.prewarming.selection import Selection, select

from gatewayctl.report import ExitCode, NotReachable
from tests.support.gateway import table

SECONDS = 20
LINES = [
    "a: still cold after 400 s (ModelNotReadyException): wait",
    "b: failed (ValidationError): look",
]


def candidates(*names):
    """A model of each of these names."""
    entries = "".join(f"  {name}:\n    kind: single\n    endpoint: e\n" for name in names)
    return select(table(f"version: 1\nmodels:\n{entries}"), names, "routing.yaml").candidates


def numbered(many):
    """So many models: m0, m1, …"""
    return candidates(*(f"m{number}" for number in range(many)))


def hot(candidate):
    return Outcome(candidate.path, State.HOT, 0.01)


class TestRound:
    def test_each_once(self):
        """Every model is touched once, whatever the number of threads, and told of."""
        said = []
        done = Round(numbered(50), said.append)

        done.go(hot, at_once=8)

        assert sorted(one.path for one in done.outcomes) == sorted(f"m{n}" for n in range(50))
        assert said[0] == "touching 50 models, 8 at once"
        assert [line.split("] ")[0] for line in said[1:]] == [f"[{n + 1}/50" for n in range(50)]

    def test_at_once(self):
        """As many as are asked for are under way together, and no more."""
        together = threading.Barrier(3)
        done = Round(numbered(6), lambda line: None)

        def touch(candidate):
            assert together.wait(SECONDS) < 3
            assert together.n_waiting < 3
            return hot(candidate)

        done.go(touch, at_once=3)

        assert len(done.outcomes) == 6

    def test_what_is_waited_for(self):
        """When nothing ends for a while, those under way are named, the first four of them."""
        said, go_on = [], threading.Event()
        done = Round(numbered(8), say_until(said, "waiting", go_on), waiting_seconds=0.01)

        def touch(candidate):
            assert go_on.wait(SECONDS)
            return hot(candidate)

        done.go(touch, at_once=6)

        waiting = [line for line in said if "and 2 more" in line]
        assert waiting[-1].startswith("waiting for m")
        assert waiting[-1].endswith(" (0 s) and 2 more; 2 to go")
        assert len(done.outcomes) == 8

    def test_interrupted(self):
        """Ctrl-C ends the round with what is known, and wakes up who pauses."""
        woken = threading.Event()

        def touch(candidate):
            if candidate.path == "m0":
                return hot(candidate)
            if done.pause(SECONDS):
                woken.set()
            return hot(candidate)

        def say(line):
            if line.startswith("[1/"):
                raise KeyboardInterrupt

        done = Round(numbered(9), say)
        done.go(touch, at_once=2)

        assert [one.path for one in done.outcomes] == ["m0"]
        assert woken.wait(SECONDS)
        assert done.not_reachable is None

    def test_not_reachable(self):
        """One touch that finds no AWS ends the round; what was done before stays known."""

        def touch(candidate):
            if candidate.path == "m2":
                raise NotReachable("no AWS")
            return hot(candidate)

        done = Round(numbered(9), lambda line: None)
        done.go(touch, at_once=1)

        assert [one.path for one in done.outcomes] == ["m0", "m1"]
        assert str(done.not_reachable) == "no AWS"


def say_until(said, word, event):
    """Notes lines; sets the event when one names six models that begin with the word."""

    def say(line):
        said.append(line)
        if line.startswith(word) and "and 2 more" in line:
            event.set()

    return say


class TestSummary:
    def reported(self, *outcomes, many=0, not_reachable=None, notes=()):
        """The report of a round in which these came out of so many models."""
        done = Round((), lambda line: None)
        done.outcomes += outcomes
        done.not_reachable = not_reachable
        names = [*(one.path for one in outcomes), *(f"m{number}" for number in range(many))]
        chosen = candidates(*names) if names else ()
        return summary.report(Selection(chosen, notes), done)

    def test_all_ready(self):
        """Hot or loaded is fine; only the numbers are told, and how long the loads took."""
        report = self.reported(
            Outcome("a", State.HOT, 0.01),
            Outcome("b", State.LOADED, 61.04),
            Outcome("c", State.LOADED, 1.2),
        )

        assert report.exit_code is ExitCode.FINE
        assert list(report.lines) == ["3 models: 1 hot, 2 loaded in 1.2 to 61.0 s"]

    def test_not_ready(self):
        """What is cold or failed is a finding, and has a line with the way out."""
        cold = Outcome("a", State.COLD, 400.0, "ModelNotReadyException", "wait")
        failed = Outcome("b", State.FAILED, 0.1, "ValidationError", "look")
        report = self.reported(cold, failed, Outcome("c", State.HOT, 0.01))

        assert report.exit_code is ExitCode.FINDINGS
        assert list(report.lines) == [*LINES, "3 models: 1 hot, 1 cold, 1 failed"]

    def test_unfinished(self):
        """What was broken off is a finding, and counted alone."""
        report = self.reported(Outcome("a", State.HOT, 0.01), many=2)

        assert report.exit_code is ExitCode.FINDINGS
        assert list(report.lines) == ["3 models: 1 hot, 2 unfinished"]

    def test_not_reachable(self):
        """Where AWS was lost on the way, that is told beside what was done."""
        lost = NotReachable("no AWS")
        report = self.reported(Outcome("a", State.HOT, 0.01), many=1, not_reachable=lost)

        assert report.exit_code is ExitCode.AWS_NOT_REACHABLE
        assert list(report.lines) == ["2 models: 1 hot, 1 unfinished"]
        assert list(report.notes) == ["gatewayctl prewarm: no AWS"]

    def test_nothing(self):
        """Nothing to do is fine, and the note says why."""
        report = self.reported(notes=["why"])

        assert (report.exit_code, list(report.lines)) == (ExitCode.FINE, ["0 models"])
        assert list(report.notes) == ["why"]

    def test_data(self):
        """The same for other programs, in the order of the selection."""
        cold = Outcome("a", State.COLD, 400.12345, "ModelNotReadyException", "wait")
        report = self.reported(cold, many=1, notes=["why"])

        assert json.loads(json.dumps(report.data)) == {
            "counts": {"hot": 0, "loaded": 0, "cold": 1, "failed": 0, "unfinished": 1},
            "models": [
                {
                    "path": "a",
                    "state": "cold",
                    "seconds": 400.123,
                    "code": "ModelNotReadyException",
                    "advice": "wait",
                },
                {
                    "path": "m0",
                    "state": "unfinished",
                    "seconds": 0.0,
                    "code": None,
                    "advice": None,
                },
            ],
            "notes": ["why"],
            "not_reachable": None,
        }


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    """Workers end with the round, or as soon as their touch does."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(SECONDS)
        assert not thread.is_alive()
