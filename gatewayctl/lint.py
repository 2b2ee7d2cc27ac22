"""Finds the warnings of `gatewayctl validate`: probable mistakes in tables that a gateway accepts.

A rule is a generator in `RULES` that takes a `Table` and yields key paths with texts. Each text
says how to correct the table and, if the table may be right, how to end the warning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.errors import quoted
from chalicelib.routing.parameters import OneOf
from chalicelib.routing.targets import fill
from gatewayctl.account.artifacts import ARCHIVE, LEFT_BY_TRAINING, TRAINED, misfit
from gatewayctl.lint_table import Table
from gatewayctl.lint_targets import (
    all_or_nothing,
    loads_artifact,
    never_called,
    same_target,
    same_within,
    too_long_for_a_fallback,
    two_kinds,
    without_effect,
)
from gatewayctl.tables import TableWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.table import Model
    from gatewayctl.lint_table import Entry, KeyPath, Remark
    from gatewayctl.tables import TableFile


# A version between separators: a number, date or time, also after a word such as `v`; or a commit.
_VERSION = re.compile(
    r"(?<![a-z0-9])((v|ver|version|r|rev|release|b|build)?[0-9]+((t|a|b|rc)[0-9]+z?)?"
    r"|(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{7,64})(?![a-z0-9])",
    re.IGNORECASE,
)

# Parts of a parameter's pattern: a number of repeats, a literal dot, and what may match a digit.
_REPEATS = re.compile(r"\{[0-9,]+\}")
_DOT = re.compile(r"\\\.|\[\.\]")
_DIGIT = re.compile(r"[0-9.]|\\[dw]|\[\^")

LEAST_SECONDS = 5
"""A multi-model endpoint can hardly download and load an artifact in less time."""

MANY_MODELS = 1_000
METRICS_PER_MODEL = 10
"""The metrics that `chalicelib.telemetry.metrics` can write for a model with an artifact."""
METRICS_OF_A_HEALTHY_MODEL = 3
"""`Invocations` and the two latencies; the other metrics are written only if they are not zero."""
PRICES = "https://aws.amazon.com/cloudwatch/pricing/"
REGION = "us-east-1"
TIERS = ((30, 10_000), (10, 240_000), (5, 750_000))
"""US cents a month for a custom metric, and how many cost that much.

