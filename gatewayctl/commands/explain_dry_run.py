"""Runs the gateway's own code for one request, except the call of SageMaker.

That code finds the model, checks the grants and the request, and computes the deadline. This module
only adds the reasons that a caller is not told.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.api.jobs import SUBMIT_SECONDS
from chalicelib.api.wire import API_GATEWAY_SECONDS, LAMBDA_MARGIN_SECONDS
from chalicelib.auth.credentials import Identity, Outcome
from chalicelib.auth.principal import EVERYTHING, GRANT_RULE, OK, UNAUTHORIZED, Principal, is_grant
from chalicelib.aws.deadline import Deadline
from chalicelib.errors import (
    GatewayMisconfigured,
    InvalidParameter,
    Unauthorized,
    UnknownModel,
    closest,
    quoted,
)
from chalicelib.gateway import Gateway
from chalicelib.jobs.async_request import async_arguments
from chalicelib.payload.admission import ClientRequest
from chalicelib.routing.headers import PRINCIPAL, ROUTING_KEY, STICKY, TIMEOUT
from chalicelib.sagemaker.answers import AsyncLocations, InferenceResponse
from chalicelib.telemetry.request_record import RequestRecord
from gatewayctl import tables
from gatewayctl.api_keys import has_ended, state
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.auth.key_document import ApiKey
    from chalicelib.errors import GatewayError
    from chalicelib.payload.admission import InferenceRequest
    from chalicelib.routing.table import Match, Model, ResolvedModel, RoutingTable
    from gatewayctl.tables import TableFile

NAMELESS = "--grants"
"""The name of a caller of whom only the grants are known."""

JOB = "202 with a job; the model's answer is fetched later, and none comes with the request"

BODY = b"{}"
"""The body of the request; it is valid JSON, so that the gateway does not refuse it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller of the gateway, with a description such as `key abcd1234 of web-shop`."""

    description: str
    identity: Identity
    refused: str | None = None
    """Why the credential is not valid; None if it is."""

    def principal(self, now: int) -> Principal:
        """Return the caller as the gateway sees it after the authorizer.

        Raises:
            Unauthorized: The credential is not valid.
        """
        status = UNAUTHORIZED if self.refused else OK
        return Principal(Outcome(status, self.identity).context(), now=now)

    def deciding_grants(self, path: str, now: int) -> list[str]:
        """Return those grants of the caller that cover the path."""
        grants = self.identity.grants
        callers = [Caller("", Identity("", (grant,), None)).principal(now) for grant in grants]
        pairs = zip(grants, callers, strict=True)
        return [grant for grant, caller in pairs if caller.may_call(path)]


ANYBODY = Caller("anybody", Identity("anybody", (EVERYTHING,), None))


def caller_with_grants(text: str) -> Caller:
    """Return a caller with these grants, which are separated by spaces.

    Raises:
        WrongUse: One of them is not a grant.
    """
    grants = tuple(dict.fromkeys(text.split()))
    for grant in grants:
        if not is_grant(grant):
            raise WrongUse(
                f"--grants has {quoted(grant)}, which is no grant; a grant is {GRANT_RULE}"
            )
    return Caller(NAMELESS, Identity(NAMELESS, grants, None))


def caller_with_key(key: ApiKey, now: int) -> Caller:
    """Return a caller with this API key."""
    refused = f"the key is {state(key, now)}" if has_ended(key, now) else None
    identity = Identity(key.principal, key.grants, key.expires, key.key_id)
    return Caller(f"key {key.key_id} of {key.principal}", identity, refused)


def caller_with_token(identity: Identity | None, reason: str | None) -> Caller:
    """Return a caller with a JWT; the reason is the gateway's, for a refusal or for no grants."""
    if identity is None:
        return Caller("the token", Identity("", (), None), f"the token is refused: {reason}")
    description = "the token" if reason is None else f"the token ({reason})"
    return Caller(description, identity)


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller would send."""

    path: str
    accept: str | None
    content_type: str | None
    timeout_ms: str | None
    key: str | None = None
    """What keeps the caller at one target."""

    def sender(self, model: Model, caller: Caller | None) -> Caller:
        """Return who may call every model, with the name that `sticky: principal` is about."""
        name = self.key if model.sticky == PRINCIPAL else None
        if name is None and caller is not None and caller.identity.principal != NAMELESS:
            name = caller.identity.principal
        return ANYBODY if not name else Caller(name, ANYBODY.identity._replace(principal=name))

    def call(self, model: Model) -> ClientRequest:
        """Return the request as the gateway gets it; the default type is one of the model's."""
        kept_by, _ = STICKY.get(model.sticky or "", (ROUTING_KEY, 0))
        headers = {
            "accept": self.accept,
            "content-type": self.content_type or model.content_types[0],
            TIMEOUT.lower(): self.timeout_ms,
            kept_by.lower(): self.key,
        }
        sent = {name: value for name, value in headers.items() if value is not None}
        return ClientRequest(sent, BODY, len(BODY))


@dataclass(frozen=True, slots=True)
class DryRun:
    """The call of SageMaker that the gateway would make, and how long the call may take."""

    resolved: ResolvedModel
    sent: Mapping[str, object]
    """The arguments, except those of the target and the body."""

    seconds: float
    kept_by: str | None = None
    """What decides which target this request gets; None if it is chance, or not known."""

    def settled(self, found: Match) -> DryRun:
        """Return the call of the heaviest target if nothing known decides for another one."""
        return self if self.kept_by is not None else replace(self, resolved=found.resolve())

    @property
    def arguments(self) -> dict[str, object]:
        """The arguments of the call, without the body."""
        return {**self.resolved.invoke_args, **self.sent}

    @property
    def is_async(self) -> bool:
        """Whether the call is InvokeEndpointAsync."""
        return self.resolved.model.target.is_async


