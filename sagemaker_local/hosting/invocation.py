"""One call of InvokeEndpoint, as the parts that answer it see it."""

from __future__ import annotations

from dataclasses import dataclass

# What the API supports reaches the container; SageMaker strips every other POST header.
PASSED_HEADERS = {
    "content_type": "Content-Type",
    "accept": "Accept",
    "custom_attributes": "X-Amzn-SageMaker-Custom-Attributes",
    "inference_id": "X-Amzn-SageMaker-Inference-Id",
    "session_id": "X-Amzn-SageMaker-Session-Id",
}


@dataclass(frozen=True)
class Invocation:
    """What InvokeEndpoint was given; None where it was not."""

    endpoint: str
    request_id: str
    body: bytes
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None
    target_model: str | None = None
    target_variant: str | None = None
    target_container_hostname: str | None = None
    inference_id: str | None = None
    inference_component: str | None = None
    session_id: str | None = None

    def headers(self) -> dict[str, str]:
        """What of it a container sees."""
        given = {header: getattr(self, name) for name, header in PASSED_HEADERS.items()}
        return {header: value for header, value in given.items() if value is not None}
