"""Maps the errors of SageMaker and of botocore to the gateway's own errors.

`tests/unit/test_upstream_errors.py` compares the first table with botocore's service model, so that
a new error of SageMaker makes a test fail before production meets that error.
"""

from __future__ import annotations

from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING

from botocore import exceptions as botocore_errors
from urllib3 import exceptions as urllib3_errors

from chalicelib.errors import (
    GatewayError,
    GatewayMisconfigured,
    ModelFailed,
    ModelNotReady,
    ModelOverloaded,
    ModelRejectedInput,
    ModelTimedOut,
    ModelUnavailable,
    UpstreamFailed,
    UpstreamInvalidResponse,
    UpstreamRejected,
    UpstreamThrottled,
    UpstreamTimedOut,
    UpstreamTruncated,
    UpstreamUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

HTTP_STATUSES = range(100, 600)
OVERLOADED_STATUSES = frozenset({429, 503, 507})


def _model_error(response: Mapping[str, Any], *, exposed: bool) -> GatewayError:
    """Map a container's error; status 0 means that the container did not answer."""
    status, text = response.get("OriginalStatusCode"), response.get("OriginalMessage")
    message = text if exposed and isinstance(text, str) else None
    if status == 0:
        return ModelTimedOut()
    if not isinstance(status, int) or status not in HTTP_STATUSES:
        return UpstreamInvalidResponse()
    if status in ModelRejectedInput.statuses:
        return ModelRejectedInput(status, model_message=message)
    if status in OVERLOADED_STATUSES:
        return ModelOverloaded(model_message=message)
    return ModelFailed(status, model_message=message)


def _validation_error(response: Mapping[str, Any], *, exposed: bool) -> GatewayError:
    """Map a ValidationError by its text, because SageMaker has one code for all of them.

    No other function reads a text of SageMaker.
    """
    text = str(response.get("Error", {}).get("Message")).lower()
    if "not found" in text or "has no capacity" in text:
        return ModelUnavailable()
    return UpstreamRejected()


# By SageMaker's error code.
ERRORS: dict[str, Callable[[], GatewayError]] = {
    "ModelNotReadyException": ModelNotReady,
    "InternalFailure": UpstreamFailed,
    "InternalDependencyException": UpstreamFailed,
    "ServiceUnavailable": UpstreamUnreachable,
    # AWS's common errors, which no service model declares.
    "AccessDeniedException": GatewayMisconfigured,
    "ExpiredToken": GatewayMisconfigured,
    "ExpiredTokenException": GatewayMisconfigured,
    "IncompleteSignature": GatewayMisconfigured,
    "InvalidClientTokenId": GatewayMisconfigured,
    "InvalidSignatureException": GatewayMisconfigured,
    "MissingAuthenticationTokenException": GatewayMisconfigured,
    "NotAuthorized": GatewayMisconfigured,
    "OptInRequired": GatewayMisconfigured,
    "RequestExpired": GatewayMisconfigured,
    "UnrecognizedClientException": GatewayMisconfigured,
    "Throttling": UpstreamThrottled,
    "ThrottlingException": UpstreamThrottled,
    "TooManyRequestsException": UpstreamThrottled,
}
# By error code too, where the rest of the response decides.
READ_ERRORS: dict[str, Callable[..., GatewayError]] = {
    "ModelError": _model_error,
    "ValidationError": _validation_error,
}
# By HTTP status, where the code is missing or unknown.
STATUSES: dict[int, Callable[[], GatewayError]] = {
    401: GatewayMisconfigured,
    403: GatewayMisconfigured,
    429: UpstreamThrottled,
    500: UpstreamFailed,
    502: UpstreamFailed,
    503: UpstreamUnreachable,
    504: UpstreamFailed,
    507: ModelOverloaded,
    530: UpstreamFailed,
}
# By the exception that a call without a response raises; the first class that matches counts.
FAILED_CALLS: tuple[tuple[type[Exception], Callable[[], GatewayError]], ...] = (
    (botocore_errors.ReadTimeoutError, UpstreamTimedOut),
    (urllib3_errors.ReadTimeoutError, UpstreamTimedOut),
    (urllib3_errors.HTTPError, UpstreamTruncated),  # urllib3's own come from reading a body
    (botocore_errors.ConnectionError, UpstreamUnreachable),
    (botocore_errors.HTTPClientError, UpstreamInvalidResponse),
    # The gateway's own credentials, region and profile.
    (botocore_errors.NoCredentialsError, GatewayMisconfigured),
    (botocore_errors.PartialCredentialsError, GatewayMisconfigured),
    (botocore_errors.CredentialRetrievalError, GatewayMisconfigured),
    (botocore_errors.TokenRetrievalError, GatewayMisconfigured),
    (botocore_errors.SSOError, GatewayMisconfigured),
    (botocore_errors.LoginError, GatewayMisconfigured),
    (botocore_errors.ProfileNotFound, GatewayMisconfigured),
    (botocore_errors.ConfigParseError, GatewayMisconfigured),
    (botocore_errors.InvalidConfigError, GatewayMisconfigured),
    (botocore_errors.InvalidRegionError, GatewayMisconfigured),
    (botocore_errors.NoRegionError, GatewayMisconfigured),
)


def from_error_response(error: botocore_errors.ClientError, *, exposed: bool) -> GatewayError:
    """Return our error for an error response of SageMaker.

    Args:
        error: The exception of botocore.
        exposed: Whether the caller may read the model's own message.
    """
    code = error.response.get("Error", {}).get("Code", "")
    if code in READ_ERRORS:
        return READ_ERRORS[code](error.response, exposed=exposed)
    if code in ERRORS:
        return ERRORS[code]()
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return STATUSES.get(status, UpstreamFailed if status >= 500 else UpstreamRejected)()


def from_failed_call(error: Exception) -> GatewayError | None:
    """Return our error for a call that got no response; None if the exception is a bug."""
    if isinstance(error, botocore_errors.ConnectionClosedError):
        return _closed_connection(error)
    for kind, ours in FAILED_CALLS:
        if isinstance(error, kind):
            return ours()
    return None


def _closed_connection(error: botocore_errors.ConnectionClosedError) -> GatewayError:
    """Find out why an open connection gave no response; urllib3's error holds the reason."""
    for reason in error.kwargs["error"].args:
        if isinstance(reason, TimeoutError):  # while the request was sent
            return UpstreamTimedOut()
        if isinstance(reason, IncompleteRead):
            return UpstreamTruncated()
        if isinstance(reason, HTTPException) and not isinstance(reason, RemoteDisconnected):
            return UpstreamInvalidResponse()
    return UpstreamUnreachable()
