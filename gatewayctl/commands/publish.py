"""`gatewayctl publish`: uploads a table to S3 for running gateways, or an earlier table again."""

from __future__ import annotations

import shlex
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from chalicelib.routing.reading.file import compiled_key
from chalicelib.routing.reading.problems import Problem
from chalicelib.settings import S3Location, routing_location
from chalicelib.telemetry import TABLE_DIGITS
from gatewayctl import tables
from gatewayctl.command import command, secret_option
from gatewayctl.output import columns, plural
from gatewayctl.publishing import emptied_grants, origin
from gatewayctl.publishing.changes import counted
from gatewayctl.publishing.publication import GatewayCheck, Publication
from gatewayctl.publishing.store import MAX_VERSIONS, UNVERSIONED, TableStore
from gatewayctl.report import ExitCode, Refused, Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gatewayctl.command import Context
    from gatewayctl.publishing.store import Version
    from gatewayctl.tables import TableFile

SUFFIXES = ("yaml", "yml")
HEADINGS = ("version", "date", "table", "models", "", "author", "comment")
PREVIOUS = ""
"""The value of `--back` without a version."""
EARLIER = "earlier.yaml"
ALLOW_SHRINK = f"printf '\\nallow_shrink: true\\n' >> {EARLIER}"


@command("publish")
@click.argument("location", metavar="s3://BUCKET/KEY", required=False)
@click.option(
    "--back",
    is_flag=False,
    flag_value=PREVIOUS,
    metavar="[VERSION]",
    help="Publish an earlier table again: of this version or digest, else the previous one.",
)
@click.option(
    "-m", "--message", default="", metavar="TEXT", help="Why it is published, for --list."
)
@click.option("--list", "is_list", is_flag=True, help="Show the newest versions.")
@click.option("--dry-run", is_flag=True, help="Show the changes, and upload nothing.")
@secret_option
def publish(
    context: Context,
    *,
    location: str | None,
    back: str | None,
    message: str,
    is_list: bool,
    dry_run: bool,
    secret: str | None,
) -> Report:
    """Upload a table to S3 for running gateways, or go back to an earlier one.

    If the new table lacks models or values, the API keys whose grants cover no model any more are
    listed: those of the stages that use this table, else of --stage.
    """
    if location is None and back is not None:  # `--back` has taken the location for its value
        location, back = back or None, PREVIOUS
    if location is None:
        raise WrongUse("name the table in S3: gatewayctl publish s3://<bucket>/<key>.yaml")
    if is_list and (back is not None or message):
        option = "--message" if back is None else "--back"
        raise WrongUse(f"--list and {option} cannot be combined; give one of them")
    origin.check(message)
    where = table_location(location)
    if is_list:
        return _list(TableStore(where, context.connect))
    if back is None:
        new = tables.load(context.table_path())
        store = TableStore(where, context.connect)
    else:
        store = TableStore(where, context.connect)
        if context.table is not None:
            raise WrongUse("--back takes the table from the bucket; leave out --table")
        back = store.version(back) if back != PREVIOUS else store.previous()
        new = _earlier_table(store, back)
    publication = Publication(store, new, partial(emptied_grants.compared, context, secret))

    def publish_it() -> str | None:
        return publication.publish(origin.of(context.connect, message))

    return _publish(
        publication, where, back, publish_it, has_message=bool(message), dry_run=dry_run
    )


def table_location(text: str) -> S3Location:
    """Return the S3 object that a location names.

    Raises:
        WrongUse: A table cannot be stored there.
    """
    try:
        found = routing_location(text)
    except ValueError:
        found = None
    if not isinstance(found, S3Location):
        raise WrongUse(f"{text!r} names no object; write s3://<bucket>/<key>.yaml")
    stem, _, suffix = found.key.rpartition(".")
    if suffix == "json":
        better = f"s3://{found.bucket}/{stem}.yaml"
        raise WrongUse(f"{text} would be its own compiled form; name it {better}")
    if suffix not in SUFFIXES:
        raise WrongUse(f"{text} does not end in .yaml or .yml; name it {text}.yaml")
    if compiled_key(found.key) != f"{stem}.json":
        rule = "a key is made of names with one '/' between two, and none of them is '.'"
        raise WrongUse(f"{text} is a key whose compiled form would not be found; {rule}")
    return found


def _list(store: TableStore) -> Report:
    versions = store.versions()
    notes = [f"{store.name}: {len(versions)} versions; at most {MAX_VERSIONS} are listed"]
    if not any(version.is_live for version in versions):
        notes.append(f"{store.name}: no table is stored there now")
    return Report(
        ExitCode.FINE,
        lines=columns([HEADINGS, *map(_cells, versions)]) if versions else [],
        notes=notes,
        data={"location": store.name, "versions": [_version_data(one) for one in versions]},
    )


def _cells(version: Version) -> tuple[str, ...]:
    digest = version.digest[:TABLE_DIGITS] if version.digest else "none"
    models = version.models or "unknown"
    live = "live" if version.is_live else ""
    author = (version.author or "").split(":", 5)[-1]
    return version.id, _timestamp(version), digest, models, live, author, version.comment or ""


def _version_data(version: Version) -> dict[str, Any]:
    models = version.models or ""
    return {
        "version": version.id,
        "date": _timestamp(version),
        "sha256": version.digest,
        "models": int(models) if models.isdecimal() else None,
        "live": version.is_live,
        "author": version.author,
        "comment": version.comment,
    }


