"""`gatewayctl explain`: explains what the gateway does with one path or one token, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chalicelib.api.routes import NO_JOBS
from chalicelib.errors import (
    GatewayError,
    GatewayMisconfigured,
    InvalidParameter,
    ModelNotReady,
    Unauthorized,
    UnknownModel,
    UpstreamFailed,
    UpstreamThrottled,
    UpstreamUnreachable,
)
from chalicelib.payload.admission import ClientRequest, negotiate
from chalicelib.sagemaker.attempts import Attempts, RetryBudget
from gatewayctl import stage as stages
from gatewayctl import tables
from gatewayctl.command import command, secret_option
from gatewayctl.commands.explain_dry_run import (
    ANYBODY,
    Answer,
    Request,
    SimulatedGateway,
    caller_with_grants,
    caller_with_key,
    caller_with_token,
    explain_refusal,
    explain_unknown_path,
)
from gatewayctl.commands.explain_sections import Section, table_section
from gatewayctl.commands.explain_sections import report as sections_report
from gatewayctl.commands.explain_targets import (
    call_section,
    cold_start_section,
    deadline_section,
    headers_section,
    job_section,
    permission_section,
    targets_section,
)
from gatewayctl.commands.explain_token import check_token, explain_token, read_token
from gatewayctl.key_store import KeyDocument, KeyStore
from gatewayctl.report import Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.routing.table import Match, Model
    from gatewayctl.command import Context
    from gatewayctl.commands.explain_dry_run import Caller, DryRun
    from gatewayctl.tables import TableFile

PREFIX = "/predict/"
UNLIMITED_SECONDS = 1e9
NO_REQUEST = ClientRequest({}, b"", 0)
"""For a path without a model, which is refused before the request is read."""


@command("explain")
@click.argument("path", required=False)
@click.option("--as", "key_id", metavar="KEY_ID", help="The caller has this API key.")
@click.option("--grants", metavar='"a b/*"', help="The caller has these grants.")
@click.option(
    "--token", metavar="FILE", help="The caller has the JWT in this file; - for standard input."
)
@click.option(
    "--jwks",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The issuer's key set for --token; without it, the key set is fetched.",
)
@click.option("--accept", metavar="TYPES", help="The Accept header.")
@click.option("--content-type", metavar="TYPE", help="The Content-Type header.")
@click.option("--timeout-ms", metavar="N", help="The X-Request-Timeout-Ms header.")
@click.option(
    "--routing-key",
    metavar="KEY",
    help="What the entry's `sticky` names: the X-Routing-Key header, the session id or the "
    "principal.",
)
@secret_option
def explain(
    context: Context,
    *,
    path: str | None,
    key_id: str | None,
    grants: str | None,
    token: str | None,
    jwks: Path | None,
    accept: str | None,
    content_type: str | None,
    timeout_ms: str | None,
    routing_key: str | None,
    secret: str | None,
) -> Report:
    """Say what the gateway does with a path, or with a token, and why.

    PATH is what comes after /predict/. Without PATH, the command explains the token of --token.
    """
    if len([one for one in (key_id, grants, token) if one is not None]) > 1:
        raise WrongUse("--as, --grants and --token each name a caller; give one of them")
    if token is None and jwks is not None:
        raise WrongUse("--jwks is for --token; give both")
    if path is None:
        if token is None:
            raise WrongUse("give a path, or a token with --token FILE")
        if any(one is not None for one in (accept, content_type, timeout_ms, routing_key)):
            raise WrongUse(
                "--accept, --content-type, --timeout-ms and --routing-key are for a path; give one"
            )
        return explain_token(context, read_token(token), jwks)
    caller = None
    if token is not None:
        checked = check_token(context, read_token(token), jwks)
        caller = caller_with_token(checked.identity, checked.reason)
    elif grants is not None:
        caller = caller_with_grants(grants)
    elif key_id is not None:
        store = KeyStore(context.secret_name(secret), context.connect)
        key = KeyDocument(store, context.now()).find(key_id)
        caller = caller_with_key(key, context.now())
    gateway = SimulatedGateway(
        tables.load(context.table_path()),
        stages.lambda_timeout_seconds(context.stage, context.project),
        context.now(),
        context.has_jobs(),
    )
    request = Request(path.removeprefix(PREFIX), accept, content_type, timeout_ms, routing_key)
    return _report(request, *_explain(gateway, request, caller))


def _explain(
    gateway: SimulatedGateway, request: Request, caller: Caller | None
) -> tuple[Answer, list[Section]]:
    """Return the answer to a caller, or to anybody with the grant, and the reasons for it."""
    table = table_section(gateway.file)
    try:
        found = gateway.file.table.find(request.path)
    except UnknownModel as error:
        if caller is not None and caller.refused is not None:
            return Answer(Unauthorized(), caller.refused), [table]
        _, refusal = _try(gateway, request, NO_REQUEST, caller or ANYBODY)
        return explain_unknown_path(refusal or error, request.path, gateway.file.table), [table]
    call = request.call(found.model)
    dry_run, refusal = _try(gateway, request, call, request.sender(found.model, caller))
    dry_run = dry_run and dry_run.settled(found)
    if caller is not None:
        _, refusal = _try(gateway, request, call, caller)
    answer = Answer(is_job=found.model.target.is_async)
    if found.model.target.is_async and not gateway.has_jobs:
        is_earlier = isinstance(refusal, Unauthorized | UnknownModel | InvalidParameter)
        refusal = refusal if is_earlier else GatewayMisconfigured(NO_JOBS, of_jobs=True)
    if refusal is not None:
        answer = explain_refusal(refusal, found, caller or ANYBODY)
    return answer, [*_sections(gateway, request, found, dry_run, caller), table]


def _try(
    gateway: SimulatedGateway, request: Request, call: ClientRequest, caller: Caller
) -> tuple[DryRun | None, GatewayError | None]:
    try:
        return gateway.dry_run(caller.principal(gateway.now), request.path, call), None
    except GatewayError as refusal:
        return None, refusal


def _sections(
    gateway: SimulatedGateway,
    request: Request,
    found: Match,
    dry_run: DryRun | None,
    caller: Caller | None,
) -> Iterator[Section]:
    model = found.model
    yield _entry_section(model, gateway.file)
    yield _parameters_section(found)
    yield targets_section(model, dry_run, request.key)
    if caller is not None:
        yield _grant_section(caller, request.path, gateway.now)
    yield _accept_section(request, model)
    yield _content_type_section(request, model)
    yield headers_section(model)
    if dry_run is not None:
        yield call_section(dry_run)
        yield deadline_section(request, gateway.platform_seconds, dry_run)
        if gateway.has_jobs:
            yield job_section(model)
        yield _attempts_section(model)
        if not dry_run.is_async:  # its endpoint keeps a request until it can work on it
            waits = _is_tried_again(ModelNotReady(), model)
            yield cold_start_section(dry_run, asks_again=waits)
        yield permission_section(dry_run)


def _report(request: Request, answer: Answer, sections: Sequence[Section]) -> Report:
    return sections_report(
        f"POST {PREFIX}{request.path}",
        answer.lines(),
        sections,
        is_refused=answer.refusal is not None,
        data={"path": request.path, "refusal": answer.data()},
    )


def _entry_section(model: Model, file: TableFile) -> Section:
    line, _ = file.lines.of(("models", model.name))
    return Section(
        "entry",
        [f"{model.name}, {file.name}:{line}, kind {model.target.kind}"],
        {"name": model.name, "kind": model.target.kind, "file": file.name, "line": line},
    )


def _parameters_section(found: Match) -> Section:
    pairs = list(zip(found.model.parameters, found.values, strict=True))
    return Section(
        "parameters",
        [f"{declared.name} = {value}" for declared, value in pairs],
        {declared.name: value for declared, value in pairs},
    )


def _grant_section(caller: Caller, path: str, now: int) -> Section:
    """Show the grants of the caller that cover the path."""
    deciding = caller.deciding_grants(path, now)
    lines = [f"{one} of {caller.description}" for one in deciding]
    identity = caller.identity
    return Section(
        "grant",
        lines or [f"none of {caller.description}"],
        {
            "principal": identity.principal,
            "key_id": identity.key_id,
            "grants": list(identity.grants),
            "deciding": deciding,
        },
    )


def _accept_section(request: Request, model: Model) -> Section:
    """Show which Accept the gateway sends to SageMaker."""
    offers = list(model.accepts)
    try:
        chosen = negotiate(request.accept or "", model.accepts)
        outcome = "SageMaker gets no Accept" if chosen is None else f"SageMaker gets {chosen}"
    except LookupError:
        chosen, outcome = None, "none of these is accepted"
    sent = request.accept or "no header is sent"
    line = f"{sent}; the model can answer {', '.join(offers)}; {outcome}"
    return Section("accept", [line], {"sent": request.accept, "chosen": chosen, "offers": offers})


def _content_type_section(request: Request, model: Model) -> Section:
    given = request.content_type
    known = ", ".join(model.content_types)
    assumed = f"{model.content_types[0]} is assumed, as no --content-type is given"
    return Section(
        "content type",
        [f"{given or assumed}; the model takes {known}"],
        {"sent": given, "takes": list(model.content_types)},
    )


def _attempts_section(model: Model) -> Section:
    """Show after which errors the gateway tries again."""
    retried = sorted(
        (UpstreamFailed, UpstreamThrottled, UpstreamUnreachable),
        key=lambda error: -(error.retry_pause_seconds or 0),
    )
    pauses = {
        error.slug: error.retry_pause_seconds
        for error in retried
        if _is_tried_again(error(), model)
    }
    lines = [f"at most {model.max_attempts}, while there is time and the retry budget is not spent"]
    lines += [f"another one about {pause:g} s after {slug}" for slug, pause in pauses.items()]
    data = {"most": model.max_attempts, "again_after": pauses}
    return Section("attempts", lines if pauses else ["one"], data)


def _is_tried_again(error: GatewayError, model: Model) -> bool:
    """Whether the gateway tries again after a first error, if budget and time allow it."""
    return Attempts(model, RetryBudget()).pause_seconds(error, UNLIMITED_SECONDS) is not None
