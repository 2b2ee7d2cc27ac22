"""Texts of `gatewayctl logs`: the lines of a request for a reader, and what to ask on SageMaker."""

from __future__ import annotations

import json
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.errors import shown
from gatewayctl.joined_lines import ACCESS, CREDENTIAL, OWN, UPSTREAM
from gatewayctl.log_lines import JOB, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gatewayctl.joined_lines import Joined, LogLine

WIDTH = 80
INDENT = "  "
LONGEST_DATA = 1_000
"""Of a line that is no JSON, a list or an object; the places of a bug are such a list."""
NO_VALUE = {"-", "", None}
"""API Gateway writes a hyphen where it has no value."""

WRITERS = {ACCESS: "API Gateway", CREDENTIAL: "authorizer", REQUEST: "gateway", JOB: "worker"}
NOT_SHOWN = {"message", "timestamp", "time", "location", "service", "level"}
ENDPOINT_LOGS = "/aws/sagemaker/Endpoints/"
"""Source: SageMaker developer guide, "CloudWatch Logs for Amazon SageMaker AI"."""


def text_of(joined: Joined) -> Iterator[str]:
    """Yield a paragraph for each line: when, who wrote it, what happened, and the rest."""
    in_the_head = {OWN: joined.request_id, JOB: joined.job}
    for line in joined.lines:
        yield f"{time_of(line)}  {_writer(line)}"
        members = {name: value for name, value in (line.members or {}).items() if _is_said(value)}
        if line.members is None:
            yield f"{INDENT}'{line.text[:LONGEST_DATA]}'"
            continue
        summary, used = _summary(line.kind, members)
        yield f"{INDENT}{summary}"
        rest = [
            f"{shown(name)}={_value(value)}"
            for name, value in members.items()
            if name not in used | NOT_SHOWN and in_the_head.get(name) != value
        ]
        yield from textwrap.wrap(
            " ".join(rest),
            WIDTH,
            initial_indent=INDENT,
            subsequent_indent=INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )


def time_of(line: LogLine) -> str:
    """Return the time of a line in UTC."""
    try:
        moment = datetime.fromtimestamp(line.seconds or 0, UTC)
    except (ValueError, OverflowError, OSError):
        moment = None
    if line.seconds is None or moment is None:
        return f"{'no time':24}"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}Z"


def sagemaker(joined: Joined) -> dict[str, Any]:
    """Return what leads to the lines of the endpoint, and to SageMaker's own records."""
    # A job of an asynchronous endpoint has no worker's line, and was asked for after the call.
    called = [
        line.members
        for kind in (JOB, REQUEST)
        for line in reversed(joined.lines)
        if line.kind == kind and line.members is not None and line.members.get("attempts")
    ]
    members: Mapping[str, Any] = called[0] if called else {}
    endpoint = members.get("endpoint")
    if not isinstance(endpoint, str):
        return {}
    from chalicelib.sagemaker.runtime import inference_id  # noqa: PLC0415 (it imports botocore)

    return {
        "endpoint": endpoint,
        "log_group": f"{ENDPOINT_LOGS}{endpoint}",
        "inference_id": inference_id(joined.request_id),
        UPSTREAM: members.get(UPSTREAM),
    }


def sagemaker_text(joined: Joined) -> Iterator[str]:
    """Yield lines with the same for a reader."""
    found = sagemaker(joined)
    if not found:
        if joined.of_kind(REQUEST) is not None:
            yield "SageMaker was not called."
        return
    yield "on SageMaker"
    yield f"{INDENT}container's log  {shown(found['log_group'])}"
    yield f"{INDENT}InferenceId      {found['inference_id']}, if the caller's own was not passed on"
    if found[UPSTREAM]:
        yield f"{INDENT}request id       {_value(found[UPSTREAM])}, for AWS Support"


def _is_said(value: object) -> bool:
    return isinstance(value, dict | list) or value not in NO_VALUE


def _writer(line: LogLine) -> str:
    writer = WRITERS.get(line.kind)
    level = (line.members or {}).get("level")
    loud = f", {level}" if level in {"ERROR", "WARNING", "CRITICAL"} else ""
    return f"{writer or shown(line.source)}{loud}"


def _summary(kind: str, members: Mapping[str, Any]) -> tuple[str, set[str]]:
    """Return what a line says first, and the members that are in it."""
    if kind == ACCESS:
        used = {"method", "resource", "path", "status", "ms"}
        where = _value(members.get("path", members.get("resource", "")))
        took = f", {_value(members['ms'])} ms" if "ms" in members else ""
        return f"{_value(members['method'])} {where}: {_value(members['status'])}{took}", used
    if kind == REQUEST:
        used = {"method", "path", "status", "slug", "reason"}
        words = [_value(members[name]) for name in ("status", "slug") if name in members]
        reason = f" ({_value(members['reason'])})" if "reason" in members else ""
        where = " ".join(_value(members[name]) for name in ("method", "path") if name in members)
        return f"{' '.join(words)}{reason}{f': {where}' if where else ''}", used
    if kind == JOB:
        used = {"outcome", "delivery", "seconds", "status", "slug", "reason"}
        words = [_value(members[name]) for name in ("status", "slug") if name in members]
        reason = f" ({_value(members['reason'])})" if "reason" in members else ""
        after = f" after {_value(members['seconds'])} s" if "seconds" in members else ""
        said = f"{_value(members.get('outcome', '?'))}{after}"
        delivery = f", delivery {_value(members.get('delivery', '?'))}"
        return f"{said}{delivery}{': ' if words else ''}{' '.join(words)}{reason}", used
    if kind == CREDENTIAL:
        used = {"outcome", "reason"}
        reason = f": {_value(members['reason'])}" if "reason" in members else ""
        return f"{_value(members.get('outcome', '?'))}{reason}", used
    return _value(members.get("message", "a line of JSON")), set()


def _value(value: object) -> str:
    """Write a value on one line; a text from outside is quoted and cut when it is long."""
    if isinstance(value, str):
        return shown(value)
    text = json.dumps(value)
    return text if len(text) <= LONGEST_DATA else f"{text[:LONGEST_DATA]}…"
