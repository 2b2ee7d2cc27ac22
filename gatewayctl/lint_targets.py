"""The rules of `gatewayctl validate` about targets: of one entry, and of several together."""

from __future__ import annotations

from statistics import mode
from typing import TYPE_CHECKING

from chalicelib.jobs.async_request import ASYNC_ARGUMENTS
from chalicelib.routing.headers import PASSED, PRINCIPAL, ROUTING_KEY
from chalicelib.routing.targets import fill
from gatewayctl.target_names import title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Model
    from chalicelib.routing.targets import Target
    from gatewayctl.lint_table import Entry, Remark, Table

FOR_ASYNC = ("request_ttl_seconds", "invocation_timeout_seconds")
NOT_FOR_ASYNC = ("timeout_seconds", "cold_start", "cold_seconds", "job_seconds", "return_headers")


def all_or_nothing(table: Table) -> Iterator[Remark]:
    """Find entries that keep each principal, and so all users of an application, at one target."""
    for entry in table.entries():
        if entry.model.sticky == PRINCIPAL:
            yield (
                entry.at("sticky"),
                "an application with one API key is all or nothing: all of its users get the same "
                "target, whatever the weights are; write 'routing-key' and let it send "
                f"{ROUTING_KEY}, or leave it if each of your callers has a key of its own",
            )


def without_effect(table: Table) -> Iterator[Remark]:
    """Find options of entries that are for asynchronous endpoints alone, or for all others."""
    for entry in table.entries():
        is_async = entry.model.target.is_async
        others = NOT_FOR_ASYNC if is_async else FOR_ASYNC
        why = "kind async answers with a job" if is_async else "only kind async has it"
        for option in others:
            if option in entry.row:
                yield entry.at(option), f"has no effect, because {why}; remove it"
        if is_async and "pass_headers" in entry.row:
            lost = [
                word
                for word in entry.model.pass_headers
                if PASSED[word].argument not in ASYNC_ARGUMENTS
            ]
            if lost:
                yield (
                    entry.at("pass_headers"),
                    f"{', '.join(lost)} cannot reach an asynchronous endpoint; remove what it does "
                    "not take",
                )


def loads_artifact(model: Model) -> bool:
    """Whether one of the targets is an artifact, which SageMaker has to load."""
    return any("TargetModel" in one.invoke_args for one in model.targets)


def never_called(table: Table) -> Iterator[Remark]:
    """Find targets that get no call: they have no weight, and are no fallback."""
    for entry in table.entries():
        for target in entry.model.targets:
            if not target.weight and target.name not in entry.model.fallback:
                yield (
                    entry.of(target),
                    "is never called, because it has no weight and is no fallback; give it a "
                    "weight, or name it in 'fallback', or remove it",
                )


def same_within(table: Table) -> Iterator[Remark]:
    """Find targets of an entry that are the same as another one of it."""
    for entry in table.entries():
        first: dict[Target, str | None] = {}
        for target in entry.model.targets:
            other = first.setdefault(target.target, target.name)
            if other != target.name:
                what = (
                    "a fallback to it calls what has just failed"
                    if target.name in entry.model.fallback
                    else "its weight can be added to the other one's"
                )
                yield (
                    entry.of(target),
                    f"is the same as {other}, so {what}; correct it if it was copied, or remove it",
                )


def too_long_for_a_fallback(table: Table) -> Iterator[Remark]:
    """Find entries whose requests end before `cold_seconds` are over."""
    for entry in table.entries():
        model = entry.model
        if model.fallback and loads_artifact(model) and model.cold_seconds >= model.timeout_seconds:
            option = "cold_seconds" if table.sets(entry, "cold_seconds") else "timeout_seconds"
            yield (
                entry.where(option),
                f"a cold artifact of {model.name} is waited for {model.timeout_seconds / 2:g} s, "
                f"and not for {model.cold_seconds:g} s, because half of the request's "
                f"{model.timeout_seconds:g} s are kept for the fallback; give cold_seconds less "
                "than timeout_seconds",
            )


def two_kinds(table: Table) -> Iterator[Remark]:
    """Find targets that give an endpoint another kind than most targets of the endpoint."""
    together: dict[tuple[object, ...], list[tuple[Entry, NamedTarget]]] = {}
    for entry in table.entries():
        for one in entry.model.targets:
            place = (one.target.place, one.target.endpoint, one.invoke_args.get("TargetVariant"))
            together.setdefault(place, []).append((entry, one))
    for (_, endpoint, _), users in together.items():
        usual = mode(one.target.kind for _, one in users)
        kinds = {
            one.target.kind: title(entry.model.name, one.name) for entry, one in reversed(users)
        }
        for entry, one in users:
            kind = one.target.kind
            if kind != usual:
                yield (
                    entry.of(one, "kind"),
                    f"the endpoint {endpoint} is {kind} here and {usual} to {kinds[usual]}, and "
                    "cannot be both; correct one of them",
                )


def same_target(table: Table) -> Iterator[Remark]:
    """Find entries that differ from an earlier entry in nothing but their name."""
    first: dict[tuple[object, ...], Model] = {}
    for entry in table.entries():
        model = entry.model
        other = first.setdefault(_without_names(model), model)
        if other is not model:
            yield (
                entry.at(),
                f"has the same target as {other.name}; correct it if it was copied, or give each "
                "a description of its own if both names are meant",
            )


def _without_names(model: Model) -> tuple[object, ...]:
    """Return what matters to callers, with numbers in place of the parameters' names."""
    numbered = {p.name: f"{{{number}}}" for number, p in enumerate(model.parameters)}
    targets = tuple(
        (
            one.target.kind,
            one.target.place,
            one.weight,
            *(fill(value, numbered) for value in one.invoke_args.values()),
        )
        for one in model.targets
    )
    rules = tuple(parameter.rule for parameter in model.parameters)
    return (targets, rules, model.description)
