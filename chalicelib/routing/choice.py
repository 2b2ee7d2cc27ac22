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
    from collections.abc import Iterable, Sequence

    from chalicelib.routing.named_targets import NamedTarget

_BITS = 52  # with one more for the half, a number of so many bits is exact as a float


def order(
    entry: str, targets: Sequence[NamedTarget], fallback: Iterable[str], key: str | None
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
        first = max(weighted, key=lambda one: score(entry, one, key))
    by_name = {one.name: one for one in targets}
    return (first, *(by_name[name] for name in fallback if name != first.name))


def score(entry: str, target: NamedTarget, key: str) -> float:
    """Return the score of a target with a weight; over many keys, its share is its weight's."""
    # Neither of the two names can hold a line break, so the three cannot be mistaken for others.
    text = f"{entry}\n{target.name}\n{key}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest[:8], "big") >> (64 - _BITS)
    return -target.weight / math.log((number + 0.5) / 2**_BITS)
