"""Names of artifacts on multi-model endpoints.

SageMaker keeps what it has loaded, in memory and on disk, for as long as there is room: an object
that is overwritten in S3 goes on answering as it did, on some instances and not on others. AWS's
own advice is a new name for each version.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.errors import quoted
from chalicelib.routing.parameters import OneOf
from chalicelib.routing.targets import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.table import Model
    from gatewayctl.lint.subject import Remark, Subject

SUFFIX = ".tar.gz"

# Between separators: a number, a date or a time, with or without a word before it; or a commit.
_VERSION = re.compile(
    r"(?<![a-z0-9])((v|ver|version|r|rev|release|b|build)?[0-9]+((t|a|b|rc)[0-9]+z?)?"
    r"|(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{7,64})(?![a-z0-9])",
    re.IGNORECASE,
)

# Of a pattern: its numbers of repeats; what matches a dot alone; and what may match a digit.
_REPEATS = re.compile(r"\{[0-9,]+\}")
_DOT = re.compile(r"\\\.|\[\.\]")
_DIGIT = re.compile(r"[0-9.]|\\[dw]|\[\^")


def unversioned(subject: Subject) -> Iterator[Remark]:
    """An artifact that has the same name in every version."""
    for entry in subject.entries():
        name = _unversioned(entry.model)
        if name is not None:
            yield (
                entry.at("target_model"),
                f"the artifact {quoted(name)} has no version in its name, and SageMaker may go on "
                "using what it has loaded when it is overwritten; give each version its own name, "
                f"as in {quoted(f'{name.removesuffix(SUFFIX)}-v1{SUFFIX}')}",
            )


def not_an_archive(subject: Subject) -> Iterator[Remark]:
    """An artifact that SageMaker cannot unpack."""
    for entry in subject.entries():
        name = _not_an_archive(entry.model)
        if name is not None:
            yield (
                entry.at("target_model"),
                f"the artifact {quoted(name)} does not end in {SUFFIX}, and a multi-model endpoint "
                "loads nothing else; pack it as one, and write its whole name",
            )


def _unversioned(model: Model) -> str | None:
    """One of the model's artifacts without a version, if there is any."""
    template = _template(model)
    nothing = {parameter.name: "" for parameter in model.parameters}
    if template is None or _has_version(fill(template, nothing)):
        return None
    some = {p.name: _value_without(p, _has_version, _may_be_version) for p in model.parameters}
    # A value with a version in every case is enough, whichever parameter it is of.
    return None if None in some.values() else fill(template, {k: v or "" for k, v in some.items()})


def _not_an_archive(model: Model) -> str | None:
    """One of the model's artifacts that is no archive by its name, if there is any."""
    template = _template(model)
    if template is None or template.endswith(SUFFIX):
        return None
    for last in model.parameters:
        if template.endswith(f"{{{last.name}}}"):
            value = _value_without(last, _is_archive, _ends_as_archive)
            return None if value is None else fill(template, {last.name: value})
    return template


def _template(model: Model) -> str | None:
    return model.target.invoke_args().get("TargetModel")


def _value_without(
    parameter: Parameter, has_it: Callable[[str], bool], may_give_it: Callable[[str], bool]
) -> str | None:
    """A value that lacks something, `{name}` for what a pattern takes; None if none lacks it."""
    rule = parameter.rule
    if isinstance(rule, OneOf):
        return next((value for value in sorted(rule.values) if not has_it(value)), None)
    return None if may_give_it(_REPEATS.sub("", rule.pattern)) else f"{{{parameter.name}}}"


def _has_version(text: str) -> bool:
    return _VERSION.search(text.removesuffix(SUFFIX)) is not None


def _may_be_version(pattern: str) -> bool:
    return _DIGIT.search(_DOT.sub("", pattern)) is not None


def _is_archive(text: str) -> bool:
    return text.endswith(SUFFIX)


def _ends_as_archive(pattern: str) -> bool:
    return _DOT.sub(".", pattern).endswith(SUFFIX)
