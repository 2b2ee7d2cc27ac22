"""What a part of the project holds in memory."""

from __future__ import annotations

import tracemalloc

from tests.support.paths import ROOT


def allocated_by(*folders: str) -> int:
    """Return the bytes that the code in these folders has allocated and that are still held.

    `tracemalloc` traces the whole process; without this choice, the threads that other tests have
    left would count, too.
    """
    own = [
        tracemalloc.Filter(inclusive=True, filename_pattern=f"{ROOT / one}/*") for one in folders
    ]
    traced = tracemalloc.take_snapshot().filter_traces(own)
    return sum(one.size for one in traced.traces)
