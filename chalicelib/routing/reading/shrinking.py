"""A table that loses many models at once is taken for a mistake, unless it says that it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.reading.problems import InvalidTable, Problem

if TYPE_CHECKING:
    from chalicelib.routing.table import RoutingTable

MOST_LOST = 0.2
"""Of the models that were there: a table that loses more says `allow_shrink: true`."""


def check(new: RoutingTable, old: RoutingTable | None, file: str) -> None:
    """Whether the new one may take the place of the old one. When it loses too much: InvalidTable.

    `file` is what the problem calls the new one.
    """
    if old is None or new.allow_shrink:
        return
    lost = sorted(old.rows.keys() - new.rows.keys())
    if len(lost) > MOST_LOST * len(old.rows):
        raise InvalidTable([Problem(file, None, "models", _too_many(lost, old))])


def _too_many(lost: list[str], old: RoutingTable) -> str:
    names = ", ".join(lost[:3]) + (", …" if len(lost) > 3 else "")
    return (
        f"{len(lost)} of {len(old.rows)} models are gone ({names}), which is more than a fifth; "
        "say allow_shrink: true if that is meant"
    )
