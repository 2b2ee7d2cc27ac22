"""What InvokeEndpoint refuses: every way of calling an endpoint that does not fit it.

All of them are ValidationError, HTTP 400, as SageMaker has no other code for them. A text marked
UNVERIFIED is a guess: no public source shows what SageMaker writes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_local.errors import InvalidInvocation

if TYPE_CHECKING:
    from sagemaker_local.definitions import Place


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
