"""Distributes test files over pytest-xdist's workers, so that expensive fixtures start once.

A file runs on one worker. Files that use the same expensive fixture run on the same worker, and
start before all others.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from tests.support.paths import ROOT

if TYPE_CHECKING:
    import pytest
    from xdist.scheduler import LoadScopeScheduling

# By group: a file belongs to the first group whose pattern its path or its text has.
EXPENSIVE = {
    "emulated AWS": re.compile(r"^tests/deployed/emulated/"),
    "processes of jobs": re.compile(r"^tests/faults/test_jobs_"),
    "demo that people changed": re.compile(r"\bdrifted_demo\b"),
    "demo": re.compile(r"def \w+\([^)]*\b(demo|demo_gateway|put)\b"),
}
SLOW_FOLDERS = tuple(
    f"tests/{name}" for name in ("deployed", "browser", "examples", "integration", "faults")
)


@cache
def group_of(file: str) -> str:
    """Return the name of the group, or the file itself."""
    text = file + "\n" + (ROOT / file).read_text(encoding="utf-8")
    return next((name for name, pattern in EXPENSIVE.items() if pattern.search(text)), file)


def rank(item: pytest.Item) -> int:
    """Return the place of a test in the run: expensive groups, then slow folders, then the rest."""
    file = item.nodeid.partition("::")[0]
    group = group_of(file)
    if group != file:
        return list(EXPENSIVE).index(group)
    return len(EXPENSIVE) + (not file.startswith(SLOW_FOLDERS))


def make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Build the scheduler; it keeps the order in which tests were collected."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 (only with pytest-xdist)

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid.partition("::")[0])

    config.option.loadscopereorder = False
    return ByGroup(config, log)
