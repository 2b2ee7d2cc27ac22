"""The forms of what others send and the log repeats: ids, codes and paths.

What has another form is left out, so that no text of SageMaker or of a caller comes into the log in
its place.
"""

from __future__ import annotations

import re

from chalicelib.errors import printable

LONGEST_IDENTIFIER = 128
LONGEST_PATH = 200

# `re` compiles a pattern when it is first used and keeps it.
_CODE = r"[A-Za-z0-9.]{1,64}"
_TRACEPARENT = (
    r"(?!ff|00.{53}.)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def identifier(value: object) -> str | None:
    """Return a request id: 1 to 128 printable ASCII characters without a space; None otherwise."""
    if isinstance(value, str) and 0 < len(value) <= LONGEST_IDENTIFIER and value.isascii():
        return value if value.isprintable() and " " not in value else None
    return None


def error_code(value: object) -> str | None:
    """Return an error code of AWS: 1 to 64 letters, digits and dots; None otherwise."""
    return value if isinstance(value, str) and re.fullmatch(_CODE, value) else None


def http_status(value: object) -> int | None:
    """Return a status of HTTP, or the 0 by which SageMaker says that there was none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if value == 0 or 100 <= value <= 599 else None


def logged_path(path: str) -> str:
    """Return a path on one line, cut after 200 characters."""
    shown = printable(path[: LONGEST_PATH + 1])
    return shown if len(shown) <= LONGEST_PATH else f"{shown[: LONGEST_PATH - 1]}…"


def trace_id(traceparent: str) -> str | None:
    """Return the trace id of a `traceparent`; None if it is not well-formed.

    A version after 00 may add parts, each after a hyphen.

    Source: W3C Recommendation "Trace Context", sections 3.2.2 and 4.3.
    """
    found = re.fullmatch(_TRACEPARENT, traceparent)
    return found and found[1]
