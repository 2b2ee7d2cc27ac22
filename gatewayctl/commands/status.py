"""`gatewayctl status`: says what is wrong with a gateway, and what was not looked at."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gatewayctl import log_file
from gatewayctl import stage as stages
from gatewayctl.command import command
from gatewayctl.commands import status_sections as sections
from gatewayctl.commands.status_jobs import job_sections
from gatewayctl.commands.status_log import log_section
from gatewayctl.gateway_probe import checked_url
from gatewayctl.output import columns
from gatewayctl.report import CommandError, ExitCode, NotReachable, Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatewayctl.command import Context
    from gatewayctl.commands.status_sections import Section

MINUTES = 60
LOCAL_URL = "http://127.0.0.1:8000"
"""Where `make run` starts the gateway."""

LOCAL_AWS = "for a gateway on this machine, run 'source .local/env' first"
LOCAL_LOG = (
    "for a gateway on this machine, start it with 'make run LOG=json | tee gateway.log', "
    "and give --log gateway.log"
)


@command("status")
@click.argument("url", required=False)
@log_file.option
@click.option(
    "--minutes",
    type=log_file.PERIOD_MINUTES,
    default=MINUTES,
    show_default=True,
    metavar="N",
    help="The period of the log that is looked at.",
)
def status(context: Context, *, url: str | None, log: str | None, minutes: int) -> Report:
    """Say what is wrong with a gateway: its answer, its table, its keys, its jobs, its errors.

    URL is that of the gateway; without it, that of the stage's deployment. The exit code is 1 if
    something is wrong.
    """
    where = _url(context) if url is None else checked_url(url)
    is_local = stages.is_loopback(where) and not (
        context.has_stage and context.stage != stages.LOCAL
    )
    if is_local:
        context = _local(context)
    gateway, answer = sections.gateway_section(where, context.environment.get("AWS_CA_BUNDLE"))
    table, looks = sections.table_section(answer), _Looks()
    if answer.health is not None:
        digest = answer.health["table"]
        looks.at("table", lambda: sections.compare_with_published(context, digest, table))
    keys = looks.at("keys", lambda: sections.keys_section(context))
    jobs = [*job_sections(context, looks.at)]
    if log is not None:
        found = log_section(context, log, minutes)
    elif is_local:
        looks.missed["log"], found = LOCAL_LOG, None
    else:
        found = looks.at("log", lambda: log_section(context, None, minutes))
    return _report([*filter(None, (gateway, table, keys, *jobs, found))], looks.missed)


class _Looks:
    """Looks at several things; one that cannot be looked at does not prevent the others."""

    def __init__(self) -> None:
        self.missed: dict[str, str] = {}
        """What was not looked at, and why."""

    def at(self, name: str, look: Callable[[], Section | None]) -> Section | None:
        """Look at something, or note why that is not possible."""
        try:
            return look()
        except CommandError as error:
            self.missed[name] = str(error)
            return None


def _local(context: Context) -> Context:
    """Return the context for the gateway of `make run`, which never asks AWS itself."""
    if stages.LOCAL in stages.names(context.project):
        context = replace(context, stage=stages.LOCAL)
    if stages.is_loopback(context.environment.get("AWS_ENDPOINT_URL", "")):
        return context

    def refuse(service: str, **settings: Any) -> Any:
        raise NotReachable(LOCAL_AWS)

    return replace(context, dependencies=replace(context.dependencies, connect=refuse))


def _url(context: Context) -> str:
    """Return the URL of the stage: of `make run`, of `chalice deploy`, or of the stack.

    Raises:
        WrongUse: It is not known.
    """
    if context.stage == stages.LOCAL:
        return LOCAL_URL
    deployed = _chalice_url(context.project, context.stage)
    if deployed is not None:
        return checked_url(deployed)
    # The URL of a local gateway needs neither botocore nor Chalice.
    from gatewayctl import stack  # noqa: PLC0415
    from gatewayctl.policy.functions import functions_of  # noqa: PLC0415

    name = functions_of(context.stage, context.project).handler.name
    try:
        return checked_url(stack.outputs(name, context.connect)[stack.URL])
    except (NotReachable, KeyError) as error:
        why = error if isinstance(error, NotReachable) else f"the stack {name} has no {stack.URL}"
        raise WrongUse(
            f"the URL of stage {context.stage} is not known ({why}); name it: "
            "gatewayctl status https://…"
        ) from error


def _chalice_url(project: Path, stage: str) -> str | None:
    """Return the URL that `chalice deploy` has noted."""
    try:
        noted = json.loads((project / ".chalice" / "deployed" / f"{stage}.json").read_bytes())
        urls = [one.get("rest_api_url") for one in noted["resources"]]
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return None
    return next((url for url in urls if isinstance(url, str)), None)


def _report(found: list[Section], missed: dict[str, str]) -> Report:
    wrong = [f"{one.name}: {text}" for one in found for text in one.wrong]
    warnings = [f"{one.name}: {text}" for one in found for text in one.warnings]
    rows = [(one.name, one.text) for one in found]
    rows += [
        (name, f"not compared: {why}" if name == "table" else f"not looked at: {why}")
        for name, why in missed.items()
    ]
    first = [*(f"wrong: {text}" for text in wrong), *(f"warning: {text}" for text in warnings)]
    first = first or ["nothing is wrong in what was looked at"]
    details = [line for one in found for line in one.details]
    return Report(
        ExitCode.FINDINGS if wrong else ExitCode.FINE,
        lines=[
            *(first or ["nothing is wrong in what was looked at"]),
            "",
            *columns(rows),
            *details,
        ],
        notes=[],
        data={
            "wrong": wrong,
            "warnings": warnings,
            **{one.name: one.data for one in found},
            "not_looked_at": missed,
        },
    )
