"""`gatewayctl publish`: a new table for running gateways, or an earlier one again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chalicelib.routing.reading import file as table_file
from gatewayctl import tables
from gatewayctl.command import command
from gatewayctl.publishing import listing, outcome
from gatewayctl.publishing.location import location as checked
from gatewayctl.publishing.onlooker import Onlooker
from gatewayctl.publishing.publication import Publication, Wanted
from gatewayctl.publishing.store import TableStore
from gatewayctl.report import Refused, Report, WrongUse

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.settings import S3Location
    from gatewayctl.command import Context


@command("publish")
@click.argument("location", metavar="s3://BUCKET/KEY")
@click.option("--back", metavar="VERSION", help="Publish the table of this version again.")
@click.option("--list", "is_list", is_flag=True, help="Show the newest versions.")
@click.option("--dry-run", is_flag=True, help="Show the changes, and upload nothing.")
def publish(
    context: Context, *, location: str, back: str | None, is_list: bool, dry_run: bool
) -> Report:
    """Put a table where running gateways find it, or an earlier one again."""
    if is_list and back is not None:
        raise WrongUse("--list and --back cannot be combined; give one of them")
    where = checked(location)
    if is_list:
        return listing.report(TableStore(where, context.connect))
    if back is None:
        wanted = _of_file(context.table_path())
        store = TableStore(where, context.connect)
    else:
        store = TableStore(where, context.connect)
        wanted = _of_version(store, back, context.table)
    return _publish(Publication(store, wanted), where, back, dry_run=dry_run)


def _of_file(path: Path) -> Wanted:
    file = tables.load(path)
    return Wanted(file.data, file.table, file.name)


def _of_version(store: TableStore, version: str, table: Path | None) -> Wanted:
    if table is not None:
        raise WrongUse("--back takes the table from the bucket; leave out --table")
    held = store.earlier(version)
    origin = f"{store.name} as of {version}"
    if held.data is None:
        way_out = f"if it is right all the same: {outcome.by_hand(store, version)}"
        raise Refused([f"{origin}: {held.flaw}; {way_out}"])
    return Wanted(held.data, table_file.parse(held.data, origin), origin)


def _publish(
    publication: Publication, where: S3Location, back: str | None, *, dry_run: bool
) -> Report:
    if problems := publication.problems:
        return outcome.report(publication, _refusal(publication.store, back), problems)
    notes = [outcome.unchanged(publication)] if publication.is_live else []
    if publication.is_live and publication.is_compiled:
        return outcome.report(publication, notes)
    if dry_run:
        return outcome.report(publication, [*notes, "dry run: nothing was uploaded"])
    if publication.is_live:
        publication.compile()
        return outcome.report(publication, [*notes, "the compiled form was made anew"])
    onlooker = Onlooker(where)
    version = publication.publish()
    objection = onlooker.objection(publication.wanted.table.digest)
    return outcome.published(publication, version, objection)


def _refusal(store: TableStore, back: str | None) -> list[str]:
    notes = ["nothing was published"]
    if back is not None:
        line = outcome.by_hand(store, back, outcome.MEANT)
        notes.append(f"to go back all the same: {line}")
    return notes
