"""What goes to a model and what comes back, free of HTTP and of boto3."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller sent, before anybody has looked at it."""

    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name."""

    body: bytes = field(repr=False)
    size_bytes: int
    """Of the body, which is left out when it is larger than any body may be."""

    repeated_headers: frozenset[str] = frozenset()
    """Lower-case names that came more than once; only API Gateway tells."""


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What SageMaker is asked to pass to the model."""

    body: bytes = field(repr=False)
    content_type: str
    accept: str | None = None
    passed: Mapping[str, str] = field(default_factory=dict, repr=False)
    """InvokeEndpoint's arguments for the headers that the model lets through."""

    def invoke_args(self) -> dict[str, object]:
        """What InvokeEndpoint takes besides the target."""
        args: dict[str, object] = {"Body": self.body, "ContentType": self.content_type}
        if self.accept is not None:
            args["Accept"] = self.accept
        return {**args, **self.passed}


@dataclass(frozen=True, slots=True)
class InferenceResponse:
    """What the model answered."""

    body: bytes = field(repr=False)
    content_type: str
    invoked_variant: str | None = None
    custom_attributes: str | None = field(default=None, repr=False)
    new_session_id: str | None = field(default=None, repr=False)
    closed_session_id: str | None = field(default=None, repr=False)
