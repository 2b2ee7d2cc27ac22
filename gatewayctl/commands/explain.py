"""`gatewayctl explain`: what the gateway does with one path, and why.

Nothing here decides anything. A dry run goes through the gateway's own code for the table, the
grants, the checks of a request and the deadline; only the call of SageMaker is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from chalicelib.api.wire import API_GATEWAY_SECONDS, LAMBDA_MARGIN_SECONDS
from chalicelib.auth.credentials import Identity, Outcome
from chalicelib.auth.principal import EVERYTHING, GRANT_RULE, OK, UNAUTHORIZED, Principal, is_grant
from chalicelib.aws.deadline import Deadline
from chalicelib.errors import GatewayError, UnknownModel, quoted
from chalicelib.gateway import Gateway
from chalicelib.payload.admission import ClientRequest
from chalicelib.routing.headers import TIMEOUT
from chalicelib.sagemaker.runtime import InferenceResponse
from chalicelib.telemetry.log import RequestRecord
from gatewayctl import stage as stages
from gatewayctl import tables
from gatewayctl.api_keys import state
from gatewayctl.command import command, secret_option
from gatewayctl.commands import explain_sections as sections
from gatewayctl.key_store import KeyDocument, KeyStore
from gatewayctl.report import ExitCode, Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.auth.key_document import ApiKey
    from chalicelib.payload.admission import InferenceRequest
    from chalicelib.routing.table import Match, Model, ResolvedModel, RoutingTable
    from gatewayctl.command import Context
    from gatewayctl.commands.explain_sections import Section
    from gatewayctl.tables import TableFile

PREFIX = "/predict/"
WIDTH = len("content type") + 2

BODY = b"{}"
"""Strict JSON stands for any body that a caller may send."""


@command("explain")
@click.argument("path")
@click.option("--as", "key_id", metavar="KEY_ID", help="The caller has this API key.")
@click.option("--grants", metavar='"a b/*"', help="The caller has these grants.")
@click.option("--accept", metavar="TYPES", help="The Accept header.")
@click.option("--content-type", metavar="TYPE", help="The Content-Type header.")
@click.option("--timeout-ms", metavar="N", help="The X-Request-Timeout-Ms header.")
@secret_option
def explain(
    context: Context,
    *,
    path: str,
    key_id: str | None,
    grants: str | None,
    accept: str | None,
    content_type: str | None,
    timeout_ms: str | None,
    secret: str | None,
) -> Report:
    """Say what the gateway does with a path, and why.

    PATH is what comes after /predict/.
    """
    if key_id is not None and grants is not None:
        raise WrongUse("--as and --grants name two callers; give one of them")
    caller = None
    if grants is not None:
        caller = _with_grants(grants)
    elif key_id is not None:
        caller = _with_key(_find_key(context, secret, key_id), context.now())
    gateway = SimulatedGateway(
        tables.load(context.table_path()),
        stages.lambda_timeout_seconds(context.stage, context.project),
        context.now(),
    )
    request = Request(path.removeprefix(PREFIX), accept, content_type, timeout_ms)
    return _report(request, _explanation(gateway, request, caller))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with grants."""

    described: str
    identity: Identity
    refused: str | None = None
    """Why the credential is not valid; None if it is."""

    def principal(self, now: int) -> Principal:
        """Return the principal that the gateway makes of the caller.

        Raises:
            Unauthorized: The credential is not valid.
        """
        status = UNAUTHORIZED if self.refused else OK
        return Principal(Outcome(status, self.identity).context(), now=now)

    def deciding_grants(self, path: str, now: int) -> list[str]:
        """Return the grants each of which is enough to call the path."""
        return [grant for grant in self.identity.grants if _alone(grant, now).may_call(path)]


ANYBODY = Caller("anybody", Identity("anybody", (EVERYTHING,), None))


def _with_grants(text: str) -> Caller:
    grants = tuple(dict.fromkeys(text.split()))
    for grant in grants:
        if not is_grant(grant):
            raise WrongUse(
                f"--grants has {quoted(grant)}, which is no grant; a grant is {GRANT_RULE}"
            )
    return Caller("--grants", Identity("--grants", grants, None))


def _with_key(key: ApiKey, now: int) -> Caller:
    is_good = state(key, now) in {"active", "expiring"}
    identity = Identity(key.principal, key.grants, key.expires, key.key_id)
    described = f"key {key.key_id} of {key.principal}"
    return Caller(described, identity, None if is_good else f"the key is {state(key, now)}")


def _find_key(context: Context, secret: str | None, key_id: str) -> ApiKey:
    store = KeyStore(context.secret_name(secret), context.connect)
    return KeyDocument(store, context.now()).find(key_id)


