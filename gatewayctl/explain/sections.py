"""The parts of an explanation, each as lines and as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.errors import ModelNotReady, UpstreamFailed, UpstreamThrottled, UpstreamUnreachable
from chalicelib.payload.admission import negotiate
from chalicelib.routing.headers import PASSED, RETURNED, TIMEOUT
from chalicelib.sagemaker.attempts import WARM_SECONDS, Attempts, RetryBudget
from chalicelib.telemetry.log import TABLE_DIGITS
from gatewayctl.policy.needs import needed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.errors import GatewayError
    from chalicelib.routing.table import Match, Model
    from gatewayctl.explain.caller import Caller
    from gatewayctl.explain.errand import Errand, Question

NO_END_SECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Section:
    """One part; as data its name has no spaces."""

    name: str
    lines: Sequence[str]
    data: object


def entry(model: Model, file: str, line: int) -> Section:
    return Section(
        "entry",
        [f"{model.name}, {file}:{line}, kind {model.target.kind}"],
        {"name": model.name, "kind": model.target.kind, "file": file, "line": line},
    )


def parameters(found: Match) -> Section:
    pairs = list(zip(found.model.parameters, found.values, strict=True))
    return Section(
        "parameters",
        [f"{declared.name} = {value}" for declared, value in pairs],
        {declared.name: value for declared, value in pairs},
    )


def grant(caller: Caller, path: str, now: int) -> Section:
    """Which of the caller's grants decide."""
    deciding = caller.deciding(path, now)
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


def call(errand: Errand) -> Section:
    """What InvokeEndpoint is given besides the body."""
    arguments = errand.arguments
    said = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return Section("call", [f"InvokeEndpoint({said}, Body=…)"], arguments)


def accept(question: Question, model: Model) -> Section:
    """From what the caller asks for to what SageMaker is asked for."""
    offers = list(model.accepts)
    try:
        chosen = negotiate(question.accept or "", model.accepts)
        outcome = "no Accept goes on" if chosen is None else f"{chosen} goes on"
    except LookupError:
        chosen, outcome = None, "they have nothing in common"
    line = (
        f"{question.accept or 'none is sent'}; the model can answer {', '.join(offers)}: {outcome}"
    )
    return Section("accept", [line], {"sent": question.accept, "chosen": chosen, "offers": offers})


def content_type(question: Question, model: Model) -> Section:
    given = question.content_type
    known = ", ".join(model.content_types)
    assumed = "none is given, the first is assumed"
    return Section(
        "content type",
        [f"{given or assumed}; the model takes {known}"],
        {"sent": given, "takes": list(model.content_types)},
    )


def headers(model: Model) -> Section:
    """What else may pass, in both directions."""
    there = [PASSED[name][0] for name in model.pass_headers]
    back = [header for name in model.return_headers for header in RETURNED[name]]
    lines = [f"to the model: {', '.join(there)}"] if there else []
    lines += [f"to the caller: {', '.join(back)}"] if back else []
    return Section("headers", lines, {"pass": there, "return": back})


def deadline(
    question: Question, model: Model, platform: Mapping[str, float], errand: Errand
) -> Section:
    """Every budget, and the least of them, which is in force."""
    budgets = {"timeout_seconds": model.timeout_seconds, **platform}
    if question.timeout_ms is not None:
        budgets[TIMEOUT] = int(question.timeout_ms) / 1000
    listed = ", ".join(f"{name} {budget:g} s" for name, budget in budgets.items())
    return Section(
        "deadline",
        [f"{errand.seconds:g} s for the call, so that its answer is out by the least of: {listed}"],
        {"seconds": errand.seconds, "budgets": budgets},
    )


def attempts(model: Model) -> Section:
    """Which errors are tried again, as the gateway decides it on a first failure."""
    retried = sorted(
        (UpstreamFailed, UpstreamThrottled, UpstreamUnreachable),
        key=lambda error: -(error.retry_pause_seconds or 0),
    )
    pauses = {
        error.slug: error.retry_pause_seconds
        for error in retried
        if _is_tried_again(error(), model)
    }
    lines = [
        f"at most {model.max_attempts}, as long as there is time and a retry left in the budget"
    ]
    lines += [f"again about {pause:g} s after {slug}" for slug, pause in pauses.items()]
    data = {"most": model.max_attempts, "again_after": pauses}
    return Section("attempts", lines if pauses else ["one"], data)


def cold_start(model: Model) -> Section:
    """What becomes of a call of an artifact that is being loaded."""
    waits = _is_tried_again(ModelNotReady(), model)
    told = "when SageMaker says that it is loading"
    if "TargetModel" in model.target.invoke_args():
        told += f", or is silent about one that has not answered for {WARM_SECONDS:g} s"
    refusal = f"{ModelNotReady.status} {ModelNotReady.slug}"
    line = f"{model.cold_start}: asked again until the deadline, then {refusal}"
    if not waits:
        line = f"{model.cold_start}: {refusal} {told}"
    return Section("cold start", [line], {"cold_start": model.cold_start, "asks_again": waits})


def permission(errand: Errand) -> Section:
    """What the handler's role has to allow for this one call."""
    need = needed(errand.resolved.target)
    lines = [f"{need.action} on {' and '.join(need.resources)}"]
    condition = None
    if need.condition is not None:
        key, value = need.condition
        condition = {key: value}
        lines.append(f"if {key} is {value}")
    data = {"action": need.action, "resources": list(need.resources), "condition": condition}
    return Section("permission", lines, data)


def table(file: str, digest: str, models: int) -> Section:
    return Section(
        "table",
        [f"{file}, {models:,} models, {digest[:TABLE_DIGITS]} in GET /health"],
        {"file": file, "models": models, "sha256": digest},
    )


def _is_tried_again(error: GatewayError, model: Model) -> bool:
    """Whether the gateway would do that, with a full budget and all the time in the world."""
    return Attempts(model, RetryBudget()).pause_seconds(error, NO_END_SECONDS) is not None
