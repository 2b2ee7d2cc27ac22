"""`gatewayctl keys …`: the rows of the group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.keys import disable, issue, listing, rotate
from gatewayctl.keys.outside import Outside

if TYPE_CHECKING:
    from gatewayctl.command import Command

GROUP = "keys"
PURPOSE = "API keys: issue, list, disable or rotate them"


def commands(outside: Outside) -> tuple[Command, ...]:
    return tuple(module.command(outside) for module in (issue, listing, disable, rotate))


COMMANDS = commands(Outside())
