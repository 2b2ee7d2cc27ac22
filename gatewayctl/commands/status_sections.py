"""Sections of `gatewayctl status`: the gateway's answer, its table, and its keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.errors import shown
from chalicelib.settings import S3Location
from chalicelib.telemetry import TABLE_DIGITS
from gatewayctl import api_keys
from gatewayctl import stage as stages
from gatewayctl.gateway_probe import ask
from gatewayctl.output import distance, first_few, plural
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chalicelib.auth.key_document import ApiKey
    from gatewayctl.command import Context
    from gatewayctl.gateway_probe import Answer
    from gatewayctl.publishing.store import TableStore, Version

MAX_AGE_VARIABLE = "GATEWAY_ROUTING_MAX_AGE"
FETCH_SECONDS = 2
"""A gateway has a published table after its maximum age and this."""

RECENT_SECONDS = 7 * 86_400
"""A key that has expired in this period may still be in use."""


@dataclass(slots=True)
class Section:
    """What was looked at, and what is wrong with it."""

    name: str
    text: str = ""
    """What there is, in one line."""

    wrong: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    """Lines that follow all sections."""

    data: Any = None


def gateway_section(url: str, authorities: str | None) -> tuple[Section, Answer]:
    """Ask the gateway for its health."""
    answer = ask(url, authorities)
    section = Section("gateway", data={"url": url, **answer._asdict()})
    if answer.status is None:
        section.text = f"{url}: no answer"
    else:
        section.text = f"{url}: {answer.status} in {answer.milliseconds:,} ms"
    if answer.problem is not None:
        section.wrong.append(answer.problem)
    return section, answer


def table_section(answer: Answer) -> Section:
    """Say which table is in force, and whether the gateway can follow a newer one."""
    health = answer.health or {}
    section = Section("table", data={name: health.get(name) for name in ("status", *_IN_DATA)})
    if not health:
        section.text = "not known, because the gateway does not say"
        return section
    digest = shown(health["table"])
    section.text = f"{digest}, {plural(health['models'], 'model')}"
    age = health.get("table_age_seconds")
    if health["status"] != "ok":
        since = f", for {distance(age).removeprefix('in ')}" if isinstance(age, int) else ""
        section.wrong.append(
            f"the gateway is {shown(health['status'])}{since}: it keeps table {digest}, because a "
            "newer one is refused or cannot be read; see 'routing table' in its log"
        )
    return section


_IN_DATA = ("table", "models", "table_age_seconds")


def compare_with_published(context: Context, in_force: str, section: Section) -> None:
    """Add to a section which table should be in force.

    Raises:
        CommandError: The published table is not known.
    """
    location = stages.table_location(
        context.table, context.stage, context.environment, context.project
    )
    if not isinstance(location, S3Location):
        return _compare_with_file(location, in_force, section)
    # A table in a file needs no S3 client.
    from gatewayctl.publishing.store import TableStore  # noqa: PLC0415

    store = TableStore(location, context.connect)
    live = store.live()
    if live is None:
        section.wrong.append(f"{store.name}: no table is stored there")
        return None
    section.data["published"] = {"location": store.name, "sha256": live.digest}
    age = context.now() - live.modified.timestamp()
    published = f"published {distance(-age)}"
    if (live.digest or "")[:TABLE_DIGITS] == in_force:
        section.text += f", {published} to {store.name}"
        return None
    limit = stages.setting(MAX_AGE_VARIABLE, context.stage, context.project) + FETCH_SECONDS
    text = (
        f"table {(live.digest or 'without digest')[:TABLE_DIGITS]} of {store.name} was {published},"
        f" in force: {_which(store, in_force, live)}"
    )
    (section.wrong if age > limit else section.warnings).append(text)
    return None


def _compare_with_file(path: Path, in_force: str, section: Section) -> None:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}") from error
    section.data["published"] = {"location": str(path), "sha256": digest}
    if digest[:TABLE_DIGITS] == in_force:
        section.text += f", as {path}"
    else:
        section.warnings.append(
            f"{path} is table {digest[:TABLE_DIGITS]} and not in force; it is not deployed, or was "
            "changed since"
        )


def _which(store: TableStore, in_force: str, live: Version) -> str:
    """Say which of the earlier tables is in force."""
    earlier = [one for one in store.versions() if one.digest != live.digest]
    for number, one in enumerate(earlier):
        if (one.digest or "").startswith(in_force):
            return "the one before" if number == 0 else f"{in_force} of version {one.id}"
    return f"{in_force}, which is none of the newest versions"


def keys_section(context: Context) -> Section:
    """Count the keys by their state, and name those that expire soon or have expired lately.

    Raises:
        CommandError: The keys cannot be read.
    """
    from gatewayctl.key_store import KeyStore  # noqa: PLC0415 (it imports botocore)

    store = KeyStore(context.secret_name(None), context.connect)
    stored, now = store.read(), context.now()
    keys = list(stored.keys.values())
    states = [api_keys.state(key, now) for key in keys]
    numbers = {state: states.count(state) for state in dict.fromkeys(states)}
    section = Section("keys", data={"secret": store.name, "states": numbers})
    counted = ", ".join(f"{number} {state}" for state, number in numbers.items()) or "none"
    section.text = f"{counted}, in {store.name}{_oldest(keys, now)}"
    if stored.version is None:
        section.wrong.append(
            f"there is no secret {store.name}, or it has no value: API keys get 503"
        )
    soon = [key for key, state in zip(keys, states, strict=True) if state == "expiring"]
    late = [key for key in keys if _expired_lately(key, now)]
    for named, verb in ((soon, "expiring soon"), (late, "expired lately")):
        if named:
            texts = [_about(key, now) for key in sorted(named, key=lambda key: key.expires or 0)]
            section.warnings.append(f"{len(named)} {verb}: {first_few(texts)}")
    section.data |= {"expiring": _ids(soon), "expired_lately": _ids(late)}
    return section


def _ids(keys: Sequence[ApiKey]) -> list[str]:
    return [key.key_id for key in keys]


def _expired_lately(key: ApiKey, now: int) -> bool:
    return not key.disabled and key.expires is not None and 0 <= now - key.expires <= RECENT_SECONDS


def _about(key: ApiKey, now: int) -> str:
    return f"{key.key_id} of {key.principal} {distance((key.expires or 0) - now)}"


def _oldest(keys: Sequence[ApiKey], now: int) -> str:
    """Say how old the oldest key is that is still good."""
    written = [key.created for key in keys if key.created and not api_keys.has_ended(key, now)]
    try:
        first = min(datetime.fromisoformat(text).timestamp() for text in written)
    except (ValueError, TypeError):
        return ""
    return f"; the oldest is of {distance(first - now)}"
