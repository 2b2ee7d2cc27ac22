"""`gatewayctl keys disable`: a key that is not good any more."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gatewayctl.command import Command, Exit, Refused, Report
from gatewayctl.keys import listing
from gatewayctl.keys.outside import add_secret
from gatewayctl.keys.revision import Revision

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from pathlib import Path

    from gatewayctl.keys.outside import Outside

LAG = "60 s + GATEWAY_KEYS_MAX_AGE"


def command(outside: Outside) -> Command:
    run_with = partial(run, outside)
    return Command("keys disable", "end a key, for good", add_arguments, run_with)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the id of the key, see keys list")
    add_secret(parser)


def run(outside: Outside, options: Namespace, _: Callable[[], Path]) -> Report:
    now = outside.now()
    revision = Revision(outside.store(options), now)
    key = revision.find(options.id)
    if key.disabled:
        raise Refused([f"the key {key.key_id} is disabled already"])
    key = replace(key, disabled=True)
    notes = revision.save(key)
    done = f"key {key.key_id} of {key.principal} is disabled; gateways refuse it within {LAG}"
    return Report(Exit.FINE, lines=[], notes=[done, *notes], data=listing.as_data(key, now))
