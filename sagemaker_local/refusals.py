"""Errors of InvokeEndpoint and InvokeEndpointAsync for requests that do not fit the endpoint.

All of them are ValidationError with HTTP 400, because SageMaker has no other code for them. A text
marked UNVERIFIED is a guess: no public source shows what SageMaker writes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_local.errors import InvalidInvocation

if TYPE_CHECKING:
    from sagemaker_local.settings import AccountRegion


class EndpointNotFound(InvalidInvocation):
    """The endpoint does not exist, was deleted, or is not in service."""

    error_code = "NO_SUCH_ENDPOINT"  # UNVERIFIED

    def __init__(self, name: str, account_region: AccountRegion) -> None:
        # The text for an endpoint that exists but is not in service is UNVERIFIED.
        super().__init__(f"Endpoint {name} of account {account_region.account} not found.")


class OversizeBody(InvalidInvocation):
    """The request body is larger than the endpoint accepts.

    Source: sagemaker-python-sdk issue 4271, for serverless endpoints. For other endpoints the
    text is UNVERIFIED: reports of 2018 show 413 "HTTP content length exceeded 5246976 bytes."
    """

    def __init__(self, request_id: str) -> None:
        super().__init__(f"Request {request_id} has oversize body.")


class TargetModelNotSupported(InvalidInvocation):
    """The request has TargetModel, and the endpoint has no multi-model container."""

    error_code = "TARGET_MODEL_HEADER_NOT_SUPPORTED"

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"Endpoint {endpoint} is not a multi-model endpoint"
            " and does not support target model header."
        )


class TargetModelMissing(InvalidInvocation):
    """The request to a multi-model endpoint has no TargetModel."""

    error_code = "TARGET_MODEL_HEADER_MISSING"  # UNVERIFIED

    def __init__(self, request_id: str, endpoint: str) -> None:
        # Public reports show the text up to "target model hea"; the rest is UNVERIFIED.
        super().__init__(
            f"Request {request_id} is missing a target model header,"
            f" which multi-model endpoint {endpoint} requires."
        )


class ArtifactNotFound(InvalidInvocation):
    """TargetModel names no object under the endpoint's prefix, or leaves the prefix."""

    def __init__(self, bucket: str, key: str, advice: str = "") -> None:
        # A troubleshooting guide of awslabs/ml-container-creator shows the text up to the key, for
        # the artifact of an inference component. UNVERIFIED: the rest, which is from creating an
        # endpoint. The advice, if there is one, is the local SageMaker's own.
        super().__init__(
            f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that"
            " there is an object located at the URL and that the role passed to CreateModel"
            f" has permissions to download the object.{advice}"
        )


class ArtifactUnreadable(InvalidInvocation):
    """The object that TargetModel names is not an archive."""

    def __init__(self, url: str) -> None:
        # UNVERIFIED
        super().__init__(
            f'Failed to extract model data archive from URL: "{url}". Please ensure that the'
            " object located at the URL is a valid tar.gz archive."
        )


class TargetContainerMissing(InvalidInvocation):
    """The request to a Direct endpoint has no TargetContainerHostname."""

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(
            f"Endpoint {endpoint} is configured for direct invocation:"
            " the target container hostname header is required."
        )


class TargetContainerUnknown(InvalidInvocation):
    """TargetContainerHostname names no container of the endpoint."""

    def __init__(self, hostname: str, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Target container hostname {hostname} not found in endpoint {endpoint}.")


class TargetContainerNotSupported(InvalidInvocation):
    """The request has TargetContainerHostname, and the endpoint is not in Direct mode."""

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
    """The request to an endpoint of inference components has no InferenceComponentName."""

    error_code = "INFERENCE_COMPONENT_NAME_MISSING"

    def __init__(self) -> None:
        # Public reports show the text up to "Please include"; the rest is UNVERIFIED.
        super().__init__(
            "Inference Component Name header is required for endpoints to which you plan to"
            " deploy inference components. Please include Inference Component Name header"
            " or consider using SageMaker models."
        )


class InferenceComponentUnknown(InvalidInvocation):
    """InferenceComponentName names no component of the endpoint that is in service."""

    def __init__(self, name: str, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Inference Component {name} not found in endpoint {endpoint}.")


class InferenceComponentNotSupported(InvalidInvocation):
    """The request has InferenceComponentName, and the endpoint's variants host models."""

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(
            f"Endpoint {endpoint} does not host inference components"
            " and does not support Inference Component Name header."
        )


class NoCapacity(InvalidInvocation):
    """The inference component has no copies."""

    def __init__(self) -> None:
        super().__init__(
            "Inference Component has no capacity to process this request."
            " ApplicationAutoScaling may be in-progress (if configured) or try to increase the"
            " capacity by invoking UpdateInferenceComponentRuntimeConfig API."
        )


class SynchronousNotSupported(InvalidInvocation):
    """The request is an InvokeEndpoint to an asynchronous endpoint."""

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Endpoint {endpoint} does not support synchronous invocations.")


class AsynchronousNotSupported(InvalidInvocation):
    """The request is an InvokeEndpointAsync to a synchronous endpoint."""

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Endpoint {endpoint} does not support asynchronous invocations.")


class InlineBodyTooLarge(InvalidInvocation):
    """The body of an InvokeEndpointAsync is too large to be sent inline."""

    def __init__(self, most_bytes: int) -> None:
        # UNVERIFIED. The form is that of every constraint of a service model.
        super().__init__(
            "1 validation error detected: Value '***' at 'body' failed to satisfy constraint:"
            f" Member must have length less than or equal to {most_bytes}"
        )


class NotOneInput(InvalidInvocation):
    """An InvokeEndpointAsync has no input, or two."""

    def __init__(self, *, has_both: bool) -> None:
        # That it is refused: API reference, InvokeEndpointAsync. The texts are UNVERIFIED.
        reason = "are mutually exclusive" if has_both else "are both missing"
        super().__init__(f"Body and InputLocation {reason}. Provide exactly one of them.")


class OperationNotOffered(InvalidInvocation):
    """SageMaker has the runtime operation, and this stand-in does not."""

    def __init__(self, operation: str) -> None:
        super().__init__(
            f"The local SageMaker does not offer {operation};"
            " it offers InvokeEndpoint and InvokeEndpointAsync."
        )
