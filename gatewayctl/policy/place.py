"""Where the resources of a policy are: partition, region and account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.policy.names import ANY
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RULES = {
    "partition": (r"\*|aws(-[a-z]+)*", "aws, aws-cn, aws-us-gov or the like, or *"),
    "region": (r"\*|[a-z]{2,}(-[a-z]+)+-[0-9]+", "a region such as eu-west-1, or *"),
    "account": (r"\*|[0-9]{12}", "the twelve digits of an account, or *"),
}

_WRITTEN = re.compile(
    '"arn:(?P<partition>{partition}):logs:(?P<region>{region}):(?P<account>{account}):'.format(
        **{name: rule for name, (rule, _) in RULES.items()}
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """A partition, a region and an account; `*` is any."""

    partition: str = ANY
    region: str = ANY
    account: str = ANY

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something that belongs to a region and an account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def written(policy: Path) -> dict[str, str]:
    """What a policy that was made earlier says; nothing, if there is none."""
    try:
        match = _WRITTEN.search(policy.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return match.groupdict() if match else {}


def given(said: Mapping[str, str | None]) -> dict[str, str]:
    """What somebody says of them, checked."""
    checked = {name: text for name, text in said.items() if text is not None}
    for name, text in checked.items():
        rule, meaning = RULES[name]
        if not re.fullmatch(rule, text):
            raise WrongUse(f"--{name} is {text!r}; it must be {meaning}")
    return checked
