"""Maps the errors of SageMaker and of botocore to the gateway's own errors.

`tests/unit/test_upstream_errors.py` compares the first table with botocore's service model, so that
a new error of SageMaker makes a test fail before production meets that error.
"""

from __future__ import annotations

import re
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
    NoSuchArtifact,
    PayloadTooLarge,
    UpstreamFailed,
    UpstreamInvalidResponse,
    UpstreamRejected,
    UpstreamThrottled,
    UpstreamTimedOut,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from chalicelib.telemetry.request_record import error_code, http_status, identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from chalicelib.telemetry.request_record import RequestRecord

SERVERLESS_LIMIT_BYTES = 4 * 1024 * 1024
"""Source: SageMaker developer guide, "Invoke a serverless endpoint": 4 MB."""

TOO_LARGE = 413
"""SageMaker's status for a body that is too large, where it is not a ValidationError."""

NO_CAPACITY, NO_ENDPOINT, NO_TARGET = "no-capacity", "no-such-endpoint", "no-such-target"
"""Why a model is not available; for the log alone. One code of SageMaker stands for all three."""

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


def _validation_error(response: Mapping[str, Any], free_values: Mapping[str, str]) -> GatewayError:
    """Map a refused request by SageMaker's text, because one code stands for all of them.

    No other function reads this text of SageMaker. It can hold a caller's parameter; that has no
    spaces, so it cannot be mistaken for one of these phrases.
    """
    text = str(response.get("Error", {}).get("Message")).lower()
    if (reason := _why_unavailable(text)) is not None:
        return ModelUnavailable(reason=reason)
    if "failed to download model data" in text:
        artifact = NoSuchArtifact.reason
        return NoSuchArtifact(free_values) if free_values else UpstreamRejected(reason=artifact)
    if limit := re.fullmatch(r"http content length exceeded ([0-9]{1,12}) bytes\.?", text):
        return PayloadTooLarge(int(limit[1]), endpoint="this one")
    if "oversize body" in text or _status(response) == TOO_LARGE:
        return PayloadTooLarge(SERVERLESS_LIMIT_BYTES, endpoint="a serverless one")
    return UpstreamRejected()


def _why_unavailable(text: str) -> str | None:
    """Return our own word for what SageMaker does not find or has no room for, if it says so."""
    if "has no capacity" in text:
        return NO_CAPACITY
    if "not found" not in text:
        return None
    return NO_ENDPOINT if text.startswith("endpoint ") else NO_TARGET


def _status(response: Mapping[str, Any]) -> int:
    status: int = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status


# By SageMaker's error code. `from_error_response` has two more, ModelError and ValidationError.
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


def record(response: Mapping[str, Any], into: RequestRecord) -> None:
    """Record what an error response says for the log, and nothing of its text."""
    into.upstream_code = error_code(response.get("Error", {}).get("Code"))
    into.upstream_request_id = identifier(response.get("ResponseMetadata", {}).get("RequestId"))
    into.original_status = http_status(response.get("OriginalStatusCode"))


def from_error_response(
    error: botocore_errors.ClientError, *, exposed: bool, free_values: Mapping[str, str]
) -> GatewayError:
    """Return our error for an error response of SageMaker.

    Args:
        error: The exception of botocore.
        exposed: Whether the caller may read the model's own message.
        free_values: The caller's own parts of the artifact's name, by parameter.
    """
    code, status = error.response.get("Error", {}).get("Code", ""), _status(error.response)
    if code in ERRORS:
        return ERRORS[code]()
    if code == "ModelError":
        return _model_error(error.response, exposed=exposed)
    if code == "ValidationError" or status == TOO_LARGE:
        return _validation_error(error.response, free_values)
    return STATUSES.get(status, UpstreamFailed if status >= 500 else UpstreamRejected)()


def from_failure_object(text: str, *, exposed: bool) -> GatewayError:
    """Return our error for what an asynchronous endpoint writes into its failure object.

    The text is taken to be the one of a synchronous ModelError; of another one nothing is used.
    UNVERIFIED.

    Args:
        text: The beginning of the object.
        exposed: Whether the caller may read the model's own message: what SageMaker's text quotes,
            and nothing of the text around it.
    """
    found = re.match(r"(?:ClientError: )?Received (?:client|server) error \(([0-9]{1,3})\)", text)
    if found is None:
        return ModelFailed()
    message, _, _ = text.partition(' with message "')[2].rpartition('"')
    response = {"OriginalStatusCode": int(found[1]), "OriginalMessage": message or None}
    return _model_error(response, exposed=exposed)


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
