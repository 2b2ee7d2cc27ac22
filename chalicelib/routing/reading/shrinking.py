"""The check that a new routing table does not lose many models by mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.reading.problems import InvalidTable, Problem

if TYPE_CHECKING:
    from chalicelib.routing.table import RoutingTable

MOST_LOST = 0.2
"""The share of the old table's models that a new one may lose without `allow_shrink: true`."""


def check(new: RoutingTable, old: RoutingTable | None, file: str) -> None:
    """Check that the new table may replace the old one.

    Args:
        file: The name of the new table in the problem.

    Raises:
        InvalidTable: The new table loses too many models and does not say `allow_shrink: true`.
    """
    if old is None or new.allow_shrink or new.digest == old.digest:
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
