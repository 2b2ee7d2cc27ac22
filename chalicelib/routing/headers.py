"""The registry of HTTP headers: which ones the gateway reads, passes on, returns and exposes."""

from __future__ import annotations

import re
from typing import NamedTuple

REQUEST_ID = "X-Request-Id"
SERVER_TIMING = "Server-Timing"
TIMEOUT = "X-Request-Timeout-Ms"
ROUTING_KEY = "X-Routing-Key"
TARGET = "X-Target"
PREFER, PREFERENCE_APPLIED = "Prefer", "Preference-Applied"
IDEMPOTENCY_KEY = "Idempotency-Key"
UPLOAD = "X-Upload"
PRINCIPAL = "principal"
"""The word in `sticky` for the caller's name, which is in no header."""


class PassedHeader(NamedTuple):
    """A request header that reaches the model where the table's `pass_headers` names it.

    Source: botocore's service model of sagemaker-runtime, InvokeEndpointInput.
    """

    name: str
    argument: str
    """The argument of InvokeEndpoint that carries it."""

    max_length: int


PASSED = {
    "custom-attributes": PassedHeader(
        "X-Amzn-SageMaker-Custom-Attributes", "CustomAttributes", 1024
    ),
    "inference-id": PassedHeader("X-Amzn-SageMaker-Inference-Id", "InferenceId", 64),
    "session-id": PassedHeader("X-Amzn-SageMaker-Session-Id", "SessionId", 256),
    "explainability": PassedHeader(
        "X-Amzn-SageMaker-Enable-Explanations", "EnableExplanations", 64
    ),
    "prefix-aware-id": PassedHeader("X-Amzn-SageMaker-Prefix-Aware-Id", "PrefixAwareId", 64),
}
"""By the word in `pass_headers`."""

STICKY = {
    "routing-key": (ROUTING_KEY, 256),
    "session-id": (PASSED["session-id"].name, PASSED["session-id"].max_length),
}
"""By the word in `sticky`: the header that keeps a caller at one target, and its longest value."""

RETURNED = {
    "custom-attributes": {"X-Amzn-SageMaker-Custom-Attributes": "custom_attributes"},
    "session-id": {
        "X-Amzn-SageMaker-New-Session-Id": "new_session_id",
        "X-Amzn-SageMaker-Closed-Session-Id": "closed_session_id",
    },
}
"""By the word in `return_headers`: each response header, and the field of `InferenceResponse`."""

# If such a header came twice, a proxy in front of the gateway may have acted on the other value.
SINGLE_VALUED = {
    name.lower(): name
    for name in (
        *("Content-Type", TIMEOUT, ROUTING_KEY),
        *(one.name for one in PASSED.values()),
    )
}
"""Of a prediction, by lower-case name. `Authorization` is refused earlier, for every route."""

ADDED_BY_TOOLS = (
    *("traceparent", "tracestate", "baggage", "sentry-trace"),
    *(REQUEST_ID, "X-Requested-With", "Cache-Control"),
)
"""Request headers that browsers' tools add by themselves. The gateway reads none of them, except
that the log names the trace of a `traceparent`."""

CORS_ALLOWED = (
    *("Accept", "Authorization", "Content-Type", TIMEOUT, ROUTING_KEY),
    *(PREFER, IDEMPOTENCY_KEY, UPLOAD),
    *(one.name for one in PASSED.values()),
    *ADDED_BY_TOOLS,
)
"""Request headers that a browser may send from another origin."""

CORS_EXPOSED = (
    *(REQUEST_ID, SERVER_TIMING, "X-Model", TARGET, "X-Invoked-Variant", "Retry-After"),
    *("Location", PREFERENCE_APPLIED),
)
"""Response headers that a page of another origin may read."""

is_json = re.compile(r"application/json|.*\+json").fullmatch
"""Matches a media type, in lower case and without parameters, if its bodies are JSON.

Source: RFC 6839, section 3.1.
"""
