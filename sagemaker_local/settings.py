"""Settings of the local SageMaker: its limits, and the account and region of a request."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Options:
    """Limits, with SageMaker's own values as defaults unless those would only make people wait."""

    load_budget_seconds: float = 60.0
    """A request waits this long for a cold model, then gets ModelNotReadyException."""

    load_limit_seconds: float = 360.0
    """A model load that takes longer than this is cancelled.

    Source for both: SageMaker developer guide, "Invoke a Multi-Model Endpoint".
    """

    invocation_timeout_seconds: float = 60.0
    """A container has this long to respond."""

    creating_seconds: float = 0.5
    """An endpoint stays `Creating` at least this long; on AWS it takes minutes."""

    startup_timeout_seconds: float = 30.0
    """A container has this long to pass its health check, else the endpoint fails; AWS: 240 s."""

    max_body_bytes: int = 25 * MIB
    """Largest real-time request and response. botocore's service model still says 6 MiB."""


@dataclass(frozen=True)
class AccountRegion:
    """An AWS account in one region."""

    account: str
    region: str

    def arn(self, kind: str, name: str) -> str:
        """Build the ARN of a SageMaker resource; the name is lower-cased in it.

        Source: github.com/aws/amazon-sagemaker-examples, issue 293.
        """
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"
