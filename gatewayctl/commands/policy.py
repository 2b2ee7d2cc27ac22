"""`gatewayctl policy`: writes the IAM policies of the functions, or checks those that exist."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chalicelib.settings import S3Location
from gatewayctl import stage as stages
from gatewayctl import tables
from gatewayctl.command import command
from gatewayctl.output import plural, replace_file
from gatewayctl.policy import documents, folding
from gatewayctl.policy import jobs as of_jobs
from gatewayctl.policy import place as places
from gatewayctl.policy.documents import LIMIT
from gatewayctl.policy.functions import check_policies, functions_of
from gatewayctl.policy.place import PLACE_RULES, Place
from gatewayctl.policy.secrets import shared_secrets
from gatewayctl.report import ExitCode, Refused, Report
from gatewayctl.stage import SECRET_VARIABLE, TABLE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from chalicelib.routing.table import Model, RoutingTable
    from gatewayctl.command import Context
    from gatewayctl.policy.documents import CallPolicy, Document
    from gatewayctl.policy.functions import Function, Functions
    from gatewayctl.policy.jobs import Folder
    from gatewayctl.tables import TableFile

    Run = Callable[..., Report]
    Options = Mapping[str, str | tuple[str, ...] | None]


class Role(NamedTuple):
    """A role that the gateway assumes, and the policies that its account must give it."""

    arn: str
    trust: Document
    calls: CallPolicy

    def lines(self) -> Iterator[str]:
        documents = {"trust": self.trust, "permission": self.calls.document}
        for name, document in documents.items():
            yield f"{self.arn} needs this {name} policy:"
            yield from json.dumps(document, indent=2).splitlines()

    def data(self) -> dict[str, Any]:
        return {
            "role_arn": self.arn,
            "trust_policy": self.trust,
            "permission_policy": self.calls.document,
        }


class Policies(NamedTuple):
    """The policies, and what they allow beyond the table."""

    texts: dict[str, str]
    """The content of each file, by its path."""
    functions: dict[str, CallPolicy]
    """The policies of the functions that call SageMaker, by their files; the handler's is first."""
    roles: list[Role]
    patterns: list[str]

    @property
    def handler_file(self) -> str:
        return next(iter(self.texts))

    @property
    def calls(self) -> dict[str, CallPolicy]:
        """The policies that allow calls, by the file or the role."""
        return {**self.functions, **{role.arn: role.calls for role in self.roles}}

    @property
    def folds(self) -> list[tuple[str, str]]:
        """For each fold, the file or the role whose policy has it, and a line about it."""
        return [
            (name, line)
            for name, one in self.calls.items()
            for line in folding.widened_by_folds(one.groups)
        ]


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
@click.option(
    of_jobs.OPTION,
    "async_results",
    metavar="URL",
    multiple=True,
    help="With jobs: where asynchronous endpoints put their answers; else as in the file.",
)
def policy(
    context: Context,
    *,
    check: bool,
    allow_wider: bool,
    async_results: tuple[str, ...],
    **place: str | None,
) -> Report:
    """Write the IAM policies that the table needs into the files that Chalice reads.

    The policies of roles in other accounts are printed.
    """
    file = tables.load(context.table_path())
    options = places.checked(place)
    functions = functions_of(context.stage, context.project)
    check_policies(functions, context.stage)
    stage = (context.stage, context.project)
    if shared := [*shared_secrets(*stage), *of_jobs.shared_jobs(*stage)]:
        raise Refused(shared)
    files = [context.project / function.policy for function in functions.deployed]
    results = of_jobs.results_of(async_results, files[0])
    if check:
        written = Place(**places.written(files) | options)
        policies = _policies(file.table, functions, written, results, context)
        given = {**{name: place[name] for name in PLACE_RULES}, "async-results": async_results}
        return _check(policies, file, given, context)
    chosen, place_notes = places.completed(options, files, context.connect)
    policies = _policies(file.table, functions, chosen, results, context)
    if policies.folds and not allow_wider:
        raise Refused(_too_wide(policies))
    if too_long := [name for name, one in policies.calls.items() if one.characters > LIMIT]:
        raise Refused(_still_too_long(policies, too_long))
    for name, text in policies.texts.items():
        replace_file(context.project / name, text.encode("ascii"), name=name)
    wider = [f"{name}: allows {fold}" for name, fold in policies.folds]
    own = [*(f"allows {pattern}" for pattern in policies.patterns), *place_notes]
    notes = [*wider, *(f"{policies.handler_file}: {note}" for note in own)]
    return Report(
        ExitCode.FINE,
        lines=[*policies.texts, *(line for role in policies.roles for line in role.lines())],
        notes=[
            *notes,
            *_role_notes(policies, functions.handler),
            *_without_jobs(file.table, functions),
            *_summary(policies, file),
        ],
        data={"written": list(policies.texts), **_data(policies)},
    )


