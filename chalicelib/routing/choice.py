"""Which of a model's targets a request goes to: by its key, or by chance.

With a key the choice is weighted rendezvous hashing: each target gets a score from its weight and a
hash of the entry, the target and the key, and the greatest score wins. So a key has the same target
in every process, whatever the order in the table, and new weights move only keys that have to move:
towards a target that has gained weight, or away from one that has lost it (decision 20).
"""

from __future__ import annotations

import hashlib
import math
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from chalicelib.routing.named_targets import NamedTarget

# With one bit for the half, a number of 52 bits is exact as a float, and its share is below 1.
_SHIFT, _NUMBERS = 12, 2**52


def order(
    entry: str, targets: Sequence[NamedTarget], fallback: Collection[str], key: str | None
) -> tuple[NamedTarget, ...]:
    """Return the targets in the order in which one request tries them.

    The first one is chosen by weight; then follow the fallbacks.

    Args:
        entry: The name of the entry in the table.
        targets: Its targets. At least one has a weight above 0.
        fallback: Names of targets.
        key: What keeps the caller at one target; None for a choice by chance.
    """
    weighted = [one for one in targets if one.weight]
    if key is None:
        (first,) = random.choices(weighted, [one.weight for one in weighted])
    else:
        scores = [score(entry, one.name, key, one.weight) for one in weighted]
        first = weighted[scores.index(max(scores))]
    by_name = {one.name: one for one in targets} if fallback else {}
    return (first, *(by_name[name] for name in fallback if name != first.name))


def score(entry: str, target: str | None, key: str, weight: int) -> float:
    """Return the score of a target; the share of keys for which it wins is its weight's."""
    # Neither of the two names can hold a line break, so the three cannot be mistaken for others.
    text = f"{entry}\n{target}\n{key}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> _SHIFT
    return -weight / math.log((number + 0.5) / _NUMBERS)