Source: the page `PRICES`, for `REGION`.
"""
LAST_CENTS = 2


def warnings(file: TableFile, has_model_metrics: Callable[[], bool]) -> Iterator[TableWarning]:
    """Yield the warnings about a valid table, rule by rule."""
    table = Table(file.table, has_model_metrics)
    for keys, text in (remark for rule in RULES for remark in rule(table)):
        line, path = file.lines.of(keys)
        yield TableWarning(file.name, line, path, text)


def unversioned(table: Table) -> Iterator[Remark]:
    """Find artifacts that have the same name in every version.

    SageMaker keeps an artifact that it has loaded for as long as there is room. If the object in
    S3 is overwritten, some instances go on with the old one.

    Source: SageMaker developer guide, "Add or Remove Models" of multi-model endpoints.
    """
    for entry, target, template in _templates(table):
        name = _unversioned(entry.model, template)
        if name is not None:
            yield (
                entry.of(target, "target_model"),
                f"the artifact {quoted(name)} has no version in its name, and SageMaker may go on "
                "using what it has loaded when it is overwritten; give each version its own name, "
                f"as in {quoted(f'{name.removesuffix(ARCHIVE)}-v1{ARCHIVE}')}",
            )


def not_an_archive(table: Table) -> Iterator[Remark]:
    """Find artifacts that SageMaker cannot unpack."""
    for entry, target, template in _templates(table):
        name = _not_an_archive(entry.model, template)
        if name is not None:
            yield (
                entry.of(target, "target_model"),
                f"the artifact {quoted(name)} does not end in {ARCHIVE}, and a multi-model "
                "endpoint loads nothing else; pack it as one, and write its whole name",
            )


def left_by_training(table: Table) -> Iterator[Remark]:
    """Find artifacts that are no models: what SageMaker training leaves beside a model."""
    for entry, target, name in _templates(table):
        if misfit(name) == LEFT_BY_TRAINING:
            yield (
                entry.of(target, "target_model"),
                f"the object {quoted(name)} is one {LEFT_BY_TRAINING}; name the model, as in "
                f"{quoted(f'<job>/{TRAINED}')}",
            )


def _unversioned(model: Model, template: str) -> str | None:
    """Return one of the artifacts that has no version, if there is one."""
    nothing = {parameter.name: "" for parameter in model.parameters}
    if _has_version(fill(template, nothing)):
        return None
    some = {p.name: _value_without(p, _has_version, _may_be_version) for p in model.parameters}
    # If every value of a parameter has a version, every artifact has one.
    return None if None in some.values() else fill(template, {k: v or "" for k, v in some.items()})


def _not_an_archive(model: Model, template: str) -> str | None:
    """Return one of the artifacts that does not end as an archive, if there is one."""
    if template.endswith(ARCHIVE):
        return None
    for last in model.parameters:
        if template.endswith(f"{{{last.name}}}"):
            value = _value_without(last, _is_archive, _ends_as_archive)
            return None if value is None else fill(template, {last.name: value})
    return template


def _templates(table: Table) -> Iterator[tuple[Entry, NamedTarget, str]]:
    """Yield each target that has a TargetModel, with its TargetModel."""
    for entry in table.entries():
        for target in entry.model.targets:
            if (template := target.invoke_args.get("TargetModel")) is not None:
                yield entry, target, template


def _value_without(
    parameter: Parameter, has_it: Callable[[str], bool], may_give_it: Callable[[str], bool]
) -> str | None:
    """Return a value of the parameter without a property; None if all values may have it.

    For a pattern, the value is written as `{name}`.

    Args:
        has_it: Whether a listed value has the property.
        may_give_it: Whether the values of a pattern may have the property.
    """
    rule = parameter.rule
    if isinstance(rule, OneOf):
        return next((value for value in sorted(rule.values) if not has_it(value)), None)
    return None if may_give_it(_REPEATS.sub("", rule.pattern)) else f"{{{parameter.name}}}"


def _has_version(text: str) -> bool:
    return _VERSION.search(text.removesuffix(ARCHIVE)) is not None


def _may_be_version(pattern: str) -> bool:
    return _DIGIT.search(_DOT.sub("", pattern)) is not None


def _is_archive(text: str) -> bool:
    return text.endswith(ARCHIVE)


def _ends_as_archive(pattern: str) -> bool:
    return _DOT.sub(".", pattern).endswith(ARCHIVE)


def no_time_to_load(table: Table) -> Iterator[Remark]:
    """Find each `timeout_seconds` that is too short for loading an artifact.

    There is no warning if the table says `cold_start: refuse`.
    """
    affected: dict[tuple[KeyPath, bool], list[Entry]] = {}
    for entry in table.entries():
        model = entry.model
        is_meant = model.cold_start == "refuse" and table.sets(entry, "cold_start")
        if loads_artifact(model) and not is_meant and model.timeout_seconds < LEAST_SECONDS:
            waits = model.cold_start == "wait"
            affected.setdefault((entry.where("timeout_seconds"), waits), []).append(entry)
    for (keys, waits), entries in affected.items():
        first = entries[0].model
        more = f" and {len(entries) - 1:,} more" if len(entries) > 1 else ""
        useless = " in spite of 'cold_start: wait'" if waits else ""
        yield (
            keys,
            f"{first.timeout_seconds:g} s are hardly enough to load the artifact of "
            f"{first.name}{more}, so a first call is answered 503 model-not-ready{useless}; give "
            f"it {LEAST_SECONDS} s or more, or write 'cold_start: refuse' if that is meant",
        )


def unused_example(table: Table) -> Iterator[Remark]:
    """Find examples that are sent in none of the model's content types."""
    for entry in table.entries():
        model = entry.model
        if model.example is not None and model.example_request() is None:
            first, *_ = model.content_types
            yield (
                entry.at("example"),
                f"it is JSON, and the model takes only {', '.join(model.content_types)}, so it is "
                "never used; write it as one text in quotes, which is sent as it stands as "
                f"{first}, or add application/json to content_types",
            )


def price_of_metrics(table: Table) -> Iterator[Remark]:
    """Find a table whose metrics for each model would be expensive."""
    having = [model for model in table.table.models() if model.metrics]
    models = len(having)
    targets = sum(one.name is not None for model in having for one in model.targets)
    written = models + targets
    if written > MANY_MODELS and table.has_model_metrics():
        most = monthly_usd(written * METRICS_PER_MODEL)
        healthy = monthly_usd(written * METRICS_OF_A_HEALTHY_MODEL)
        also = f" and {targets:,} of their targets" if targets else ""
        yield (
            ("models",),
            f"metrics of {models:,} models{also} cost up to {most:,.2f} USD a month when all are "
            f"called in every hour, {healthy:,.2f} while nothing fails ({METRICS_PER_MODEL} and "
            f"{METRICS_OF_A_HEALTHY_MODEL} custom metrics each; {REGION}, {PRICES}); "
            "'metrics: false' leaves out those of one model, and GATEWAY_METRICS_PER_MODEL=off "
            "writes the sums alone",
        )


def monthly_usd(metrics: int) -> float:
    """Return the price of so many custom metrics in US dollars a month.

    Source: the page `PRICES`, for `REGION`.
    """
    cents = 0
    for price, size in TIERS:
        cents += min(metrics, size) * price
        metrics = max(0, metrics - size)
    return (cents + metrics * LAST_CENTS) / 100


RULES: tuple[Callable[[Table], Iterator[Remark]], ...] = (
    unversioned,
    not_an_archive,
    left_by_training,
    no_time_to_load,
    unused_example,
    two_kinds,
    never_called,
    same_within,
    too_long_for_a_fallback,
    all_or_nothing,
    without_effect,
    same_target,
    price_of_metrics,
)
