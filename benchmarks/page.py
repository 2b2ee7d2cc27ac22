"""docs/performance.md: what stands between its markers is written by `make bench`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.packages import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = ROOT / "docs/performance.md"
BLOCK = re.compile(r"(<!-- bench: (\w+) -->\n)(?:(?!<!--).)*(<!-- end -->)", re.DOTALL)


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """The page with these blocks. When its places are for other ones: ValueError."""
    places = {match[2] for match in BLOCK.finditer(text)}
    if places != blocks.keys():
        raise ValueError(
            f"docs/performance.md has places for {sorted(places)}, not {sorted(blocks)}"
        )
    return BLOCK.sub(lambda match: f"{match[1]}{blocks[match[2]]}\n{match[3]}", text)


def write(blocks: Mapping[str, str]) -> None:
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")
