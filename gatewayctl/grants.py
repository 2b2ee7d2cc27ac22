"""Tells which grants cover a model of a table, and what was meant by one that covers none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.auth.principal import EVERYTHING, GRANT_RULE, OK, Principal, is_grant
from chalicelib.errors import closest, quoted
from chalicelib.routing.table import row_key
from gatewayctl import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.routing.table import RoutingTable


def grant_problems(grants: Sequence[str], table: RoutingTable, file: str) -> Iterator[str]:
    """Yield a line for each grant that is invalid, or that covers no model of the table."""
    for grant in grants:
        if not is_grant(grant):
            yield f"{quoted(grant)} is not a grant; a grant is {GRANT_RULE}"
        elif not covers_a_model(grant, table):
            meant = _meant_grant(grant, table)
            advice = f"; did you mean {meant}?" if meant else ""
            yield f"no model of {file} could match the grant {quoted(grant)}{advice}"


def covers_a_model(grant: str, table: RoutingTable) -> bool:
    """Whether the gateway would show a model to a caller who has this grant alone."""
    holder = Principal({"outcome": OK, "principal": "", "grants": grant}, now=0)
    granted = holder.granted_models()
    models = table.models(keys=granted.row_keys())
    return any(granted.values(model) is not None for model in models)


def _meant_grant(grant: str, table: RoutingTable) -> str | None:
    """Return the closest name of a model, or the closest values for a model with parameters."""
    first, *values = grant.split("/")
    if row_key(first, len(values)) not in table.rows:
        return closest(grant, table.rows)
    parameters = table.find(grant).model.parameters
    meant = [
        value if value == EVERYTHING else tables.closest_value(value, parameter)
        for value, parameter in zip(values, parameters, strict=True)
    ]
    return "/".join([first, *filter(None, meant)]) if all(meant) else None
