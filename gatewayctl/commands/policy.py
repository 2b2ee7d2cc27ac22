"""`gatewayctl policy`: writes the IAM policies of both functions, or checks those that exist."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from chalice.config import Config

from chalicelib.settings import SETTINGS, S3Location
from gatewayctl import stage as stages
from gatewayctl import tables
from gatewayctl.command import command
from gatewayctl.output import replace_file
from gatewayctl.policy import documents, folding
from gatewayctl.policy.documents import Function, HandlerPolicy, Place
from gatewayctl.policy.needs import call_groups
from gatewayctl.report import ExitCode, Refused, Report, WrongUse
from gatewayctl.stage import CONFIG, HANDLER, SECRET_VARIABLE, TABLE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from chalicelib.routing.table import RoutingTable
    from gatewayctl.command import Context
    from gatewayctl.tables import TableFile

    Run = Callable[..., Report]

AUTHORIZER = "authorize"

PLACE_RULES = {
    "partition": (r"\*|aws(-[a-z]+)*", "aws, aws-cn, aws-us-gov or the like, or *"),
    "region": (r"\*|[a-z]{2,}(-[a-z]+)+-[0-9]+", "a region such as eu-west-1, or *"),
    "account": (r"\*|[0-9]{12}", "the twelve digits of an account, or *"),
}
"""By option: the pattern of its value, and the pattern in words."""

_WRITTEN_PLACE = re.compile(
    '"arn:(?P<partition>{partition}):logs:(?P<region>{region}):(?P<account>{account}):'.format(
        **{name: rule for name, (rule, _) in PLACE_RULES.items()}
    )
)


class Functions(NamedTuple):
    """The two Lambda functions of a stage; each has its own role."""

    handler: Function
    authorizer: Function


class Policies(NamedTuple):
    """The content of the policy files, and what the handler's policy allows beyond the table."""

    texts: dict[str, str]
    """By file."""
    handler: HandlerPolicy
    folds: list[str]
    patterns: list[str]

    @property
    def handler_file(self) -> str:
        return next(iter(self.texts))


def _place_option(name: str) -> Callable[[Run], Run]:
    meaning = PLACE_RULES[name][1]
    text = f"For every ARN: {meaning}; else as in the file that exists, else *."
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
    policies = _policies(file.table, place, context)
    if check:
        return _check(policies, file, place, context)
    if policies.folds and not allow_wider:
        raise Refused(_too_wide(policies))
    for name, text in policies.texts.items():
        replace_file(context.project / name, text.encode("ascii"), name=name)
    wider = [*policies.folds, *policies.patterns]
    notes = [f"{policies.handler_file}: allows {more}" for more in wider]
    return Report(
        ExitCode.FINE,
        lines=list(policies.texts),
        notes=[*notes, _summary(policies, file)],
        data={"written": list(policies.texts), **_data(policies)},
    )


def functions_of(stage: str, project: Path) -> Functions:
    """Read the configuration of a stage's functions with Chalice's own code.

    Raises:
        WrongUse: The configuration cannot be read, or has one policy for both functions.
    """
    try:
        config = json.loads((project / CONFIG).read_bytes())
        functions = Functions(
            _function(config, stage, HANDLER), _function(config, stage, AUTHORIZER)
        )
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise WrongUse(f"{CONFIG} cannot be read ({error}); a policy belongs to a stage") from error
    if functions.handler.policy == functions.authorizer.policy:
        raise WrongUse(
            f"{CONFIG} gives both functions of stage {stage} {functions.handler.policy}; name "
            f"another file in its lambda_functions.{AUTHORIZER}.iam_policy_file"
        )
    return functions


def _function(config: dict[str, Any], stage: str, name: str) -> Function:
    chalice = Config(stage, name, config_from_disk=config)
    return Function(
        f".chalice/{chalice.iam_policy_file or f'policy-{stage}.json'}",
        in_vpc=bool(chalice.subnet_ids and chalice.security_group_ids),
        traced=bool(chalice.xray_enabled),
    )


def _policies(
    table: RoutingTable, place_options: Mapping[str, str | None], context: Context
) -> Policies:
    functions = functions_of(context.stage, context.project)
    written = _written_place(context.project / functions.handler.policy)
    place = Place(**written | _checked_place(place_options))
    routing = _setting(TABLE_VARIABLE, context)
    in_s3 = routing if isinstance(routing, S3Location) else None
    handler = documents.handler_policy(call_groups(table.models()), place, in_s3, functions.handler)
    authorizer = documents.authorizer_policy(
        _setting(SECRET_VARIABLE, context), place, functions.authorizer
    )
    return Policies(
        {
            functions.handler.policy: documents.as_file(handler.document),
            functions.authorizer.policy: documents.as_file(authorizer),
        },
        handler,
        folding.widened_by_folds(handler.groups),
        folding.widened_by_patterns(table.models()),
    )


def _written_place(policy: Path) -> dict[str, str]:
    """Return the place in the existing policy file; empty if there is none."""
    try:
        match = _WRITTEN_PLACE.search(policy.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return match.groupdict() if match else {}


def _checked_place(options: Mapping[str, str | None]) -> dict[str, str]:
    given = {name: text for name, text in options.items() if text is not None}
    for name, text in given.items():
        rule, meaning = PLACE_RULES[name]
        if not re.fullmatch(rule, text):
            raise WrongUse(f"--{name} is {text!r}; it must be {meaning}")
    return given


# The environment of this command is ignored, because it is not the environment of the function.
def _setting(variable: str, context: Context) -> Any:
    (setting,) = [one for one in SETTINGS if one.variable == variable]
    value = stages.variable(
        variable, context.stage, context.project, instead="see docs/settings.md"
    )
    try:
        return setting.read(setting.default if value is None else value)
    except ValueError as rule:
        raise WrongUse(f"{variable} of stage {context.stage} in {CONFIG} must be {rule}") from rule


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
