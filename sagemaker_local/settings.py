"""What a person may turn on the local SageMaker."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Options:
    """The knobs, with SageMaker's own values as defaults unless waiting would help nobody."""

    load_budget_seconds: float = 60.0
    """A call waits this long for a cold model, then gets ModelNotReadyException."""

    load_limit_seconds: float = 360.0
    """A load that takes longer than this is given up."""

    invocation_timeout_seconds: float = 60.0
    """A container has this long to answer."""

    creating_seconds: float = 0.5
    """An endpoint stays `Creating` at least this long; on AWS it is minutes."""

    startup_timeout_seconds: float = 30.0
    """A container that has not passed its health check by then fails its endpoint; AWS: 240."""

    max_body_bytes: int = 25 * MIB
    """Real-time request and answer. botocore's service model still says 6 MiB."""
