"""Every error that the local SageMaker answers, with SageMaker's codes and texts.

    ServiceError
    ├── InvalidInput, MalformedInput, UnknownOperation …… the control plane's
    └── InvocationError …… InvokeEndpoint's
        ├── InvalidInvocation (ValidationError 400): its children are in `refusals`
        ├── ModelError 424, ModelNotReady 429
        └── Throttled 400, InternalFailure 500, ServiceUnavailable 503, InternalDependency 530

A text marked UNVERIFIED is a guess: no public source shows what SageMaker writes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_local.definitions import Place

MAX_TEXT_LENGTH = 2048  # botocore: shape Message of sagemaker-runtime


class ServiceError(Exception):
    """An answer that is not the one the caller hoped for."""

    code: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, message: str | None) -> None:
        super().__init__(message)
        self.message = message

    def body(self) -> dict[str, Any]:
        """The JSON that botocore parses."""
        return {"__type": self.code, "message": self.message}


class InvalidInput(ServiceError):
    """The control plane refuses what it was sent."""

    code = "ValidationException"

    @classmethod
    def from_violations(cls, violations: Sequence[str]) -> InvalidInput:
        return cls(violations_text(violations))


class MalformedInput(ServiceError):
    """The control plane cannot read what it was sent."""

    code = "SerializationException"


class UnknownOperation(ServiceError):
    """The control plane has no such operation, or the local one does not offer it."""

    code = "UnknownOperationException"


def violations_text(violations: Sequence[str]) -> str:
    """AWS's own sentence about input that breaks the service model."""
    count = len(violations)
    noun = "error" if count == 1 else "errors"
    return f"{count} validation {noun} detected: {'; '.join(violations)}"


class InvocationError(ServiceError):
    """InvokeEndpoint says no; `ErrorCode` is the body's second, unmodelled code."""

    error_code: ClassVar[str | None] = None

    def __init__(self, message: str | None, **members: Any) -> None:
        super().__init__(message and message[:MAX_TEXT_LENGTH])
        self.members = members

    def body(self) -> dict[str, Any]:
        named = {"ErrorCode": self.error_code} if self.error_code else {}
        return {**named, "Message": self.message, **self.members}


class InvalidInvocation(InvocationError):
    """The call does not fit the endpoint."""

    code = "ValidationError"


class ModelNotReady(InvocationError):
    """The model is still being loaded when the caller's time is up."""

    code = "ModelNotReadyException"
    status = 429

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Model for endpoint {endpoint} is not ready for inference. Try again.")


class Throttled(InvocationError):
    """SageMaker's throttling: HTTP 400 and a null message (opensearch ml-commons issue 2429)."""

    code = "ThrottlingException"

    def __init__(self) -> None:
        super().__init__(None)

    def body(self) -> dict[str, Any]:
        return {"message": None}


class InternalFailure(InvocationError):
    """A fault of the service."""

    code = "InternalFailure"
    status = 500

    def __init__(self, message: str = "An internal failure occurred. Try again.") -> None:
        super().__init__(message)  # UNVERIFIED


class ServiceUnavailable(InvocationError):
    """The service cannot answer just now."""

    code = "ServiceUnavailable"
    status = 503

    def __init__(self) -> None:
        super().__init__("The service is unavailable. Try your call again.")  # UNVERIFIED


class InternalDependency(InvocationError):
    """A dependency of the service failed."""

    code = "InternalDependencyException"
    status = 530

    def __init__(self) -> None:
        super().__init__("An internal dependency failed. Try your request again.")  # UNVERIFIED


class ModelError(InvocationError):
    """The container answered with an error, with nothing usable, or not at all (status 0)."""

    code = "ModelError"
    status = 424

    def __init__(
        self, endpoint: str, place: Place, *, status: int, summary: str, original: str = ""
    ) -> None:
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        console = f"https://{place.region}.console.aws.amazon.com/cloudwatch/home"
        super().__init__(
            f"{summary} See {console}?region={place.region}#logEventViewer:group={group}"
            f" in account {place.account} for more information.",
            OriginalStatusCode=status,
            OriginalMessage=original[:MAX_TEXT_LENGTH],
            LogStreamArn=f"arn:aws:logs:{place.region}:{place.account}:log-group:{group}",
        )
        self._client_error = 400 <= status < 500

    def body(self) -> dict[str, Any]:
        # The name for 5xx is UNVERIFIED.
        cause = "CLIENT_ERROR" if self._client_error else "INTERNAL_FAILURE"
        return {"ErrorCode": f"{cause}_FROM_MODEL", **super().body()}
