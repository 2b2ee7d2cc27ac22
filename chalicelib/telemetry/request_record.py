"""What is noted of one request while it runs: the values of its log line and of its metrics."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class NamedTarget(Protocol):
        """What is recorded of a target."""

        @property
        def name(self) -> str | None: ...
        @property
        def invoke_args(self) -> Mapping[str, str]: ...

    class KindOfTarget(Protocol):
        """What is recorded of the kind of a target."""

        @property
        def kind(self) -> str: ...

    class NamedModel(Protocol):
        """What is recorded of an entry of the routing table."""

        @property
        def name(self) -> str: ...
        @property
        def target(self) -> KindOfTarget: ...
        @property
        def metrics(self) -> bool: ...


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

    def set_model(self, model: NamedModel) -> None:
        """Record the entry of the routing table."""
        self.model, self.kind = model.name, model.target.kind
        self.has_model_metrics = model.metrics

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
