"""Calculates which share of sticky callers moves from one target to another with new weights.

The gateway gives a caller to the target with the least E / weight, where E = -ln h of the target
and the caller's key has the exponential distribution with mean 1 (weighted rendezvous hashing).
A caller moves from i to j if i is the least with the old weights and j with the new ones. With
r = E_j / E_i, this is the case for

    w_j / w_i  <  r  <  v_j / v_i                (w: the old weights, v: the new ones)

and if each other target k has E_k > E_i * m_k(r), where m_k(r) = max(w_k / w_i, r * v_k / v_j).
The density of r together with this condition is 1 / (1 + r + sum of m_k(r))**2. Each m_k has one
bend, so that the integral is a sum over pieces on which the denominator is a straight line. The
result is a fraction, without any rounding.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Weights = Mapping[str, int]
    Shares = Mapping[str, Fraction]


def shares(weights: Weights) -> Shares:
    """Return the share of each target; a weight is above 0."""
    total = sum(weights.values())
    return {name: Fraction(weight, total) for name, weight in weights.items()}


def moves(old: Weights, new: Weights) -> Mapping[tuple[str, str], Fraction]:
    """Return the share of all sticky callers for each pair between which some move.

    Args:
        old: The weights before; some weight is above 0.
        new: The weights after, of the same targets; some weight is above 0.
    """
    pairs = ((one, other) for one in old for other in new if one != other)
    found = {pair: _move(*pair, old, new) for pair in pairs}
    return {pair: share for pair, share in found.items() if share}


def least_possible(old: Weights, new: Weights) -> Fraction:
    """Return the share of callers that any method has to move."""
    before, after = shares(old), shares(new)
    return sum((max(after[name] - before[name], Fraction()) for name in old), Fraction())


def _move(source: str, goal: str, old: Weights, new: Weights) -> Fraction:
    """Return the share of callers that move from one target to another."""
    if not old[source] or not new[goal]:
        return Fraction()
    low = Fraction(old[goal], old[source])
    high = Fraction(new[goal], new[source]) if new[source] else None
    if high is not None and high <= low:
        return Fraction()
    others = [
        (Fraction(old[name], old[source]), Fraction(new[name], new[goal]))
        for name in old
        if name not in (source, goal)
    ]
    bends = {level / slope for level, slope in others if slope}
    inside = sorted(bend for bend in bends if low < bend and (high is None or bend < high))
    starts = [low, *inside]
    ends = [*inside, high]
    return sum((_piece(*piece, others) for piece in zip(starts, ends, strict=True)), Fraction())


def _piece(
    start: Fraction, end: Fraction | None, others: list[tuple[Fraction, Fraction]]
) -> Fraction:
    """Integrate 1 / (a + b r)**2 from start to end; an `end` of None is infinity."""
    rising = [slope for level, slope in others if slope and level / slope <= start]
    flat = [level for level, slope in others if not slope or level / slope > start]
    a, b = 1 + sum(flat), 1 + sum(rising)
    if end is None:
        return 1 / (b * (a + b * start))
    return (end - start) / ((a + b * start) * (a + b * end))
