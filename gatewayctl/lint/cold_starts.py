"""Deadlines that leave an artifact no time to be loaded.

A multi-model endpoint downloads, unpacks and loads an artifact when it is first asked for, and
again after it had to make room. That takes seconds for a small model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayctl.lint.subject import Entry, Keys, Remark, Subject

LEAST_SECONDS = 5


def no_time_to_load(subject: Subject) -> Iterator[Remark]:
    """One for each `timeout_seconds` that is too short, which may be that of the defaults."""
    affected: dict[tuple[Keys, bool], list[Entry]] = {}
    for entry in subject.entries():
        if _is_too_short(subject, entry):
            waits = entry.model.cold_start == "wait"
            affected.setdefault((entry.where("timeout_seconds"), waits), []).append(entry)
    for (keys, waits), entries in affected.items():
        yield keys, _text(entries, waits=waits)


def _is_too_short(subject: Subject, entry: Entry) -> bool:
    """Somebody who writes `cold_start: refuse` wants it that way."""
    model = entry.model
    is_meant = model.cold_start == "refuse" and subject.is_said(entry, "cold_start")
    is_cold = "TargetModel" in model.target.invoke_args()
    return is_cold and not is_meant and model.timeout_seconds < LEAST_SECONDS


def _text(entries: list[Entry], *, waits: bool) -> str:
    first = entries[0].model
    more = f" and {len(entries) - 1:,} more" if len(entries) > 1 else ""
    useless = " in spite of 'cold_start: wait'" if waits else ""
    return (
        f"{first.timeout_seconds:g} s are hardly enough to load the artifact of "
        f"{first.name}{more}, so a first call is answered 503 model-not-ready{useless}; give it "
        f"{LEAST_SECONDS} s or more, or write 'cold_start: refuse' if that is meant"
    )
