"""The rules, and what they say as warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.lint.artifacts import not_an_archive, unversioned
from gatewayctl.lint.cold_starts import no_time_to_load
from gatewayctl.lint.metrics import price_of_metrics
from gatewayctl.lint.targets import same_target, two_kinds
from gatewayctl.tables import TableWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gatewayctl.lint.subject import Remark, Subject
    from gatewayctl.tables import Lines

RULES: tuple[Callable[[Subject], Iterator[Remark]], ...] = (
    unversioned,
    not_an_archive,
    no_time_to_load,
    two_kinds,
    same_target,
    price_of_metrics,
)


def warnings(subject: Subject, lines: Lines, file: str) -> list[TableWarning]:
    """Everything that the rules say, in the order of the lines."""
    remarks = (remark for rule in RULES for remark in rule(subject))
    return sorted(_placed(remarks, lines, file), key=lambda warning: warning.line or 0)


def _placed(remarks: Iterable[Remark], lines: Lines, file: str) -> Iterator[TableWarning]:
    for keys, text in remarks:
        line, path = lines.of(keys)
        yield TableWarning(file, line, path, text)
