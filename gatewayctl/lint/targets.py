"""Entries that agree too well, or not at all, about where they lead."""

from __future__ import annotations

from statistics import mode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.routing.table import Model
    from gatewayctl.lint.subject import Entry, Remark, Subject


def same_target(subject: Subject) -> Iterator[Remark]:
    """An entry that was copied, and of which only the name was changed."""
    first: dict[tuple[object, ...], Model] = {}
    for entry in subject.entries():
        model = entry.model
        other = first.setdefault(_what_callers_get(model), model)
        if other is not model:
            yield (
                entry.at(),
                f"has the same target as {other.name}; correct it if it was copied, or give each "
                "a description of its own if both names are meant",
            )


def two_kinds(subject: Subject) -> Iterator[Remark]:
    """One endpoint as two kinds of endpoint, of which it can be one: what most say is right."""
    together: dict[tuple[str, str | None], list[Entry]] = {}
    for entry in subject.entries():
        target = entry.model.target
        together.setdefault((target.endpoint, target.target_variant), []).append(entry)
    for (endpoint, _), entries in together.items():
        usual = mode(entry.model.target.kind for entry in entries)
        kinds = {entry.model.target.kind: entry.model.name for entry in reversed(entries)}
        for entry in entries:
            kind = entry.model.target.kind
            if kind != usual:
                yield (
                    entry.at("kind"),
                    f"the endpoint {endpoint} is {kind} here and {usual} to {kinds[usual]}, and "
                    "cannot be both; correct one of them",
                )


def _what_callers_get(model: Model) -> tuple[object, ...]:
    """Parameters by position: `{a}` of one entry may be `{b}` of another."""
    numbered = {p.name: f"{{{number}}}" for number, p in enumerate(model.parameters)}
    target = tuple(_renamed(value, numbered) for value in model.target.invoke_args().values())
    rules = tuple(parameter.rule for parameter in model.parameters)
    return (model.target.kind, target, rules, model.description)


def _renamed(template: str, numbered: dict[str, str]) -> str:
    for name, number in numbered.items():
        template = template.replace(f"{{{name}}}", number)
    return template
