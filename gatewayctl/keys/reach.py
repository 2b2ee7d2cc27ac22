"""Whether a grant leads anywhere in a routing table."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from chalicelib.auth.principal import EVERYTHING, GRANT_RULE, OK, Principal, is_grant
from chalicelib.errors import closest, quoted
from chalicelib.routing.table import row_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.table import RoutingTable


def problems(grants: Sequence[str], table: RoutingTable, file: str) -> Iterator[str]:
    """A line for each grant that is none, or that no model of the table could match."""
    for grant in grants:
        if not is_grant(grant):
            yield f"{quoted(grant)} is not a grant; a grant is {GRANT_RULE}"
        elif not _leads_somewhere(grant, table):
            meant = _meant(grant, table)
            advice = f"; did you mean {meant}?" if meant else ""
            yield f"no model of {file} could match the grant {quoted(grant)}{advice}"


def _leads_somewhere(grant: str, table: RoutingTable) -> bool:
    """As the gateway decides it for somebody who has that grant alone."""
    holder = Principal({"outcome": OK, "principal": "", "grants": grant}, now=0)
    return any(holder.visible(model) is not None for model in table.models())


def _meant(grant: str, table: RoutingTable) -> str | None:
    """The model that it resembles; of the model that it names, the values that it resembles."""
    first, *values = grant.split("/")
    if row_key(first, len(values)) not in table.rows:
        return closest(grant, table.rows)
    parameters = table.find(grant).model.parameters
    meant = [_meant_value(*pair) for pair in zip(values, parameters, strict=True)]
    return "/".join([first, *meant]) if all(meant) else None


# Never `*` for a value: nobody means that by a typing error, and it would grant much more.
def _meant_value(value: str, parameter: Parameter) -> str:
    if value == EVERYTHING or parameter.rule.admits(value):
        return value
    listed = parameter.rule.described().get("one_of", ())
    return closest(value, cast("list[str]", listed)) or ""
