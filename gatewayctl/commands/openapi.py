"""`gatewayctl openapi`: writes an OpenAPI document of the models in a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from chalicelib.api.openapi.document import document
from chalicelib.telemetry import TABLE_DIGITS
from gatewayctl import tables
from gatewayctl.command import command, out_option
from gatewayctl.output import json_text, plural, replace_file
from gatewayctl.report import ExitCode, Report, WrongUse

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayctl.command import Context

SERVER = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?")


@command("openapi")
@click.option("--server", metavar="URL", help="The address of the gateway.")
@click.option(
    "--jobs/--no-jobs",
    "jobs",
    default=None,
    help="Whether the gateway has jobs; else GATEWAY_JOBS, else the stage's in "
    ".chalice/config.json.",
)
@out_option
def openapi(context: Context, *, server: str | None, jobs: bool | None, out: Path | None) -> Report:
    """Write an OpenAPI 3.1 document of the models, for callers."""
    has_jobs = context.has_jobs() if jobs is None else jobs
    url = None if server is None else _checked(server)
    file = tables.load(context.table_path())
    content = document(list(file.table.models()), file.table.digest, url, has_jobs=has_jobs)
    text = json_text(content)
    if out is None:
        return Report(ExitCode.FINE, lines=text.split("\n"), notes=(), data=content)
    replace_file(out, f"{text}\n".encode())
    models, digest = len(file.table), file.table.digest
    return Report(
        ExitCode.FINE,
        lines=[str(out)],
        notes=[f"{out}: {plural(models, 'model')} of {file.name}, table {digest[:TABLE_DIGITS]}"],
        data={"openapi": str(out), "models": models, "sha256": digest},
    )


def _checked(url: str) -> str:
    if not SERVER.fullmatch(url):
        raise WrongUse(
            f"--server is {url!r}; it must be a URL such as https://gateway.example.com/api"
        )
    return url.rstrip("/")
