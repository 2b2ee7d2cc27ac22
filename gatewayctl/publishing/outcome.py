"""What there is to say about a publication, and about what became of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from chalicelib.routing.reading.problems import Problem
from gatewayctl import tables
from gatewayctl.publishing.difference import counted
from gatewayctl.publishing.store import UNVERSIONED
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gatewayctl.publishing.publication import Publication
    from gatewayctl.publishing.store import TableStore

EARLIER = "earlier.yaml"
MEANT = f"printf '\\nallow_shrink: true\\n' >> {EARLIER}"


def report(
    publication: Publication,
    notes: Iterable[str],
    problems: Sequence[Problem] = (),
    **done: Any,
) -> Report:
    """The changes, what is against them, and what was done."""
    table, before = publication.wanted.table, publication.before.table
    return Report(
        ExitCode.FINDINGS if problems else ExitCode.FINE,
        lines=[*map(str, publication.changes), *map(str, problems)],
        notes=[*_about(publication), *notes],
        data={
            "location": publication.store.name,
            "sha256": table.digest,
            "models": len(table),
            "replaces": before and before.digest,
            "changes": [change.as_data() for change in publication.changes],
            "findings": [tables.as_data(problem) for problem in problems],
            "published": False,
            "version": None,
            "back": None,
            **done,
        },
    )


def unchanged(publication: Publication) -> str:
    """Why there is no table to publish, though there may be a compiled form."""
    digest = publication.wanted.table.digest
    said = f"{publication.store.name}: nothing changed; table {digest[:12]} is live"
    if publication.is_compiled:
        return said
    return f"{said}, and its compiled form is missing or of another table"


def published(publication: Publication, version: str | None, objection: str | None) -> Report:
    """What was done, how to undo it, and whether gateways can use it."""
    name, table = publication.store.name, publication.wanted.table
    done = f"version {version}" if version else "published"
    earlier = _earlier(publication, version)
    notes = [
        f"{name}: {done}, {len(table)} models, table {table.digest[:12]}; "
        "gateways have it after GATEWAY_ROUTING_MAX_AGE at the latest"
    ]
    if version is None:
        notes.append(_keeps_none(publication.store))
    elif earlier:
        back = f"python -m gatewayctl publish {shlex.quote(name)} --back {earlier}"
        notes.append(f"to go back: {back}")
    against = f"published, but a gateway that looks now does not have it: {objection}"
    problems = [Problem(name, None, "", against)] if objection else []
    return report(publication, notes, problems, published=True, version=version, back=earlier)


def by_hand(store: TableStore, version: str, *edits: str) -> str:
    """The command line that publishes the file of a version, after these edits of it."""
    get = (
        f"aws s3api get-object --bucket {store.bucket} --key {shlex.quote(store.key)} "
        f"--version-id {shlex.quote(version)} {EARLIER}"
    )
    publish = f"python -m gatewayctl publish {shlex.quote(store.name)} --table {EARLIER}"
    return " && ".join([get, *edits, publish])


def _earlier(publication: Publication, version: str | None) -> str | None:
    """The version with the table from before, if the bucket has kept it."""
    before = publication.before
    if version is None or before.table is None:
        return None
    return before.version or UNVERSIONED  # it is older than the bucket's versions


def _keeps_none(store: TableStore) -> str:
    return (
        "warning: the bucket keeps no versions, so there is no going back; turn them on: "
        f"aws s3api put-bucket-versioning --bucket {store.bucket} "
        "--versioning-configuration Status=Enabled"
    )


def _about(publication: Publication) -> Iterator[str]:
    name, wanted, before = publication.store.name, publication.wanted, publication.before
    if before.remark:
        instead = f"version {before.version}" if before.table else "nothing"
        yield f"{name}: {before.remark}; compared with {instead}"
    elif before.table is None:
        yield f"{name}: nothing has been there before"
    if before.table is not None and before.table.digest != wanted.table.digest:
        said = counted(publication.changes) if publication.changes else "the same in other words"
        yield f"{wanted.origin}: {len(wanted.table)} models, {said}"
    if wanted.table.allow_shrink:
        yield "warning: allow_shrink: true lets every later table lose models too; take it out soon"