def _alone(grant: str, now: int) -> Principal:
    return Caller("", Identity("", (grant,), None)).principal(now)


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller would send."""

    path: str
    accept: str | None
    content_type: str | None
    timeout_ms: str | None

    def call(self, model: Model) -> ClientRequest:
        """Return the request as the gateway gets it; its type is one that the model takes."""
        headers = {
            "accept": self.accept,
            "content-type": self.content_type or model.content_types[0],
            TIMEOUT.lower(): self.timeout_ms,
        }
        sent = {name: value for name, value in headers.items() if value is not None}
        return ClientRequest(sent, BODY, len(BODY))


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the gateway would call SageMaker with, and how long the call may take."""

    resolved: ResolvedModel
    request: InferenceRequest
    seconds: float

    @property
    def arguments(self) -> dict[str, object]:
        """The arguments of InvokeEndpoint, without the body."""
        args = {**self.resolved.target.invoke_args(), **self.request.invoke_args()}
        return {name: value for name, value in args.items() if name != "Body"}


@dataclass(frozen=True, slots=True)
class SimulatedGateway:
    """The gateway of a table file and a stage; it serves as the table's source, too."""

    file: TableFile
    lambda_timeout_seconds: float
    now: int

    def table(self) -> RoutingTable:
        return self.file.table

    @property
    def platform_seconds(self) -> dict[str, float]:
        """The time that API Gateway and Lambda give a request to a warm function."""
        margin = LAMBDA_MARGIN_SECONDS
        return {"API Gateway": API_GATEWAY_SECONDS, "Lambda": self.lambda_timeout_seconds - margin}

    def dry_run(self, principal: Principal, path: str, call: ClientRequest) -> DryRun:
        """Run the gateway's code up to the call of SageMaker.

        Raises:
            GatewayError: The gateway refuses the request.
        """
        runtime = _RecordingRuntime()
        Gateway(self, runtime).predict(
            principal,
            path,
            call,
            platform=Deadline.soonest([min(self.platform_seconds.values())]),
            record=RequestRecord("explain"),
        )
        return runtime.recorded[0]


class _RecordingRuntime:
    """Records a call instead of making it."""

    def __init__(self) -> None:
        self.recorded: list[DryRun] = []

    def invoke(
        self,
        resolved: ResolvedModel,
        request: InferenceRequest,
        deadline: Deadline,
        record: RequestRecord,
    ) -> InferenceResponse:
        # Rounded, because a few microseconds have already passed.
        self.recorded.append(DryRun(resolved, request, round(deadline.remaining_seconds, 2)))
        return InferenceResponse(b"", request.content_type)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the caller gets, and the sections that say why."""

    answer: sections.Answer
    sections: tuple[Section, ...]


def _explanation(gateway: SimulatedGateway, request: Request, caller: Caller | None) -> Explanation:
    """Explain a path for a caller, or for anybody who has the grant."""
    table = sections.table(gateway.file)
    try:
        found = gateway.file.table.find(request.path)
    except UnknownModel as error:
        answer = sections.unknown_path(error, request.path, gateway.file.table)
        return Explanation(answer, (table,))
    dry_run, refusal_of_all = _try(gateway, request, found, ANYBODY)
    refusal = refusal_of_all if caller is None else _try(gateway, request, found, caller)[1]
    answer = sections.Answer()
    if refusal is not None:
        answer = sections.refused(refusal, found, request.path, caller or ANYBODY)
    parts = tuple(_sections(gateway, request, found, dry_run, caller))
    return Explanation(answer, (*parts, table))


def _try(
    gateway: SimulatedGateway, request: Request, found: Match, caller: Caller
) -> tuple[DryRun | None, GatewayError | None]:
    call = request.call(found.model)
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
    yield sections.entry(model, gateway.file)
    yield sections.parameters(found)
    if caller is not None:
        yield sections.grant(caller, request.path, gateway.now)
    yield sections.accept(request, model)
    yield sections.content_type(request, model)
    yield sections.headers(model)
    if dry_run is not None:
        yield sections.call(dry_run)
        yield sections.deadline(request, model, gateway.platform_seconds, dry_run)
        yield sections.attempts(model)
        yield sections.cold_start(model)
        yield sections.permission(dry_run)


def _report(request: Request, explanation: Explanation) -> Report:
    answer = explanation.answer
    blocks = [("answer", answer.lines())]
    blocks += [(section.name, list(section.lines)) for section in explanation.sections]
    lines = [
        f"  {name if number == 0 else '':{WIDTH}}{line}"
        for name, of_block in blocks
        for number, line in enumerate(of_block)
    ]
    return Report(
        ExitCode.FINE if answer.refusal is None else ExitCode.FINDINGS,
        lines=[f"POST {PREFIX}{request.path}", *lines],
        notes=(),
        data={
            "path": request.path,
            "refusal": answer.data(),
            **{section.name.replace(" ", "_"): section.data for section in explanation.sections},
        },
    )
