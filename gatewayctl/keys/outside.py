"""What the commands are handed from outside."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from secrets import SystemRandom
from typing import TYPE_CHECKING, Any

from gatewayctl import aws, secret_name
from gatewayctl.keys.store import KeyStore

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from random import Random


@dataclass(frozen=True, slots=True)
class Outside:
    """AWS, the time and chance."""

    connect: Callable[[str], Any] = aws.client
    clock: Callable[[], float] = time.time
    random: Random = field(default_factory=SystemRandom)

    def store(self, options: Namespace) -> KeyStore:
        """The secret that these options mean."""
        name = secret_name.locate(
            options.secret, options.stage, options.environment, options.project
        )
        return KeyStore(name, self.connect)

    def now(self) -> int:
        """The second since the epoch that has begun."""
        return int(self.clock())


def add_secret(parser: ArgumentParser) -> None:
    """The option that names the secret."""
    parser.add_argument(
        "--secret",
        metavar="NAME",
        help="the secret with the keys; else GATEWAY_KEYS_SECRET, else the stage's in "
        ".chalice/config.json, else inference-gateway/keys",
    )