def _policies(
    table: RoutingTable,
    functions: Functions,
    place: Place,
    results: Sequence[Folder],
    context: Context,
) -> Policies:
    models = list(table.models())
    if functions.worker is None:  # an asynchronous endpoint cannot be called then
        models = _synchronous(models)
    calls = _calls(models, functions, place, results, context)
    roles = [
        Role(
            arn,
            documents.trust_policy(arn, _callers(arn, models, functions), place),
            documents.role_policy(models, arn, place),
        )
        for arn in documents.roles_of(models)
    ]
    secret = stages.setting(SECRET_VARIABLE, context.stage, context.project)
    made = {file: one.document for file, one in calls.items()}
    made[functions.authorizer.policy] = documents.authorizer_policy(
        secret, functions.authorizer, place
    )
    return Policies(
        {one.policy: documents.as_file(made[one.policy]) for one in functions.deployed},
        calls,
        roles,
        folding.widened_by_patterns(models),
    )


def _calls(
    models: Sequence[Model],
    functions: Functions,
    place: Place,
    results: Sequence[Folder],
    context: Context,
) -> dict[str, CallPolicy]:
    """Return the policies of the functions that call SageMaker, by their files."""
    routing = stages.setting(TABLE_VARIABLE, context.stage, context.project)
    in_s3 = routing if isinstance(routing, S3Location) else None
    handler, worker = functions.handler, functions.worker
    jobs = of_jobs.jobs_of(context.stage, context.project)
    if jobs is None or worker is None:
        return {handler.policy: documents.handler_policy(models, handler, place, in_s3)}
    of_jobs.require_results(models, results)
    own = of_jobs.of_handler(jobs, results, place)
    others = of_jobs.of_worker(jobs, place)
    return {
        handler.policy: documents.handler_policy(models, handler, place, in_s3, own),
        worker.policy: documents.handler_policy(_synchronous(models), worker, place, in_s3, others),
    }


def _callers(role: str, models: Iterable[Model], functions: Functions) -> Iterator[Function]:
    """Yield the functions that assume a role; the worker calls no asynchronous endpoint."""
    yield functions.handler
    if functions.worker is not None and role in documents.roles_of(_synchronous(models)):
        yield functions.worker


def _synchronous(models: Iterable[Model]) -> list[Model]:
    return [model for model in models if not model.target.is_async]


def _check(policies: Policies, file: TableFile, options: Options, context: Context) -> Report:
    stale = [name for name, text in policies.texts.items() if _read(context.project / name) != text]
    command_line = shlex.join(_command_line(options, context))
    return Report(
        ExitCode.FINDINGS if stale else ExitCode.FINE,
        lines=[f"{name}: not what {file.name} needs; run: {command_line}" for name in stale],
        notes=[f"{name}: as {file.name} needs it" for name in policies.texts if name not in stale],
        data={"stale": stale, "command": command_line, **_data(policies)},
    )


def _command_line(options: Options, context: Context) -> Iterator[str]:
    """Yield the words of the command that updates the files."""
    yield from ("gatewayctl", "policy", "--stage", context.stage)
    for name, value in {"table": context.table, **options}.items():
        for one in value if isinstance(value, tuple) else [value]:
            if one:
                yield from (f"--{name}", str(one))


def _too_wide(policies: Policies) -> Iterator[str]:
    for _, fold in policies.folds:
        yield f"would have to allow {fold}"
    longest = max(policies.calls.values(), key=lambda one: one.unfolded)
    yield (
        f"nothing was written: the table needs {longest.unfolded:,} characters and IAM "
        f"allows {LIMIT:,}; accept all that with --allow-wider, or give some models a "
        "gateway of their own"
    )


def _still_too_long(policies: Policies, names: list[str]) -> Iterator[str]:
    for name in names:
        yield (
            f"{name}: {_length(policies.calls[name])}, and the table names {len(policies.roles)} "
            "roles, which cannot be folded; give some models a gateway of their own"
        )


def _role_notes(policies: Policies, handler: Function) -> Iterator[str]:
    number = len(policies.roles)
    if number and handler.has_own_role:
        what, whose = ("role is", "its") if number == 1 else ("roles are", "their")
        yield (
            f"{policies.handler_file}: {number} {what} assumed; {whose} trust policy names the "
            "role of chalice deploy; a stack of make package gives its role another name, so put "
            "its ARN there"
        )


def _without_jobs(table: RoutingTable, functions: Functions) -> Iterator[str]:
    names = [model.name for model in table.models() if model.target.is_async]
    if names and functions.worker is None:
        yield (
            f"{', '.join(names)}: kind async needs jobs, and this stage has no GATEWAY_JOBS, so "
            "every call gets 500 gateway-misconfigured: docs/deploy.md#jobs"
        )


def _summary(policies: Policies, file: TableFile) -> Iterator[str]:
    for name, one in policies.functions.items():
        folds = sum(name == of for of, _ in policies.folds)
        yield (
            f"{name}: {plural(len(file.table), 'model')} of {file.name}, {_length(one)}, "
            f"{folds} folds"
        )


def _length(policy: CallPolicy) -> str:
    return f"{policy.characters:,} of {LIMIT:,} characters"


def _data(policies: Policies) -> dict[str, Any]:
    return {
        "characters": policies.functions[policies.handler_file].characters,
        "folds": [fold for _, fold in policies.folds],
        "patterns": policies.patterns,
        "roles": [role.data() for role in policies.roles],
    }


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
