"""Where SageMaker's errors, and boto3's, become ours: one table each, and one way in.

`tests/unit/test_upstream_errors.py` compares the first table with botocore's service model, so
that an error which SageMaker learns to give does not surprise production.
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

OVERLOADED_STATUSES = frozenset({429, 503, 507})


def _model_error(response: Mapping[str, Any], *, exposed: bool) -> GatewayError:
    """The container answered with an error, or (status 0) not at all."""
    status = response.get("OriginalStatusCode", 0)
    message = response.get("OriginalMessage") if exposed else None
    if status == 0:
        return ModelTimedOut()
    if status in ModelRejectedInput.statuses:
        return ModelRejectedInput(status, model_message=message)
    if status in OVERLOADED_STATUSES:
        return ModelOverloaded(model_message=message)
    return ModelFailed(status, model_message=message)


def _validation_error(response: Mapping[str, Any], *, exposed: bool) -> GatewayError:
    """The only place that reads an upstream text: SageMaker has one code for all of these."""
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
# By code too, for those whose answer has to be read.
READ_ERRORS: dict[str, Callable[..., GatewayError]] = {
    "ModelError": _model_error,
    "ValidationError": _validation_error,
}
# By HTTP status, where a code is missing or new.
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
# What is raised when there is no answer; the first class that matches counts.
NO_ANSWER: tuple[tuple[type[Exception], Callable[[], GatewayError]], ...] = (
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


def from_answer(error: botocore_errors.ClientError, *, exposed: bool) -> GatewayError:
    """Ours for an error that SageMaker answered; `exposed` lets the model's own words through."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in READ_ERRORS:
        return READ_ERRORS[code](error.response, exposed=exposed)
    if code in ERRORS:
        return ERRORS[code]()
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return STATUSES.get(status, UpstreamFailed if status >= 500 else UpstreamRejected)()


def from_silence(error: Exception) -> GatewayError | None:
    """Ours for an error of the connection or of our own set-up; None if it is a bug."""
    if isinstance(error, botocore_errors.ConnectionClosedError):
        return _closed(error)
    for kind, ours in NO_ANSWER:
        if isinstance(error, kind):
            return ours()
    return None


def _closed(error: botocore_errors.ConnectionClosedError) -> GatewayError:
    """Why there was no answer on an open connection; the reason is inside urllib3's error."""
    for reason in error.kwargs["error"].args:
        if isinstance(reason, TimeoutError):  # while the request was sent
            return UpstreamTimedOut()
        if isinstance(reason, IncompleteRead):
            return UpstreamTruncated()
        if isinstance(reason, HTTPException) and not isinstance(reason, RemoteDisconnected):
            return UpstreamInvalidResponse()
    return UpstreamUnreachable()
