"""The AsyncInferenceConfig of an endpoint configuration: where results go, and how many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CONCURRENT_INVOCATIONS = 4
"""API reference: "If no value is provided, SageMaker chooses an optimal value." """

SUCCESS, ERROR = "SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"


@dataclass(frozen=True)
class AsyncConfig:
    """How an asynchronous endpoint takes requests and gives results.

    Without an output or a failure path, SageMaker writes no such object. What it answers as the
    location then is UNVERIFIED: here the answer leaves it out.
    """

    output_url: str | None = None
    failure_url: str | None = None
    kms_key_id: str | None = None
    success_topic: str | None = None
    error_topic: str | None = None
    includes_response: frozenset[str] = frozenset()
    """The topics whose notifications have the response too, of SUCCESS and ERROR."""

    concurrent_invocations: int = DEFAULT_CONCURRENT_INVOCATIONS
    """The most requests that one instance works on at once."""

    @classmethod
    def parse(cls, config: Mapping[str, Any]) -> AsyncConfig:
        """Parse an AsyncInferenceConfig that fits botocore's service model."""
        output = config["OutputConfig"]
        topics = output.get("NotificationConfig", {})
        client = config.get("ClientConfig", {})
        return cls(
            output_url=output.get("S3OutputPath"),
            failure_url=output.get("S3FailurePath"),
            kms_key_id=output.get("KmsKeyId") or None,
            success_topic=topics.get("SuccessTopic") or None,
            error_topic=topics.get("ErrorTopic") or None,
            includes_response=frozenset(topics.get("IncludeInferenceResponseIn", ())),
            concurrent_invocations=client.get(
                "MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENT_INVOCATIONS
            ),
        )
