"""Which target a key has: the shares, what new weights move, and the same in every process."""

import json
import math
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.routing.choice import order
from chalicelib.routing.named_targets import NamedTarget
from chalicelib.routing.targets import SingleModelTarget
from tests.support.paths import ROOT

CALLS = 100_000
KEYS = [f"caller-{number}" for number in range(CALLS)]
# The choice of each key is part of what a release promises: a change moves callers.
VECTORS = {
    "churn": {"a": "v7", "b": "v7", "caller-1": "v8", "ümlaut": "v8", "x": "v8"},
    "house-price/{city}": {"a": "v8", "b": "v8", "caller-1": "v8", "ümlaut": "v8", "x": "v8"},
}


def targets(**weights):
    return [NamedTarget.of(SingleModelTarget(name), name, n) for name, n in weights.items()]


def chosen(key, entry="churn", **weights):
    return order(entry, targets(**weights), (), key)[0].name


def choices(**weights):
    known = targets(**weights)
    return [order("churn", known, (), key)[0].name for key in KEYS]


def most_apart(weight, total):
    """Return by how much a share of so many calls may differ by chance: five deviations."""
    share = weight / total
    return 5 * math.sqrt(share * (1 - share) / CALLS)


class TestShares:
    """How many calls each target gets."""

    @pytest.mark.parametrize("keys", [KEYS, [None] * CALLS], ids=["sticky", "by chance"])
    @pytest.mark.parametrize(
        "weights", [{"v7": 95, "v8": 5}, {"a": 60, "b": 30, "c": 10}, {"a": 1, "b": 1000}]
    )
    def test_of_the_weights(self, keys, weights):
        """The shares are those of the weights, as far as chance allows."""
        known = targets(**weights, never=0)
        found = Counter(order("churn", known, (), key)[0].name for key in keys)

        total = sum(weights.values())
        for name, weight in weights.items():
            assert abs(found[name] / CALLS - weight / total) <= most_apart(weight, total)
        assert "never" not in found

    def test_entries_are_independent(self):
        """Callers who get the new version of one entry are not those who get that of another."""
        both = sum(
            chosen(key, v7=90, v8=10) == chosen(key, "fraud", v7=90, v8=10) == "v8" for key in KEYS
        )

        assert abs(both / CALLS - 0.01) <= most_apart(1, 100)


class TestMoves:
    """What new weights do to callers."""

    def test_more_weight(self):
        """From 95/5 to 80/20 nobody leaves the target that gains, and only as many as must move."""
        before, after = choices(v7=95, v8=5), choices(v7=80, v8=20)

        moves = Counter(pair for pair in zip(before, after, strict=True) if pair[0] != pair[1])
        assert moves.keys() == {("v7", "v8")}
        assert abs(moves["v7", "v8"] / CALLS - 0.15) <= most_apart(15, 100)

    def test_three_targets(self):
        """Of three targets, at most 1.3 times as many callers move as have to."""
        before, after = choices(a=60, b=30, c=10), choices(a=50, b=30, c=20)

        moved = sum(one != other for one, other in zip(before, after, strict=True))
        assert moved / CALLS <= 1.3 * 0.1

    def test_same_ratio(self):
        """Weights with the same ratio move nobody."""
        assert choices(v7=95, v8=5)[:5_000] == choices(v7=950, v8=50)[:5_000]

    @given(
        weights=st.dictionaries(
            st.from_regex("[a-z0-9]{1,3}", fullmatch=True), st.integers(1, 1000), min_size=1
        ),
        key=st.text(max_size=20),
        data=st.data(),
    )
    def test_order_in_the_file(self, weights, key, data):
        """The order of the targets has no meaning."""
        other = dict(data.draw(st.permutations(list(weights.items()))))

        assert chosen(key, **weights) == chosen(key, **other)


class TestFallbacks:
    """What follows the chosen target."""

    def test_order(self):
        """The fallbacks follow in their order, without the chosen target."""
        known = targets(v7=0, v8=1, backup=0)

        found = order("churn", known, ("backup", "v8", "v7"), "key")

        assert [one.name for one in found] == ["v8", "backup", "v7"]


class TestEverywhere:
    """The same key has the same target in each process and release."""

    @pytest.mark.parametrize("entry", VECTORS)
    def test_vectors(self, entry):
        """These keys keep their targets in every release."""
        weights = {"v7": 50, "v8": 50}

        assert {key: chosen(key, entry, **weights) for key in VECTORS[entry]} == VECTORS[entry]

    def test_another_process(self):
        """Another process, with another seed for Python's own hashes, chooses the same."""
        script = (
            "import json, sys\n"
            "from tests.unit.test_choice import KEYS, chosen\n"
            "print(json.dumps([chosen(key, v7=60, v8=40) for key in KEYS[:500]]))"
        )
        environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=True,
        )

        assert json.loads(done.stdout) == [chosen(key, v7=60, v8=40) for key in KEYS[:500]]
