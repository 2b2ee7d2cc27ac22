"""`gatewayctl policy`: writes the IAM policies of both functions, or checks those that exist."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chalicelib.settings import S3Location
from gatewayctl import stage as stages
from gatewayctl import tables
from gatewayctl.command import command
from gatewayctl.output import replace_file
from gatewayctl.policy import documents, folding
from gatewayctl.policy import place as places
from gatewayctl.policy.functions import functions_of
from gatewayctl.policy.needs import call_groups
from gatewayctl.policy.place import PLACE_RULES, Place
from gatewayctl.policy.secrets import shared_secrets
from gatewayctl.report import ExitCode, Refused, Report
from gatewayctl.stage import SECRET_VARIABLE, TABLE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from chalicelib.routing.table import RoutingTable
    from gatewayctl.command import Context
    from gatewayctl.policy.documents import HandlerPolicy
    from gatewayctl.policy.functions import Functions
    from gatewayctl.tables import TableFile

    Run = Callable[..., Report]


class Policies(NamedTuple):
    """The content of the policy files, and what the handler's policy allows beyond the table."""

    texts: dict[str, str]
    """The content of each file, by its path."""
    handler: HandlerPolicy
    folds: list[str]
    patterns: list[str]

    @property
    def handler_file(self) -> str:
        return next(iter(self.texts))


def _place_option(name: str) -> Callable[[Run], Run]:
    meaning = PLACE_RULES[name][1]
    text = f"For every ARN: {meaning}; else as in the file, else as your credentials say, else *."
    return click.option(f"--{name}", metavar=name[0].upper(), help=text)


@command("policy")
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is out of date.")
@_place_option("partition")
@_place_option("region")
@_place_option("account")
@click.option(
    "--allow-wider",
    is_flag=True,
    help="If the policy is too long, accept folds, which allow more than the table.",
)
def policy(context: Context, *, check: bool, allow_wider: bool, **place: str | None) -> Report:
    """Write the IAM policies that the table needs into the files that Chalice reads."""
    file = tables.load(context.table_path())
    options = places.checked(place)
    functions = functions_of(context.stage, context.project)
    if shared := list(shared_secrets(context.stage, context.project)):
        raise Refused(shared)
    files = [context.project / function.policy for function in functions]
    if check:
        written = Place(**places.written(files) | options)
        return _check(_policies(file.table, functions, written, context), file, place, context)
    chosen, place_notes = places.completed(options, files, context.connect)
    policies = _policies(file.table, functions, chosen, context)
    if policies.folds and not allow_wider:
        raise Refused(_too_wide(policies))
    for name, text in policies.texts.items():
        replace_file(context.project / name, text.encode("ascii"), name=name)
    wider = [f"allows {more}" for more in (*policies.folds, *policies.patterns)]
    notes = [f"{policies.handler_file}: {note}" for note in (*wider, *place_notes)]
    return Report(
        ExitCode.FINE,
        lines=list(policies.texts),
        notes=[*notes, _summary(policies, file)],
        data={"written": list(policies.texts), **_data(policies)},
    )


def _policies(
    table: RoutingTable, functions: Functions, place: Place, context: Context
) -> Policies:
    routing = stages.setting(TABLE_VARIABLE, context.stage, context.project)
    in_s3 = routing if isinstance(routing, S3Location) else None
    groups = call_groups(table.models())
    handler = documents.handler_policy(groups, functions.handler, place, in_s3)
    secret = stages.setting(SECRET_VARIABLE, context.stage, context.project)
    authorizer = documents.authorizer_policy(secret, functions.authorizer, place)
    return Policies(
        {
            functions.handler.policy: documents.as_file(handler.document),
            functions.authorizer.policy: documents.as_file(authorizer),
        },
        handler,
        folding.widened_by_folds(handler.groups),
        folding.widened_by_patterns(table.models()),
    )


def _check(
    policies: Policies, file: TableFile, place: Mapping[str, str | None], context: Context
) -> Report:
    stale = [name for name, text in policies.texts.items() if _read(context.project / name) != text]
    command_line = shlex.join(_command_line(place, context))
    return Report(
        ExitCode.FINDINGS if stale else ExitCode.FINE,
        lines=[f"{name}: not what {file.name} needs; run: {command_line}" for name in stale],
        notes=[f"{name}: as {file.name} needs it" for name in policies.texts if name not in stale],
        data={"stale": stale, "command": command_line, **_data(policies)},
    )


def _command_line(place: Mapping[str, str | None], context: Context) -> Iterator[str]:
    """Yield the words of the command that updates the files."""
    yield from ("gatewayctl", "policy", "--stage", context.stage)
    for name, value in [("table", context.table), *((one, place[one]) for one in PLACE_RULES)]:
        if value:
            yield from (f"--{name}", str(value))


def _too_wide(policies: Policies) -> Iterator[str]:
    for fold in policies.folds:
        yield f"would have to allow {fold}"
    yield (
        f"nothing was written: the table needs {policies.handler.unfolded:,} characters and IAM "
        f"allows {documents.LIMIT:,}; accept all that with --allow-wider, or give some models a "
        "gateway of their own"
    )


def _summary(policies: Policies, file: TableFile) -> str:
    return (
        f"{policies.handler_file}: {len(file.table)} models of {file.name}, "
        f"{policies.handler.characters:,} of {documents.LIMIT:,} characters, "
        f"{len(policies.folds)} folds"
    )


def _data(policies: Policies) -> dict[str, Any]:
    return {
        "characters": policies.handler.characters,
        "folds": policies.folds,
        "patterns": policies.patterns,
    }


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
