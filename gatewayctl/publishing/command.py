"""`gatewayctl publish`: a new table for running gateways, or an earlier one again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import aws, findings
from gatewayctl.command import Command, Refused, Report, WrongUse
from gatewayctl.publishing import listing, outcome
from gatewayctl.publishing.location import location
from gatewayctl.publishing.onlooker import Onlooker
from gatewayctl.publishing.publication import Publication, Wanted
from gatewayctl.publishing.store import TableStore

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from chalicelib.settings import S3Location

Connect = Callable[[str], Any]


def command(connect: Connect) -> Command:
    """`connect` makes a client for a service."""
    purpose = "put a table where running gateways find it, or an earlier one again"
    return Command("publish", purpose, add_arguments, partial(run, connect))


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("location", metavar="s3://BUCKET/KEY", help="where gateways look")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--back", metavar="VERSION", help="publish what it was in this version")
    instead.add_argument("--list", action="store_true", help="show its newest versions")
    parser.add_argument("--dry-run", action="store_true", help="show the changes, upload nothing")


def run(connect: Connect, options: Namespace, locate: Callable[[], Path]) -> Report:
    where = location(options.location)
    if options.list:
        return listing.report(TableStore(where, connect))
    try:
        if options.back is None:
            wanted = _of_file(locate())
            store = TableStore(where, connect)
        else:
            store = TableStore(where, connect)
            wanted = _of_version(store, options)
    except InvalidTable as error:
        return findings.report(error.problems)
    return _publish(Publication(store, wanted), where, options)


def _of_file(path: Path) -> Wanted:
    data = table_file.read_bytes(path)
    return Wanted(data, table_file.parse(data, str(path)), str(path))


def _of_version(store: TableStore, options: Namespace) -> Wanted:
    if options.table is not None:
        raise WrongUse("--back takes the table from the bucket; leave out --table")
    held = store.earlier(options.back)
    origin = f"{store.name} as of {options.back}"
    if held.data is None:
        way_out = f"if it is right all the same: {outcome.by_hand(store, options.back)}"
        raise Refused([f"{origin}: {held.flaw}; {way_out}"])
    return Wanted(held.data, table_file.parse(held.data, origin), origin)


def _publish(publication: Publication, where: S3Location, options: Namespace) -> Report:
    if problems := publication.problems:
        return outcome.report(publication, _refusal(publication.store, options), problems)
    notes = [outcome.unchanged(publication)] if publication.is_live else []
    if publication.is_live and publication.is_compiled:
        return outcome.report(publication, notes)
    if options.dry_run:
        return outcome.report(publication, [*notes, "dry run: nothing was uploaded"])
    if publication.is_live:
        publication.compile()
        return outcome.report(publication, [*notes, "the compiled form was made anew"])
    onlooker = Onlooker(where)
    version = publication.publish()
    objection = onlooker.objection(publication.wanted.table.digest)
    return outcome.published(publication, version, objection)


def _refusal(store: TableStore, options: Namespace) -> list[str]:
    notes = ["nothing was published"]
    if options.back is not None:
        line = outcome.by_hand(store, options.back, outcome.MEANT)
        notes.append(f"to go back all the same: {line}")
    return notes


COMMAND = command(aws.client)
