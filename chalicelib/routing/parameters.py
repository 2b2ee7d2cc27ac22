"""The parameters in a model's name, and the values that a path may give them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.errors import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MOST_PARAMETERS = 2
"""The largest number of parameters in one model's name."""

LONGEST_VALUE = 63
VALUE_RULE = f"1 to {LONGEST_VALUE} characters of A-Z a-z 0-9 . _ ~ -"

_VALUE = r"[A-Za-z0-9._~-]+"


def is_value(text: str) -> bool:
    """Whether any parameter may have this value; nothing is decoded, and `%` is refused."""
    return len(text) <= LONGEST_VALUE and re.fullmatch(_VALUE, text) is not None


@dataclass(frozen=True, slots=True)
class OneOf:
    """A rule: the value is one of a list."""

    values: frozenset[str]
    _sorted: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def admits(self, value: str) -> bool:
        """Whether the rule allows this value."""
        return value in self.values

    def admitted(self, values: Collection[str]) -> list[str]:
        """Return those of the values that the rule allows."""
        fewer, more = sorted((values, self.values), key=len)
        return [value for value in fewer if value in more]

    def described(self) -> dict[str, object]:
        """Return the rule as `GET /models` shows it."""
        return {"one_of": self._in_order()}

    def example(self) -> str | None:
        """Return a value that the rule allows."""
        return self._in_order()[0]

    def _in_order(self) -> list[str]:
        if not self._sorted:  # once, because there can be tens of thousands
            self._sorted[:] = sorted(self.values)
        return self._sorted

    # The text does not list the values, because a caller may see only those granted to it.
    def __str__(self) -> str:
        return "one of the values that GET /models lists for it"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A rule: a regular expression matches the value from end to end."""

    pattern: str

    def admits(self, value: str) -> bool:
        """Whether the rule allows this value."""
        return re.fullmatch(self.pattern, value) is not None

    def admitted(self, values: Collection[str]) -> list[str]:
        """Return those of the values that the rule allows."""
        return [value for value in values if self.admits(value)]

    def described(self) -> dict[str, object]:
        """Return the rule as `GET /models` shows it."""
        return {"pattern": self.pattern}

    def example(self) -> str | None:
        """Return None: no value is known."""
        return None

    def __str__(self) -> str:
        return f"a text that {self.pattern} matches from end to end"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `{parameter}` of a model's name."""

    name: str
    rule: OneOf | Pattern

    def check(self, value: str) -> None:
        """Check a value.

        Raises:
            InvalidParameter: The value breaks the rule.
        """
        if not is_value(value):
            raise InvalidParameter(self.name, value, VALUE_RULE)
        if not self.rule.admits(value):
            raise InvalidParameter(self.name, value, str(self.rule))


RULES: dict[str, Callable[[Any], OneOf | Pattern]] = {
    "one_of": lambda values: OneOf(frozenset(values)),
    "pattern": Pattern,
}


def parameter(name: str, rule: dict[str, Any]) -> Parameter:
    """Return the parameter of a checked row; `rule` has one key, which is one of `RULES`."""
    ((key, value),) = rule.items()
    return Parameter(name, RULES[key](value))
