"""The parts of an explanation about targets: shares, the call, cold starts, permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api.jobs import RESPOND_ASYNC, SUBMIT_SECONDS
from chalicelib.errors import ModelNotReady, quoted
from chalicelib.jobs.async_request import ASYNC_ARGUMENTS, MAX_INLINE_BYTES
from chalicelib.routing.headers import PASSED, PREFER, PRINCIPAL, RETURNED, STICKY, TIMEOUT
from chalicelib.sagemaker.attempts import WARM_SECONDS
from gatewayctl.commands.explain_sections import Section
from gatewayctl.output import percent
from gatewayctl.policy.needs import permission_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Model
    from gatewayctl.commands.explain_dry_run import DryRun, Request


def targets_section(model: Model, dry_run: DryRun | None, key: str | None) -> Section:
    """Show which share each target has, where it is, and which one this request gets.

    Args:
        model: The entry.
        dry_run: The call; None if the gateway refuses the request.
        key: What the user gives to keep the caller at one target.
    """
    total = sum(one.weight for one in model.targets)
    kept_by = None if dry_run is None else dry_run.kept_by
    chosen = None if kept_by is None or dry_run is None else dry_run.resolved.targets[0].name
    lines = [*_shares(model, total), *_choice(model, chosen, kept_by)]
    if key is not None and model.sticky is None:
        lines.append("the entry is not sticky, so the routing key has no effect")
    data = {
        "targets": [_data(one, total) for one in model.targets],
        "sticky": model.sticky,
        "fallback": list(model.fallback),
        "chosen": chosen,
    }
    return Section("targets", lines, data)


def _shares(model: Model, total: int) -> Iterator[str]:
    for one in model.targets:
        where = list(_where(one))
        if one.name is not None:
            use = "only as a fallback" if one.name in model.fallback else "never"
            share = percent(one.weight / total) if one.weight else use
            arguments = ", ".join(f"{name}={value!r}" for name, value in one.invoke_args.items())
            where = [f"{one.name}: {share}", one.target.kind, arguments, *where]
        if where:
            yield ", ".join(where)


def _where(one: NamedTarget) -> Iterator[str]:
    region, role_arn = one.target.place
    if region is not None:
        yield f"in {region}"
    if role_arn is not None:
        yield f"by {role_arn}"


def _choice(model: Model, chosen: str | None, kept_by: str | None) -> Iterator[str]:
    if model.sticky is not None:
        what = "the principal" if model.sticky == PRINCIPAL else STICKY[model.sticky][0]
        got = "" if chosen is None else f"; {quoted(kept_by or '')} gets {chosen}"
        yield f"a caller is kept at one target by {what}{got}"
    if model.fallback:
        yield f"after a failure: {', '.join(model.fallback)}"


def _data(one: NamedTarget, total: int) -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.target.kind,
        "weight": one.weight,
        "share": one.weight / total,
        "arguments": dict(one.invoke_args),
        **one.target.place._asdict(),
    }


def headers_section(model: Model) -> Section:
    """Show the other headers that the gateway passes on, in both directions."""
    known = [PASSED[name] for name in model.pass_headers]
    returned = [header for name in model.return_headers for header in RETURNED[name]]
    if model.target.is_async:  # its operation has no others, and the answer is an object of S3
        known, returned = [one for one in known if one.argument in ASYNC_ARGUMENTS], []
    passed = [one.name for one in known]
    lines = [f"to the model: {', '.join(passed)}"] if passed else []
    lines += [f"to the caller: {', '.join(returned)}"] if returned else []
    return Section("headers", lines, {"pass": passed, "return": returned})


def deadline_section(
    request: Request, platform_seconds: Mapping[str, float], dry_run: DryRun
) -> Section:
    """Show every time limit of the request, and how much time the call of SageMaker has."""
    if dry_run.is_async:
        limits = {"the submission of a job": SUBMIT_SECONDS, **platform_seconds}
    else:
        limits = {"timeout_seconds": dry_run.resolved.model.timeout_seconds, **platform_seconds}
        if request.timeout_ms is not None:
            limits[TIMEOUT] = int(request.timeout_ms) / 1000
    listed = ", ".join(f"{name} {limit:g} s" for name, limit in limits.items())
    return Section(
        "deadline",
        [f"{dry_run.seconds:g} s for the call, from the shortest of: {listed}"],
        {"seconds": dry_run.seconds, "budgets": limits},
    )


def job_section(model: Model) -> Section:
    """Show the time limits of a job."""
    if not model.target.is_async:
        line = f"with {PREFER}: {RESPOND_ASYNC}, 202 and a job of at most {model.job_seconds} s"
        return Section("job", [line], {"seconds": model.job_seconds})
    ttl, invocation = model.request_ttl_seconds, model.invocation_timeout_seconds
    line = f"SageMaker begins it within {ttl} s, and gives the container {invocation} s"
    data = {"request_ttl_seconds": ttl, "invocation_timeout_seconds": invocation}
    return Section("job", [line], data)


def call_section(dry_run: DryRun) -> Section:
    """Show the arguments of InvokeEndpoint, or of InvokeEndpointAsync."""
    first = dry_run.resolved.targets[0]
    arguments = ", ".join(f"{name}={value!r}" for name, value in dry_run.arguments.items())
    whose = [f"of {first.name}"] if first.name is not None else []
    operation, lines = "InvokeEndpoint", []
    if dry_run.is_async:
        operation = "InvokeEndpointAsync"
        lines.append(
            f"over {MAX_INLINE_BYTES:,} bytes, InputLocation in the place of Body: an object of "
            "the gateway's own"
        )
    line = ", ".join([f"{operation}({arguments}, Body=…)", *whose, *_where(first)])
    return Section("call", [line, *lines], dry_run.arguments)


def cold_start_section(dry_run: DryRun, *, asks_again: bool) -> Section:
    """Show what the gateway does while SageMaker is loading the artifact."""
    model = dry_run.resolved.model
    refusal = f"{ModelNotReady.status} {ModelNotReady.slug}"
    when = "if SageMaker says that the artifact is loading"
    has_artifact = "TargetModel" in dry_run.resolved.invoke_args
    if has_artifact:
        when += f", or does not answer and the artifact has not answered for {WARM_SECONDS:g} s"
    lines = [f"{model.cold_start}: {refusal} {when}"]
    if asks_again:
        lines = [f"{model.cold_start}: tried again until the deadline, then {refusal}"]
    if has_artifact and model.fallback:
        seconds = min(model.cold_seconds, dry_run.seconds / 2)  # as `Deadline.step` does
        lines.insert(0, f"if a fallback is warm, it answers after {seconds:g} s; else")
    data = {"cold_start": model.cold_start, "asks_again": asks_again}
    return Section("cold start", lines, {**data, "cold_seconds": model.cold_seconds})


def permission_section(dry_run: DryRun) -> Section:
    """Show what the role of the handler must allow for this call, or the role that it assumes."""
    target = dry_run.resolved.target
    need, role_arn = permission_for(target), target.place.role_arn
    lines = [f"{need.action} on {' and '.join(need.resources)}"]
    condition = None
    if need.condition is not None:
        key, value = need.condition
        condition = {key: value}
        lines.append(f"if {key} is {value}")
    if role_arn is not None:
        lines = [f"sts:AssumeRole on {role_arn}, which needs:", *lines]
    resources = list(need.resources)
    data = {"action": need.action, "resources": resources, "condition": condition}
    return Section("permission", lines, {**data, "role_arn": role_arn})