@dataclass(frozen=True, slots=True)
class SimulatedGateway:
    """A gateway with a table file and the timeout of a stage; it is also the table's source."""

    file: TableFile
    lambda_timeout_seconds: float
    now: int
    has_jobs: bool

    def table(self) -> RoutingTable:
        return self.file.table

    def stale_seconds(self) -> None:
        """A file that was read a moment ago is current."""

    @property
    def platform_seconds(self) -> dict[str, float]:
        """The seconds that API Gateway and Lambda give a request, if the function is warm."""
        margin = LAMBDA_MARGIN_SECONDS
        return {"API Gateway": API_GATEWAY_SECONDS, "Lambda": self.lambda_timeout_seconds - margin}

    def dry_run(self, principal: Principal, path: str, call: ClientRequest) -> DryRun:
        """Run the gateway's code up to the call of SageMaker.

        Raises:
            GatewayError: The gateway refuses the request.
        """
        named = principal.name if principal.name != ANYBODY.identity.principal else None
        runtime, record = _RecordingRuntime(named), RequestRecord("explain")
        gateway = Gateway(self, runtime)
        resolved = gateway.resolve(principal, path, record)
        platform = Deadline.after(min(self.platform_seconds.values()))
        if resolved.model.target.is_async:
            admitted = gateway.admit(principal, resolved, call, record)
            runtime.routing_key = admitted.request.routing_key
            arguments = async_arguments(admitted, place=None)
            until = platform.within(SUBMIT_SECONDS, since=time.monotonic())
            gateway.submit(admitted.resolved, arguments, until, record)
        else:
            gateway.predict(principal, resolved, call, platform=platform, record=record)
        (dry_run,) = runtime.recorded
        return dry_run


class _RecordingRuntime:
    """Records a call instead of making it.

    Args:
        principal: The name of the caller; None if it is not known.
    """

    def __init__(self, principal: str | None) -> None:
        self.recorded: list[DryRun] = []
        self.routing_key: str | None = None
        self._principal = principal

    def invoke(
        self,
        resolved: ResolvedModel,
        request: InferenceRequest,
        deadline: Deadline,
        record: RequestRecord,
    ) -> InferenceResponse:
        self.routing_key = request.routing_key
        self._note(resolved, request.invoke_args(), deadline)
        return InferenceResponse(b"", request.content_type)

    def submit(
        self,
        resolved: ResolvedModel,
        arguments: Mapping[str, object],
        deadline: Deadline,
        record: RequestRecord,
    ) -> AsyncLocations:
        self._note(resolved, arguments, deadline)
        return AsyncLocations("", None)

    def _note(
        self, resolved: ResolvedModel, arguments: Mapping[str, object], deadline: Deadline
    ) -> None:
        sent = {name: value for name, value in arguments.items() if name != "Body"}
        # Rounded, because a few microseconds have already passed.
        seconds = round(deadline.remaining_seconds, 2)
        kept_by = self._principal if resolved.model.sticky == PRINCIPAL else self.routing_key
        self.recorded.append(DryRun(resolved, sent, seconds, kept_by))


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the caller: the model's if `refusal` is None, else the gateway's refusal."""

    refusal: GatewayError | None = None
    reason: str | None = None
    """A reason that the gateway does not tell the caller."""
    meant: str | None = None
    """The path that the user probably meant."""

    is_job: bool = False
    """Whether the request gets a job, and the model's answer is fetched later."""

    def lines(self) -> list[str]:
        if self.refusal is None:
            return [JOB if self.is_job else "the model's own"]
        lines = [f"{self.refusal.status} {self.refusal.slug}: {self.refusal.detail}"]
        lines += [self.reason] if self.reason else []
        return lines + ([f"did you mean {self.meant}?"] if self.meant else [])

    def data(self) -> dict[str, object] | None:
        if self.refusal is None:
            return None
        problem = {name: getattr(self.refusal, name) for name in ("status", "slug", "detail")}
        return {**problem, "reason": self.reason, "did_you_mean": self.meant}


def explain_unknown_path(refusal: GatewayError, path: str, table: RoutingTable) -> Answer:
    """Explain why no entry of the table has this path."""
    first, *values = path.split("/")
    names = [model.name for model in table.models()]
    forms = [name for name in names if name.partition("/")[0] == first]
    if forms:
        return Answer(refusal, f"the table has {' and '.join(forms)}: count the segments")
    like = [name.partition("/")[0] for name in names if name.count("/") == len(values)]
    close = closest(first, like) or closest(first, (name.partition("/")[0] for name in names))
    meant = None if close is None else "/".join([close, *values])
    return Answer(refusal, "no entry of the table has this path", meant)


def explain_refusal(refusal: GatewayError, found: Match, caller: Caller) -> Answer:
    """Explain why the gateway refuses a path that the table has."""
    if isinstance(refusal, GatewayMisconfigured):
        return Answer(refusal, refusal.reason)
    if isinstance(refusal, Unauthorized):
        return Answer(refusal, caller.refused)
    if isinstance(refusal, UnknownModel):
        grants = " ".join(caller.identity.grants) or "none"
        return Answer(
            refusal,
            f"the table has this path, but no grant of {caller.description} covers it; "
            f"the grants are: {grants}",
        )
    if isinstance(refusal, InvalidParameter):
        return Answer(refusal, meant=tables.corrected(found))
    return Answer(refusal)
