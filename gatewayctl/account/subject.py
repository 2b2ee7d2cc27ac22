"""An entry of the table, and the endpoint that it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.account.values import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.routing import table
    from chalicelib.routing.targets import Target
    from gatewayctl.account.reader import AccountReader
    from gatewayctl.account.values import Endpoint, Variant


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared, and the account for whatever else there is to look up."""

    entry: table.Model
    row: table.Row
    """The entry as the table says it, where lists still have their order."""
    endpoint: Endpoint
    account: AccountReader

    @property
    def target(self) -> Target:
        return self.entry.target

    @property
    def variants(self) -> Sequence[Variant]:
        """Those that a call may reach."""
        chosen = self.target.target_variant
        return [one for one in self.endpoint.variants if chosen in {None, one.name}]

    @property
    def models(self) -> Sequence[Model]:
        """The models of these variants, but those that could not be read."""
        return [one.model for one in self.variants if isinstance(one.model, Model)]
