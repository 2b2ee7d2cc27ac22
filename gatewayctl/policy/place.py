"""Finds the place of a policy's resources: the partition, the region and the account of ARNs.

Each part is what an option says, else what the policy files say, else that of the credentials,
else `*`. Checking the files asks nobody, so that every machine comes to the same result.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from gatewayctl.report import NotReachable, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

ANY = "*"
SERVICE = "sts"

PLACE_RULES = {
    "partition": (r"\*|aws(-[a-z]+)*", "aws, aws-cn, aws-us-gov or the like, or *"),
    "region": (r"\*|[a-z]{2,}(-[a-z]+)+-[0-9]+", "a region such as eu-west-1, or *"),
    "account": (r"\*|[0-9]{12}", "the twelve digits of an account, or *"),
}
"""By option: the pattern of its value, and the pattern in words."""

_WRITTEN_PLACE = re.compile(
    '"arn:(?P<partition>{partition}):logs:(?P<region>{region}):(?P<account>{account}):'.format(
        **{name: rule for name, (rule, _) in PLACE_RULES.items()}
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """The partition, the region and the account of a policy's resources; `*` is any."""

    partition: str = ANY
    region: str = ANY
    account: str = ANY

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource that belongs to a region and an account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def of_role(self, role_arn: str) -> Place:
        """Return the place of what a role can use: the account is the role's."""
        _, partition, _, _, account, _ = role_arn.split(":", 5)
        return replace(self, partition=partition, account=account)


def checked(options: Mapping[str, str | None]) -> dict[str, str]:
    """Return the options that are given.

    Raises:
        WrongUse: A value is invalid.
    """
    given = {name: text for name, text in options.items() if text is not None}
    for name, text in given.items():
        if not _is_part(name, text):
            raise WrongUse(f"--{name} is {text!r}; it must be {PLACE_RULES[name][1]}")
    return given


def written(files: Iterable[Path]) -> dict[str, str]:
    """Return the place in the first of these policy files that has one; else an empty one."""
    for file in files:
        try:
            match = _WRITTEN_PLACE.search(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if match:
            return match.groupdict()
    return {}


def completed(
    options: dict[str, str], files: Iterable[Path], connect: Callable[[str], Any]
) -> tuple[Place, list[str]]:
    """Return the place for new policy files, and lines on what nobody has named.

    AWS is asked only for a region or an account that neither an option nor a file names.
    """
    named = {name: text for name, text in written(files).items() if text != ANY} | options
    found: dict[str, str] = {}
    why = ""
    if not named.keys() >= {"region", "account"}:
        found, why = _of_credentials(connect)
    added = {name: found[name] for name in PLACE_RULES if name in found and name not in named}
    place = Place(**added, **named)
    return place, list(_lines(place, added, why))


def _of_credentials(connect: Callable[[str], Any]) -> tuple[dict[str, str], str]:
    """Return what the session and its credentials say, and why they do not say everything."""
    from gatewayctl.aws import reaching  # noqa: PLC0415  (`--check` does not need botocore)

    found: dict[str, str] = {}
    why = ""
    try:
        client = connect(SERVICE)
        found["region"] = client.meta.region_name
        with reaching(SERVICE):
            arn = client.get_caller_identity()["Arn"]
        _, found["partition"], _, _, found["account"], _ = arn.split(":", 5)
    except NotReachable as error:
        why = str(error)
    return {name: text for name, text in found.items() if _is_part(name, text)}, why


def _lines(place: Place, added: Mapping[str, str], why: str) -> Iterator[str]:
    if added:
        parts = ", ".join(f"{name} {text}" for name, text in added.items())
        yield f"every ARN has what your credentials say: {parts}"
    left_open = [name for name, text in asdict(place).items() if text == ANY]
    if left_open:
        reason = f" ({why})" if why else ""
        options = " ".join(f"--{name}" for name in left_open)
        yield f"every ARN leaves open, as *: {', '.join(left_open)}{reason}; to name it: {options}"


def _is_part(name: str, text: str) -> bool:
    return re.fullmatch(PLACE_RULES[name][0], text) is not None
