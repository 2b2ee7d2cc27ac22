"""What `gatewayctl explain` prints: the answer, and then section by section the reasons for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.errors import (
    InvalidParameter,
    ModelNotReady,
    Unauthorized,
    UnknownModel,
    UpstreamFailed,
    UpstreamThrottled,
    UpstreamUnreachable,
    closest,
)
from chalicelib.payload.admission import negotiate
from chalicelib.routing.headers import PASSED, RETURNED, TIMEOUT
from chalicelib.routing.parameters import OneOf
from chalicelib.sagemaker.attempts import WARM_SECONDS, Attempts, RetryBudget
from chalicelib.telemetry.log import TABLE_DIGITS
from gatewayctl.policy.needs import permission_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.errors import GatewayError
    from chalicelib.routing.table import Match, Model, RoutingTable
    from gatewayctl.commands.explain import Caller, DryRun, Request
    from gatewayctl.tables import TableFile

UNLIMITED_SECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Answer:
    """The gateway's refusal and its reason; without a refusal, the model answers."""

    refusal: GatewayError | None = None
    reason: str | None = None
    """A reason that the gateway does not tell the caller."""
    meant: str | None = None
    """The path that was probably meant."""

    def lines(self) -> list[str]:
        if self.refusal is None:
            return ["the model's own"]
        lines = [f"{self.refusal.status} {self.refusal.slug}: {self.refusal.detail}"]
        lines += [self.reason] if self.reason else []
        return lines + ([f"did you mean {self.meant}?"] if self.meant else [])

    def data(self) -> dict[str, object] | None:
        if self.refusal is None:
            return None
        problem = {name: getattr(self.refusal, name) for name in ("status", "slug", "detail")}
        return {**problem, "reason": self.reason, "did_you_mean": self.meant}


def unknown_path(refusal: UnknownModel, path: str, table: RoutingTable) -> Answer:
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


def refused(refusal: GatewayError, found: Match, path: str, caller: Caller) -> Answer:
    """Explain why the gateway refuses a path that the table has."""
    if isinstance(refusal, Unauthorized):
        return Answer(refusal, caller.refused)
    if isinstance(refusal, UnknownModel):
        grants = " ".join(caller.identity.grants) or "none"
        return Answer(
            refusal,
            f"the table has this path, but no grant of {caller.described} covers it; "
            f"the grants are: {grants}",
        )
    if isinstance(refusal, InvalidParameter):
        return Answer(refusal, meant=_corrected(found, path))
    return Answer(refusal)


def _corrected(found: Match, path: str) -> str | None:
    """Return the path with each misspelt listed value corrected, if all can be corrected."""
    segments = [path.partition("/")[0]]
    for declared, value in zip(found.model.parameters, found.values, strict=True):
        rule = declared.rule
        if rule.admits(value):
            segments.append(value)
        elif isinstance(rule, OneOf) and (close := closest(value, rule.values)):
            segments.append(close)
        else:
            return None
    return "/".join(segments)


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its lines as text, its data for `--format json`."""

    name: str
    lines: Sequence[str]
    data: object


def entry(model: Model, file: TableFile) -> Section:
    line, _ = file.lines.of(("models", model.name))
    return Section(
        "entry",
        [f"{model.name}, {file.name}:{line}, kind {model.target.kind}"],
        {"name": model.name, "kind": model.target.kind, "file": file.name, "line": line},
    )


def parameters(found: Match) -> Section:
    pairs = list(zip(found.model.parameters, found.values, strict=True))
    return Section(
        "parameters",
        [f"{declared.name} = {value}" for declared, value in pairs],
        {declared.name: value for declared, value in pairs},
    )


def grant(caller: Caller, path: str, now: int) -> Section:
    """Name the grants of the caller that admit the path."""
    deciding = caller.deciding_grants(path, now)
    lines = [f"{one} of {caller.described}" for one in deciding]
    identity = caller.identity
    return Section(
        "grant",
        lines or [f"none of {caller.described}"],
        {
            "principal": identity.principal,
            "key_id": identity.key_id,
            "grants": list(identity.grants),
            "deciding": deciding,
        },
    )


def call(dry_run: DryRun) -> Section:
    """Show the arguments of InvokeEndpoint."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in dry_run.arguments.items())
    return Section("call", [f"InvokeEndpoint({arguments}, Body=…)"], dry_run.arguments)


def accept(request: Request, model: Model) -> Section:
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


def content_type(request: Request, model: Model) -> Section:
    given = request.content_type
    known = ", ".join(model.content_types)
    assumed = f"{model.content_types[0]} is assumed, as no --content-type is given"
    return Section(
        "content type",
        [f"{given or assumed}; the model takes {known}"],
        {"sent": given, "takes": list(model.content_types)},
    )


def headers(model: Model) -> Section:
    """Show the other headers that pass, in both directions."""
    passed = [PASSED[name][0] for name in model.pass_headers]
    returned = [header for name in model.return_headers for header in RETURNED[name]]
    lines = [f"to the model: {', '.join(passed)}"] if passed else []
    lines += [f"to the caller: {', '.join(returned)}"] if returned else []
    return Section("headers", lines, {"pass": passed, "return": returned})


def deadline(
    request: Request, model: Model, platform_seconds: Mapping[str, float], dry_run: DryRun
) -> Section:
    """Show every time limit of the request, and the time that the shortest leaves for the call."""
    limits = {"timeout_seconds": model.timeout_seconds, **platform_seconds}
    if request.timeout_ms is not None:
        limits[TIMEOUT] = int(request.timeout_ms) / 1000
    listed = ", ".join(f"{name} {limit:g} s" for name, limit in limits.items())
    return Section(
        "deadline",
        [f"{dry_run.seconds:g} s for the call, from the shortest of: {listed}"],
        {"seconds": dry_run.seconds, "budgets": limits},
    )


def attempts(model: Model) -> Section:
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


def cold_start(model: Model) -> Section:
    """Show what happens to a call of an artifact that SageMaker is still loading."""
    waits = _is_tried_again(ModelNotReady(), model)
    refusal = f"{ModelNotReady.status} {ModelNotReady.slug}"
    when = "if SageMaker says that the artifact is loading"
    if "TargetModel" in model.target.invoke_args():
        when += f", or does not answer and the artifact has not answered for {WARM_SECONDS:g} s"
    line = f"{model.cold_start}: {refusal} {when}"
    if waits:
        line = f"{model.cold_start}: tried again until the deadline, then {refusal}"
    return Section("cold start", [line], {"cold_start": model.cold_start, "asks_again": waits})


def permission(dry_run: DryRun) -> Section:
    """Show what the handler's role has to allow for this one call."""
    need = permission_for(dry_run.resolved.target)
    lines = [f"{need.action} on {' and '.join(need.resources)}"]
    condition = None
    if need.condition is not None:
        key, value = need.condition
        condition = {key: value}
        lines.append(f"if {key} is {value}")
    data = {"action": need.action, "resources": list(need.resources), "condition": condition}
    return Section("permission", lines, data)


def table(file: TableFile) -> Section:
    digest, models = file.table.digest, len(file.table)
    return Section(
        "table",
        [f"{file.name}, {models:,} models, {digest[:TABLE_DIGITS]} in GET /health"],
        {"file": file.name, "models": models, "sha256": digest},
    )


def _is_tried_again(error: GatewayError, model: Model) -> bool:
    """Whether the gateway tries again after a first error, if budget and time allow it."""
    return Attempts(model, RetryBudget()).pause_seconds(error, UNLIMITED_SECONDS) is not None
