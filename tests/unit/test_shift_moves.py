"""Which share of sticky callers moves: it is exact, and it is what the gateway does."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.commands.shift_moves import least_possible, moves, shares

WEIGHTS = st.integers(0, 1000)
NAMES = ["a", "b", "c", "d", "e"]


@st.composite
def changes(draw):
    """Weights of the same targets before and after."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    weights = st.fixed_dictionaries({name: WEIGHTS for name in names}).filter(
        lambda found: any(found.values())
    )
    return draw(weights), draw(weights)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([95, 5], [80, 20], {"ab": Fraction(15, 100)}),
        ([80, 20], [100, 0], {"ba": Fraction(20, 100)}),
        ([1, 0], [0, 1000], {"ab": Fraction(1)}),
        ([95, 5], [950, 50], {}),
        ([1, 1, 0], [1, 1, 2], {"ac": Fraction(1, 4), "bc": Fraction(1, 4)}),
        (
            [60, 30, 10],
            [50, 30, 20],
            {"ab": Fraction(3, 110), "ac": Fraction(4, 55), "bc": Fraction(3, 110)},
        ),
    ],
)
def test_moves(old, new, expected):
    """Two targets move what their shares differ by; three a little more."""
    found = moves(dict(zip(NAMES, old, strict=False)), dict(zip(NAMES, new, strict=False)))
    assert {"".join(pair): share for pair, share in found.items()} == expected


@given(changes())
def test_sums(change):
    """What comes to a target minus what leaves it is the change of its share, exactly."""
    old, new = change
    before, after, found = shares(old), shares(new), moves(old, new)

    for name in old:
        arrived = sum(share for (_, goal), share in found.items() if goal == name)
        left = sum(share for (source, _), share in found.items() if source == name)
        assert arrived - left == after[name] - before[name]


@given(changes())
def test_direction(change):
    """Callers move to a target only from one whose weight grew less; so nobody moves back."""
    old, new = change
    found = moves(old, new)

    for source, goal in found:
        assert new[goal] * old[source] > old[goal] * new[source]
        assert (goal, source) not in found
    assert least_possible(old, new) <= sum(found.values()) <= 1


def test_twenty_targets():
    """The most targets that an entry can have."""
    old = {f"t{number}": number for number in range(20)}
    new = {f"t{number}": 1000 - 7 * number**2 % 997 for number in range(20)}

    assert least_possible(old, new) < sum(moves(old, new).values()) < 1
