"""Every error that the local SageMaker returns, with SageMaker's codes and texts.

    ServiceError
    ├── WebPageRefused 403: the request may come from a web page
    ├── InvalidInput, NotOffered, MalformedInput, UnknownOperation: errors of the control plane
    ├── AccessDenied 403
    └── InvocationError: errors of InvokeEndpoint
        ├── InvalidInvocation (ValidationError 400): the subclasses are in `refusals`
        ├── ModelError 424, ModelNotReady 429
        └── Throttled 400, InternalFailure 500, ServiceUnavailable 503, InternalDependency 530

A text marked UNVERIFIED is a guess: no public source shows what SageMaker writes there.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_local.settings import AccountRegion

MAX_TEXT_LENGTH = 2048  # Source: botocore, shape Message of sagemaker-runtime.

FAILED = re.compile(
    r"invocation (?P<id>[0-9a-f-]{36}) of .+ failed: "
    r"""(?P<sentence>"([^"\\]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*")"""
)
"""What `log_line` returns; the sentence is JSON."""


class ServiceError(Exception):
    """Base of all errors that a caller of the local SageMaker receives."""

    code: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, message: str | None) -> None:
        super().__init__(message)
        self.message = message

    @property
    def sentence(self) -> str:
        """What the log says of it."""
        return f"{self.code}: {self.message}" if self.message else self.code

    def body(self) -> dict[str, Any]:
        """Return the JSON body that botocore parses."""
        return {"__type": self.code, "message": self.message}


class WebPageRefused(ServiceError):
    """The request is for another host, or a web page can have made it."""

    code = "AccessDeniedException"
    status = 403


class InvalidInput(ServiceError):
    """The control plane rejects the values of a request."""

    code = "ValidationException"

    @classmethod
    def from_violations(cls, violations: Sequence[str]) -> InvalidInput:
        """Build the error for the constraints that a request violates."""
        return cls(violations_text(violations))


class NotOffered(InvalidInput):
    """SageMaker would accept the request, and this stand-in does not."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The local SageMaker does not offer {what}.")


class MalformedInput(ServiceError):
    """A request cannot be parsed."""

    code = "SerializationException"


class UnknownOperation(ServiceError):
    """SageMaker has no such operation, or this stand-in does not offer it."""

    code = "UnknownOperationException"


class AccessDenied(ServiceError):
    """The caller may not call the operation."""

    code = "AccessDenied"
    status = 403


def violations_text(violations: Sequence[str]) -> str:
    """Join violated constraints in AWS's words."""
    count = len(violations)
    noun = "error" if count == 1 else "errors"
    return f"{count} validation {noun} detected: {'; '.join(violations)}"


class InvocationError(ServiceError):
    """Base of InvokeEndpoint's errors; `error_code` is `ErrorCode` in the body."""

    error_code: ClassVar[str | None] = None

    def __init__(self, message: str | None, **members: Any) -> None:
        super().__init__(message and message[:MAX_TEXT_LENGTH])
        self.members = members

    def body(self) -> dict[str, Any]:
        error_code = {"ErrorCode": self.error_code} if self.error_code else {}
        return {**error_code, "Message": self.message, **self.members}


class InvalidInvocation(InvocationError):
    """The request does not fit the endpoint."""

    code = "ValidationError"


class ModelNotReady(InvocationError):
    """The model is still loading when the load budget of the request has passed."""

    code = "ModelNotReadyException"
    status = 429

    def __init__(self, endpoint: str) -> None:
        # UNVERIFIED
        super().__init__(f"Model for endpoint {endpoint} is not ready for inference. Try again.")


class Throttled(InvocationError):
    """SageMaker throttles the caller, with HTTP 400 and a null message.

    Source: github.com/opensearch-project/ml-commons, issue 2429.
    """

    code = "ThrottlingException"

    def __init__(self) -> None:
        super().__init__(None)

    def body(self) -> dict[str, Any]:
        return {"message": None}


class InternalFailure(InvocationError):
    """The service has failed."""

    code = "InternalFailure"
    status = 500

    def __init__(self) -> None:
        super().__init__("An internal failure occurred. Try again.")  # UNVERIFIED


class ServiceUnavailable(InvocationError):
    """The service is temporarily unavailable."""

    code = "ServiceUnavailable"
    status = 503

    def __init__(self) -> None:
        super().__init__("The service is unavailable. Try your call again.")  # UNVERIFIED


class InternalDependency(InvocationError):
    """A dependency of the service has failed."""

    code = "InternalDependencyException"
    status = 530

    def __init__(self) -> None:
        super().__init__("An internal dependency failed. Try your request again.")  # UNVERIFIED


class ModelError(InvocationError):
    """The container returned an error, an unusable response, or nothing (status 0)."""

    code = "ModelError"
    status = 424

    def __init__(
        self,
        endpoint: str,
        account_region: AccountRegion,
        *,
        status: int,
        summary: str,
        original: str = "",
    ) -> None:
        region, account = account_region.region, account_region.account
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        console = f"https://{region}.console.aws.amazon.com/cloudwatch/home"
        super().__init__(
            f"{summary} See {console}?region={region}#logEventViewer:group={group}"
            f" in account {account} for more information.",
            OriginalStatusCode=status,
            OriginalMessage=original[:MAX_TEXT_LENGTH],
            LogStreamArn=f"arn:aws:logs:{region}:{account}:log-group:{group}",
        )
        self._is_client_error = 400 <= status < 500
        self._sentence = f"{status}: {original[:MAX_TEXT_LENGTH]}" if original else summary

    @property
    def sentence(self) -> str:
        """The container's status and answer; without an answer, SageMaker's summary."""
        return self._sentence

    def body(self) -> dict[str, Any]:
        # The name for 5xx is UNVERIFIED.
        cause = "CLIENT_ERROR" if self._is_client_error else "INTERNAL_FAILURE"
        return {"ErrorCode": f"{cause}_FROM_MODEL", **super().body()}


def log_line(error: ServiceError, request_id: str, endpoint: str) -> str:
    """Return the line of the log for an invocation that failed."""
    sentence = json.dumps(error.sentence).replace("\x7f", "\\u007f")  # json leaves this one
    return f"invocation {request_id} of {endpoint!a} failed: {sentence}"
