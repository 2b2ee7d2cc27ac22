"""Every error that the local SageMaker answers, with SageMaker's codes and texts.

    ServiceError
    ├── InvalidInput, MalformedInput, UnknownOperation …… the control plane's
    └── InvocationError …… InvokeEndpoint's
        ├── InvalidInvocation (ValidationError 400): every mistake in addressing
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


class EndpointNotFound(InvalidInvocation):
    """Absent, deleted, or not in service."""

    error_code = "NO_SUCH_ENDPOINT"  # UNVERIFIED

    def __init__(self, name: str, place: Place) -> None:
        # The text for an endpoint that exists but is not in service is UNVERIFIED.
        super().__init__(f"Endpoint {name} of account {place.account} not found.")


class OversizeBody(InvalidInvocation):
    """The request is larger than the endpoint takes."""

    # Seen on serverless endpoints (sagemaker-python-sdk issue 4271); for the others UNVERIFIED:
    # in 2018 they said 413 "HTTP content length exceeded 5246976 bytes." without a code.
    def __init__(self, request_id: str) -> None:
        super().__init__(f"Request {request_id} has oversize body.")


class TargetModelNotSupported(InvalidInvocation):
    """TargetModel on an endpoint without a multi-model container."""

    error_code = "TARGET_MODEL_HEADER_NOT_SUPPORTED"

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"Endpoint {endpoint} is not a multi-model endpoint"
            " and does not support target model header."
        )


class TargetModelMissing(InvalidInvocation):
    """A multi-model endpoint called without TargetModel."""

    error_code = "TARGET_MODEL_HEADER_MISSING"  # UNVERIFIED

    def __init__(self, request_id: str, endpoint: str) -> None:
        # Public reports show the text up to "target model hea"; the rest is UNVERIFIED.
        super().__init__(
            f"Request {request_id} is missing a target model header,"
            f" which multi-model endpoint {endpoint} requires."
        )


class ArtifactNotFound(InvalidInvocation):
    """TargetModel names no object under the endpoint's prefix, or leaves the prefix."""

    def __init__(self, bucket: str, key: str) -> None:
        # UNVERIFIED: made after the text that endpoint creation gives for the same mistake.
        super().__init__(
            f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that"
            " there is an object located at the URL and that the role passed to CreateModel"
            " has permissions to download the object."
        )


class ArtifactUnreadable(InvalidInvocation):
    """The object is there and is not an archive."""

    def __init__(self, url: str) -> None:
        # UNVERIFIED
        super().__init__(
            f'Failed to extract model data archive from URL: "{url}". Please ensure that the'
            " object located at the URL is a valid tar.gz archive."
        )


class TargetContainerMissing(InvalidInvocation):
    """Direct invocation without a container hostname."""

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(
            f"Endpoint {endpoint} is configured for direct invocation:"
            " the target container hostname header is required."
        )


class TargetContainerUnknown(InvalidInvocation):
    """Direct invocation of a container that the endpoint does not have."""

    def __init__(self, hostname: str, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Target container hostname {hostname} not found in endpoint {endpoint}.")


class TargetContainerNotSupported(InvalidInvocation):
    """A container hostname for an endpoint that is not in Direct mode."""

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(
            f"Endpoint {endpoint} is not configured for direct invocation"
            " and does not support target container hostname header."
        )


class TargetVariantUnknown(InvalidInvocation):
    """TargetVariant names no variant of the endpoint."""

    def __init__(self, variant: str, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Variant {variant} not found in endpoint {endpoint}.")


class InferenceComponentMissing(InvalidInvocation):
    """An endpoint of inference components called without a component's name."""

    error_code = "INFERENCE_COMPONENT_NAME_MISSING"

    def __init__(self) -> None:
        # Public reports show the text up to "Please include"; the rest is UNVERIFIED.
        super().__init__(
            "Inference Component Name header is required for endpoints to which you plan to"
            " deploy inference components. Please include Inference Component Name header"
            " or consider using SageMaker models."
        )


class InferenceComponentUnknown(InvalidInvocation):
    """No such component on this endpoint, or none in service."""

    def __init__(self, name: str, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Inference Component {name} not found in endpoint {endpoint}.")


class InferenceComponentNotSupported(InvalidInvocation):
    """A component's name for an endpoint whose variants host models."""

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(
            f"Endpoint {endpoint} does not host inference components"
            " and does not support Inference Component Name header."
        )


class NoCapacity(InvalidInvocation):
    """The component has no copies."""

    def __init__(self) -> None:
        super().__init__(
            "Inference Component has no capacity to process this request."
            " ApplicationAutoScaling may be in-progress (if configured) or try to increase the"
            " capacity by invoking UpdateInferenceComponentRuntimeConfig API."
        )


class SynchronousNotSupported(InvalidInvocation):
    """InvokeEndpoint on an asynchronous endpoint."""

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Endpoint {endpoint} does not support synchronous invocations.")


class OperationNotOffered(InvalidInvocation):
    """A runtime operation that SageMaker has and this stand-in does not."""

    def __init__(self, operation: str) -> None:
        super().__init__(f"The local SageMaker does not offer {operation}; InvokeEndpoint it does.")


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
