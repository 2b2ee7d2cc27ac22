"""What is noted of one request while it runs: the values of its log line and of its metrics.

What others send, an id, a code or a path, is noted only in the form that it should have, so that no
text of SageMaker or of a caller comes into the log in its place.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.errors import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class NamedTarget(Protocol):
        """What is recorded of a target."""

        @property
        def name(self) -> str | None: ...
        @property
        def invoke_args(self) -> Mapping[str, str]: ...


LONGEST_IDENTIFIER = 128
LONGEST_PATH = 200

# `re` compiles a pattern when it is first used and keeps it.
_CODE = r"[A-Za-z0-9.]{1,64}"
_TRACEPARENT = (
    r"(?!ff|00.{53}.)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)

LOADED, COLD = "loaded", "cold"
"""What is said of an artifact in the line of a request."""


@dataclass(slots=True)
class RequestRecord:
    """The values of one request's log line and metrics, filled in while the request runs."""

    request_id: str
    method: str | None = None
    """One of HTTP's own; None for any other text that came in its place."""

    path: str | None = None
    """The path as the caller sent it, with the stage and without the query."""

    bytes_in: int = 0
    bytes_out: int = 0
    principal: str | None = None
    key_id: str | None = None
    credential_request_id: str | None = None
    """Lambda's request id of the call in which the authorizer checked the credential."""

    trace_id: str | None = None
    """The trace that the caller's `traceparent` names."""

    model: str | None = None
    kind: str | None = None
    endpoint: str | None = None
    target: str | None = None
    target_name: str | None = None
    """The name of the target that was called last; None for an entry without `targets`."""

    first_target: str | None = None
    """The name of the target that was chosen for the request."""

    chosen: str | None = None
    """How the one that was called last was chosen: by `weight`, `sticky` or as a `fallback`."""

    lacks_key: bool = False
    """Whether the entry is sticky, and the request has nothing to keep it at one target by."""

    fallbacks: int = 0
    fallback_after: str | None = None
    """The slug of the error after which the last fallback was taken."""

    job: str | None = None
    """The id of the job that the request submitted or asked for, or that is being worked on."""

    table: str | None = None
    status: int = 0
    slug: str | None = None
    reason: str | None = None
    """Why the request was refused, for the log alone."""

    upstream_code: str | None = None
    upstream_request_id: str | None = None
    original_status: int | None = None
    """What SageMaker said of the last attempt; `chalicelib.sagemaker.upstream_errors` reads it."""

    artifact: str | None = None
    """`loaded` if the answer took the load of the artifact; `cold` if there is none, because the
    artifact was being loaded; None if neither is so."""

    load_ms: float = 0.0
    """The time from the first call of SageMaker to the answer, if it took a load."""

    is_prediction: bool = False
    has_model_metrics: bool = True
    attempts: int = 0
    called: float | None = None
    """When SageMaker was called first."""

    model_seconds: float = 0.0
    """The time of the last attempt to call SageMaker."""

    model_ms: float = 0.0
    gateway_ms: float = 0.0
    """All of the time that is not the model's."""

    started: float = field(default_factory=time.perf_counter)

    def choose(self, target: NamedTarget, chosen: str | None, *, is_sticky: bool) -> None:
        """Record the first target, and how it was chosen."""
        self.set_target(target)
        self.first_target, self.chosen = target.name, chosen
        self.lacks_key = is_sticky and chosen == "weight"

    def fall_back(self, target: NamedTarget, slug: str) -> None:
        """Record that another target is called, after this error."""
        self.set_target(target)
        self.chosen, self.fallback_after = "fallback", slug
        self.fallbacks += 1

    def begin_attempt(self) -> float:
        """Record that SageMaker is called; what the attempt before it left no longer counts.

        Returns:
            The time, as `time.perf_counter` gives it.
        """
        now = time.perf_counter()
        self.attempts += 1
        if self.called is None:
            self.called = now
        self.upstream_code = self.upstream_request_id = self.original_status = None
        self.artifact = None
        return now

    def loaded(self) -> None:
        """Record that the answer is there, and that it took the load of the artifact."""
        self.artifact = LOADED
        if self.called is not None:
            self.load_ms = round((time.perf_counter() - self.called) * 1000, 1)

    def set_target(self, target: NamedTarget) -> None:
        """Record the endpoint, and which model or container on it is called."""
        invoke_args = target.invoke_args
        self.target_name = target.name
        chosen = dict(invoke_args)
        self.endpoint = chosen.pop("EndpointName")
        self.target = ", ".join(f"{name}={value}" for name, value in chosen.items()) or None

    def finish(self, status: int, bytes_out: int) -> None:
        """Record how the request ended, and how long it took."""
        seconds = time.perf_counter() - self.started
        self.status, self.bytes_out = status, bytes_out
        self.model_ms = round(self.model_seconds * 1000, 1)
        self.gateway_ms = round((seconds - self.model_seconds) * 1000, 1)


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


def logged_path(path: str) -> str | None:
    """Return a path on one line, cut after 200 characters; None if it is not known."""
    start = path[: LONGEST_PATH + 1]
    shown = start if start.isprintable() else printable(start)
    if len(shown) > LONGEST_PATH:
        return f"{shown[: LONGEST_PATH - 1]}…"
    return shown or None


def trace_id(traceparent: str) -> str | None:
    """Return the trace id of a `traceparent`; None if it is not well-formed.

    A version after 00 may add parts, each after a hyphen.

    Source: W3C Recommendation "Trace Context", sections 3.2.2 and 4.3.
    """
    found = re.fullmatch(_TRACEPARENT, traceparent)
    return found and found[1]
