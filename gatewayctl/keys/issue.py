"""`gatewayctl keys issue`: a new key, shown once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chalicelib.auth.key_document import ApiKey
from chalicelib.auth.principal import is_grant
from chalicelib.errors import quoted
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl.command import Command, Exit, Refused, Report
from gatewayctl.keys import document, listing, reach
from gatewayctl.keys.fresh_key import fresh_key
from gatewayctl.keys.outside import add_secret
from gatewayctl.keys.revision import Revision

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gatewayctl.keys.fresh_key import FreshKey
    from gatewayctl.keys.outside import Outside

END_RULE = (
    "a day such as 2027-06-30, to whose end in UTC it is good, or a time such as "
    "2027-06-30T12:00:00Z"
)


def command(outside: Outside) -> Command:
    run_with = partial(run, outside)
    return Command("keys issue", "make a key and show it once", add_arguments, run_with)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--principal", required=True, metavar="P", help="who will hold it")
    parser.add_argument(
        "--grants", required=True, metavar='"a b/*"', help="what it may call, with spaces between"
    )
    parser.add_argument("--expires", metavar="DATE", help=f"{END_RULE}; without it, never")
    add_secret(parser)


def run(outside: Outside, options: Namespace, locate: Callable[[], Path]) -> Report:
    now = outside.now()
    grants = tuple(dict.fromkeys(options.grants.split()))
    expires = None if options.expires is None else document.end(options.expires)
    reasons = [
        *document.problems(options.principal, [grant for grant in grants if is_grant(grant)]),
        *_grant_problems(grants, locate),
        *_end_problems(options.expires, expires, now),
    ]
    if reasons:
        raise Refused(reasons)
    revision = Revision(outside.store(options), now)
    fresh = fresh_key(outside.random, revision.keys)
    key = ApiKey(fresh.key_id, fresh.digest, options.principal, grants, expires, disabled=False)
    notes = revision.save(key)
    return shown(fresh, key, notes, now)


def shown(fresh: FreshKey, key: ApiKey, notes: list[str], now: int, **more: object) -> Report:
    """The key alone on stdout, so that a program can take it from there."""
    until = f"until {document.moment(key.expires)}" if key.expires else "without an end"
    about = f"key {key.key_id} of {key.principal}, {until}: {' '.join(key.grants)}"
    once = "it is shown this once; gateways know it after GATEWAY_KEYS_MAX_AGE at the latest"
    return Report(
        Exit.FINE,
        lines=[fresh.text],
        notes=[about, once, *notes],
        data={"key": fresh.text, **listing.as_data(key, now), **more},
    )


def _grant_problems(grants: tuple[str, ...], locate: Callable[[], Path]) -> Iterator[str]:
    if not grants:
        yield "--grants is empty; a key without a grant can call nothing"
        return
    path = locate()
    try:
        table = table_file.load(path)
    except InvalidTable as error:
        yield from map(str, error.problems)
    else:
        yield from reach.problems(grants, table, str(path))


def _end_problems(text: str | None, end: int | None, now: int) -> Iterator[str]:
    if text is None:
        return
    if end is None:
        yield f"--expires is {quoted(text)}; it must be {END_RULE}"
    elif end <= now:
        yield f"--expires is {quoted(text)}, which is past: it is {document.moment(now)}"
