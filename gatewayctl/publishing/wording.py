"""How the values of a table look on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 72
CONTEXT = 12
"""How much is left of what two long texts have in common, on either side."""

NAMED = 5


def plain(value: Any) -> str:
    """As the table says it, but for what would not stay on its line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(plain, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text if text.isprintable() and text == text.strip() else repr(text)


def some(names: Sequence[str]) -> str:
    """The first few."""
    return ", ".join([*names[:NAMED], *(["…"] if len(names) > NAMED else [])])


def arrow(old: str, new: str) -> str:
    """From one text to another; where they are long, around what differs."""
    if max(len(old), len(new)) > LONGEST:
        start = _shared(old, new)
        end = _shared(old[start:][::-1], new[start:][::-1])
        old, new = (_around(text, start, len(text) - end) for text in (old, new))
    return f"{old} → {new}"


def list_change(old: Any, new: Any) -> str | None:
    """What came to a long list and what went from it. None where an arrow says it better."""
    if not (isinstance(old, list) and isinstance(new, list)):
        return None
    came = [plain(one) for one in new if one not in old]
    went = [plain(one) for one in old if one not in new]
    if max(len(plain(old)), len(plain(new))) <= LONGEST or not (came or went):
        return None
    parts = [
        f"{len(values)} {what} ({some(values)})"
        for values, what in ((came, "added"), (went, "removed"))
        if values
    ]
    return f"{len(old)} → {len(new)} values: {', '.join(parts)}"


def _shared(one: str, other: str) -> int:
    """How many characters they begin with together."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _around(text: str, start: int, end: int) -> str:
    first = max(start - CONTEXT, 0)
    last = min(end + CONTEXT, first + LONGEST, len(text))
    return ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")