def _timestamp(version: Version) -> str:
    return f"{version.modified.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _earlier_table(store: TableStore, version: str) -> TableFile:
    stored = store.earlier(version)
    name = f"{store.name} as of {version}"
    if stored.data is None:
        remedy = f"to publish it anyway: {_manual_commands(store, version)}"
        raise Refused([f"{name}: {stored.problem}; {remedy}"])
    return tables.parse(stored.data, name)


def _publish(
    publication: Publication,
    where: S3Location,
    back: str | None,
    publish_it: Callable[[], str | None],
    *,
    has_message: bool,
    dry_run: bool,
) -> Report:
    if problems := publication.problems:
        notes = ["nothing was published"]
        if back is not None:
            commands = _manual_commands(publication.store, back, ALLOW_SHRINK)
            notes.append(f"to go back anyway: {commands}")
        return _report(publication, notes, problems)
    notes = [_unchanged(publication)] if publication.is_live else []
    if publication.is_live and has_message:
        notes.append("the message was not stored, because no version was made")
    if publication.is_live and publication.is_compiled:
        return _report(publication, notes)
    if dry_run:
        return _report(publication, [*notes, "dry run: nothing was uploaded"])
    if publication.is_live:
        publication.compile()
        return _report(publication, [*notes, "the compiled form was written again"])
    check = GatewayCheck(where)
    version = publish_it()
    return _published(publication, version, check.problem(publication.new.table.digest))


def _report(
    publication: Publication,
    notes: Iterable[str],
    problems: Sequence[Problem] = (),
    **data: Any,
) -> Report:
    """Report the changes, the problems that prevent them, and what was done."""
    table, previous = publication.new.table, publication.previous.table
    keys = publication.keys
    return Report(
        ExitCode.FINDINGS if problems else ExitCode.FINE,
        lines=[*map(str, publication.changes), *map(str, keys.emptied), *map(str, problems)],
        notes=[*_comparison(publication), *keys.notes(), *notes],
        data={
            "location": publication.store.name,
            "sha256": table.digest,
            "models": len(table),
            "replaces": previous and previous.digest,
            "changes": [change.as_data() for change in publication.changes],
            "keys": keys.as_data(),
            "findings": [tables.as_data(problem) for problem in problems],
            "published": False,
            "version": None,
            "back": None,
            **data,
        },
    )


def _published(publication: Publication, version: str | None, problem: str | None) -> Report:
    """Report the new version, how to go back, and why gateways cannot use the table if so."""
    name, table = publication.store.name, publication.new.table
    done = f"version {version}" if version else "published"
    earlier = _version_before(publication, version)
    notes = [
        f"{name}: {done}, {plural(len(table), 'model')}, table {table.digest[:TABLE_DIGITS]}; "
        "gateways have it after GATEWAY_ROUTING_MAX_AGE at the latest"
    ]
    if version is None:
        notes.append(
            "warning: the bucket keeps no versions, so you cannot go back; turn them on: "
            f"aws s3api put-bucket-versioning --bucket {publication.store.bucket} "
            "--versioning-configuration Status=Enabled"
        )
    elif earlier:
        back = f"gatewayctl publish {shlex.quote(name)} --back {shlex.quote(earlier)}"
        notes.append(f"to go back: {back}")
    text = f"published, but gateways do not use it: {problem}"
    problems = [Problem(name, None, "", text)] if problem else []
    return _report(publication, notes, problems, published=True, version=version, back=earlier)


def _unchanged(publication: Publication) -> str:
    digest = publication.new.table.digest
    text = f"{publication.store.name}: nothing changed; table {digest[:TABLE_DIGITS]} is live"
    if publication.is_compiled:
        return text
    return f"{text}, and its compiled form is missing or not the one that it names"


def _manual_commands(store: TableStore, version: str, *edits: str) -> str:
    """Return the shell commands that download a version, edit its file, and publish the file."""
    get = (
        f"aws s3api get-object --bucket {store.bucket} --key {shlex.quote(store.key)} "
        f"--version-id {shlex.quote(version)} {EARLIER}"
    )
    publish = f"gatewayctl publish {shlex.quote(store.name)} --table {EARLIER}"
    return " && ".join([get, *edits, publish])


def _version_before(publication: Publication, version: str | None) -> str | None:
    """Return the version with the previous table, if the bucket has kept it."""
    previous = publication.previous
    if version is None or previous.table is None:
        return None
    return previous.version or UNVERSIONED  # stored before the bucket kept versions


def _comparison(publication: Publication) -> Iterator[str]:
    """Yield notes: which table the new one was compared with, and how many models change."""
    name, new, previous = publication.store.name, publication.new, publication.previous
    if previous.remark:
        instead = f"version {previous.version}" if previous.table else "nothing"
        yield f"{name}: {previous.remark}; compared with {instead}"
    elif previous.table is None:
        yield f"{name}: no table was stored there before"
    if previous.table is not None and previous.table.digest != new.table.digest:
        count = counted(publication.changes) if publication.changes else "no value changed"
        yield f"{new.name}: {plural(len(new.table), 'model')}, {count}"
    if new.table.allow_shrink:
        yield "warning: allow_shrink: true lets every later table lose models too; remove it soon"
