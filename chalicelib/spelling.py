"""What a misspelt word was meant to be."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LIKENESS = 0.65  # `route` is like `routing`, `region` is not like `version`


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that this one resembles or begins, if there is one."""
    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=LIKENESS)
    begun = [name for name in lower if name.startswith(f"{word.lower()}_")]
    return next((lower[name] for name in close + begun), None)


def meant(word: str, known: Iterable[str]) -> str:
    """The way out for an unknown word: the one it resembles, else all that there are."""
    close = closest(word, known)
    return f"did you mean {close}?" if close else f"known here: {', '.join(known)}"
