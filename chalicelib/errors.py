"""Every error that a caller can receive, as one family of exceptions.

    GatewayError
     ├── BadRequest                 400     ├── InternalFailure           500
     ├── InvalidJson                400     ├── GatewayMisconfigured      500
     ├── InvalidHeader              400     ├── UpstreamFailed            502
     ├── InvalidParameter           400     ├── UpstreamTruncated         502
     ├── Unauthorized               401     │
     ├── NoSuchPath                 404     │
     ├── UnknownModel               404     ├── UpstreamResponseTooLarge  502
     ├── NoSuchArtifact             404     ├── UpstreamInvalidResponse   502
     ├── MethodNotAllowed           405     ├── UpstreamRejected          502
     ├── NotAcceptable              406     ├── ModelNotReady             503
     ├── PayloadTooLarge            413     ├── ModelUnavailable          503
     ├── UnsupportedMediaType       415     ├── UpstreamThrottled         503
     ├── TooManyRequests            429     ├── UpstreamUnreachable       503
     └── ModelAnswerError                   ├── RoutingUnavailable        503
          ├── ModelRejectedInput    4xx     ├── AuthUnavailable           503
          ├── ModelFailed           502     ├── UpstreamTimedOut          504
          └── ModelOverloaded       503     └── ModelTimedOut             504
    ConfigurationError              never rendered to a caller

The caller can correct a 4xx. A 500 is the gateway's own fault. 502, 503 and 504 are faults of the
endpoint, or of a store that the gateway depends on. Each class with a slug is one row of
docs/errors.md, and its docstring says when it is raised. No class takes a text from SageMaker, so
such a text cannot reach a caller by accident. The exception is `model_message`, which a model has
to opt into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalice.app import ChaliceUnhandledError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROBLEM_MEDIA_TYPE = "application/problem+json"
URN = "urn:inference-gateway:"
"""The beginning of the `type` of every problem."""

NO_SUCH_MODEL, NOT_GRANTED = "no-such-model", "not-granted"
"""Why a model is unknown to a caller; for the log alone."""

LONGEST_QUOTE = 80
MIN_SIMILARITY = 0.65  # `route` resembles `routing`; `region` does not resemble `version`


def printable(text: str) -> str:
    """Make one line of a text: line ends, controls and invisible characters become escapes."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def shown(name: str) -> str:
    """Show a name from outside: as it is if it is one short printable word, else quoted."""
    is_word = name.isprintable() and " " not in name and len(name) <= LONGEST_QUOTE
    return name if is_word else quoted(name)


def quoted(text: str) -> str:
    """Quote a text from outside for a message: printable, on one line, and cut when it is long."""
    short = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
    return f"'{short}'" if short.isprintable() else repr(short)


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelt word resembles or begins, or None."""
    import difflib  # noqa: PLC0415  (a start without a mistake does not need it)

    names = {name.lower(): name for name in known}
    similar = difflib.get_close_matches(word.lower(), names, n=1, cutoff=MIN_SIMILARITY)
    begun = [name for name in names if name.startswith(f"{word.lower()}_")]
    return next((names[name] for name in similar + begun), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Say what an unknown word was probably meant to be, or list all known words."""
    close = closest(word, known)
    return f"did you mean {close}?" if close else f"known here: {', '.join(known)}"


def clear_tracebacks(error: BaseException | None) -> None:
    """Remove the tracebacks of an error and of its causes.

    A traceback's frames hold the request's body, and one of the frames holds the error. Such a
    reference cycle stays in memory until Python's garbage collector runs, and large requests can
    arrive faster than that.
    """
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


# Chalice turns every other exception of a view into a bare 500 before middleware sees it.
class GatewayError(ChaliceUnhandledError):
    """A request that cannot be answered, as an RFC 9457 problem for the caller."""

    status: int
    slug: str
    title: str
    detail: str
    retryable: bool = False
    """Whether the caller may succeed later with the same request."""

    retry_after_seconds: int | None = None
    retry_pause_seconds: float | None = None
    """The pause before the gateway itself tries again; None if it does not. Each further pause of
    the same request is twice as long."""

    falls_back: bool = False
    """Whether another target of the model's may answer in place of the one that failed: the model
    did not run, or SageMaker itself failed."""

    model_message: str | None = None
    reason: str | None = None
    """More than the caller is told; for the log alone."""

    def __init__(
        self, *, retry_after_seconds: int | None = None, reason: str | None = None
    ) -> None:
        if retry_after_seconds is not None:
            self.retry_after_seconds = retry_after_seconds
        if reason is not None:
            self.reason = reason
        super().__init__(self.detail)

    def problem(self, instance: str) -> dict[str, object]:
        """Return the members of the RFC 9457 problem; `instance` is the request id."""
        members: dict[str, object] = {
            "type": f"{URN}{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "retryable": self.retryable,
        }
        if self.model_message is not None:
            members["model_message"] = self.model_message
        return members


class BadRequest(GatewayError):
    """API Gateway refuses the request, or the event that carries it is malformed."""

    status, slug, title = 400, "bad-request", "The request is not valid"
    detail = "The request was refused because its form is not valid."

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        super().__init__()


class InvalidJson(GatewayError):
    """The Content-Type is JSON and the body is not strictly JSON."""

    status, slug, title = 400, "invalid-json", "The body is not valid JSON"

    def __init__(self, reason: str) -> None:
        self.detail = f"The body is not strict JSON: {reason}."
        super().__init__()


class InvalidHeader(GatewayError):
    """A header that the gateway reads or passes on has a wrong form, or comes twice."""

    status, slug, title = 400, "invalid-header", "A header is not valid"

    def __init__(self, header: str, rule: str) -> None:
        self.detail = f"The header {header} must be {rule}."
        super().__init__(reason=f"{header} must be {rule}")


class InvalidParameter(GatewayError):
    """A path parameter, a query value or a member of a document breaks its rule."""

    status, slug, title = 400, "invalid-parameter", "A parameter is not valid"

    def __init__(self, name: str, value: str | None, rule: str) -> None:
        """`value` is None if the parameter is missing."""
        found = "missing" if value is None else quoted(value)
        self.detail = f"The parameter {name} is {found}; it must be {rule}."
        super().__init__()


class Unauthorized(GatewayError):
    """The credential is bad, expired or revoked; the caller cannot tell which."""

    status, slug, title = 401, "unauthorized", "The credential was not accepted"
    detail = (
        "The credential is malformed, unknown, expired or revoked. "
        "Send a valid one as 'Authorization: Bearer <API key or JWT>'."
    )


class NoSuchPath(GatewayError):
    """The path does not exist, or does not have this method."""

    status, slug, title = 404, "no-such-path", "There is no such path"
    detail = (
        "There is no such path, or not with this method; there are POST /predict/<model>, "
        "GET /models, GET /models/<model>, GET /openapi.json and GET /health; and where there are "
        "jobs, POST /uploads and GET /jobs/<job>."
    )

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        super().__init__()


class UnknownModel(GatewayError):
    """There is no such model, or the caller has no grant on it; the caller cannot tell which."""

    status, slug, title = 404, "unknown-model", "There is no such model"

    def __init__(self, name: str, forms: Iterable[str] = (), reason: str = NO_SUCH_MODEL) -> None:
        """Name the model; `forms` say how the caller may call one whose name begins the same."""
        hint = ", or ".join(forms) or "GET /models lists the ones you may call"
        self.detail = f"No model named {quoted(name)}; {hint}."
        self.reason = reason
        super().__init__()


class NoSuchArtifact(GatewayError):
    """There is no artifact for the value that the caller gave to a parameter with a `pattern`."""

    status, slug, title = 404, "no-such-artifact", "There is no such artifact"
    reason = "SageMaker cannot download an artifact of this name"

    def __init__(self, values: Mapping[str, str]) -> None:
        sent = " and ".join(f"{name} {quoted(value)}" for name, value in values.items())
        self.detail = f"This model has no artifact for {sent}."
        super().__init__()


class UnknownJob(GatewayError):
    """There is no such job of this caller, or it has expired; the caller cannot tell which."""

    status, slug, title = 404, "unknown-job", "There is no such job"
    detail = "You have no job of this name, or it has expired."


class UnknownUpload(GatewayError):
    """The caller has no such upload, or it was used before, or has expired."""

    status, slug, title = 404, "unknown-upload", "There is no such upload"
    detail = (
        "You have no upload of this name: nothing was sent to its URL, it was used for another "
        "job, or it has expired. POST /uploads starts a new one."
    )


class IdempotencyConflict(GatewayError):
    """The caller has used the same Idempotency-Key for another request."""

    status, slug, title = 409, "idempotency-conflict", "The key belongs to another request"
    detail = (
        "You sent this Idempotency-Key with another model, body, Content-Type, Accept, "
        "X-Routing-Key or X-Amzn-SageMaker header before; send a new key with a new request."
    )


class MethodNotAllowed(GatewayError):
    """The path exists, but not with this method."""

    status, slug, title = 405, "method-not-allowed", "The method is not allowed here"

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = tuple(allowed)
        self.detail = f"{quoted(method)} is not allowed here; use {' or '.join(self.allowed)}."
        super().__init__()


class NotAcceptable(GatewayError):
    """The model can answer in none of the media types that the caller accepts."""

    status, slug, title = 406, "not-acceptable", "No acceptable media type"

    def __init__(self, accepts: Iterable[str]) -> None:
        self.detail = f"This model answers {', '.join(accepts)}; send one of these as Accept."
        super().__init__()


class PayloadTooLarge(GatewayError):
    """The body is larger than a request can carry, or than the model's endpoint takes."""

    status, slug, title = 413, "payload-too-large", "The body is too large"

    def __init__(self, limit_bytes: int, *, endpoint: str | None = None) -> None:
        """Name the limit; `endpoint` says which endpoint has it, if it is not the gateway's."""
        self.limit_bytes, self.endpoint = limit_bytes, endpoint
        self.detail = f"A body may have at most {limit_bytes:,} bytes."
        if endpoint is not None:
            self.detail = (
                f"The body is too large for the model's endpoint; {endpoint} takes at most "
                f"{limit_bytes:,} bytes."
            )
        super().__init__()

    def name_uploads(self, limit_bytes: int) -> None:
        """Add how a larger body reaches the model, of which the endpoint takes so much."""
        if self.endpoint is None and self.limit_bytes < limit_bytes:
            self.detail += (
                f" POST /uploads takes one of up to {limit_bytes:,} bytes, for a prediction with "
                "Prefer: respond-async and X-Upload."
            )


class UnsupportedMediaType(GatewayError):
    """The model does not take this Content-Type, or the body has a Content-Encoding."""

    status, slug, title = 415, "unsupported-media-type", "The media type is not supported"

    def __init__(self, content_types: Iterable[str], came: str) -> None:
        self.detail = (
            f"{came} This model takes {', '.join(content_types)}; "
            "send one of these as Content-Type, and no Content-Encoding."
        )
        super().__init__()


class TooManyRequests(GatewayError):
    """All callers together send more requests than the stage takes."""

    status, slug, title = 429, "too-many-requests", "The gateway is busy"
    retryable, retry_after_seconds = True, 1
    detail = (
        "All callers together send more requests than this gateway takes; "
        "wait as long as Retry-After says."
    )


class ModelAnswerError(GatewayError):
    """The base of errors that the model's own container answered."""

    def __init__(self, *, model_message: str | None = None) -> None:
        self.model_message = model_message
        super().__init__()

    def doubt_load(self) -> None:
        """Add that the artifact may not be loaded, because many containers then answer so too."""
        self.detail += (
            " The gateway has not seen this artifact answer lately, so it may also be that the "
            "container could not load it."
        )


class ModelRejectedInput(ModelAnswerError):
    """The container refuses the input; the caller gets the container's status."""

    status, slug, title = 400, "model-rejected-input", "The model rejected the input"
    statuses = frozenset({400, 406, 413, 415, 422})

    def __init__(self, original_status: int, *, model_message: str | None = None) -> None:
        self.status = original_status
        self.detail = (
            f"The model answered {original_status} to this input; "
            "GET /models/<model> shows an example that it takes."
        )
        super().__init__(model_message=model_message)


class ModelFailed(ModelAnswerError):
    """The container answers with any other error."""

    status, slug, title = 502, "model-error", "The model failed"

    def __init__(
        self, original_status: int | None = None, *, model_message: str | None = None
    ) -> None:
        """Name the container's status; an asynchronous endpoint may tell none."""
        happened = (
            "The model failed on this input, or the request waited too long for its turn. If the "
            "same request fails again,"
            if original_status is None
            else f"The model answered {original_status} to this input. The same request will most "
            "likely fail again;"
        )
        self.detail = f"{happened} tell the model's owner the instance of this problem."
        super().__init__(model_message=model_message)


class ModelOverloaded(ModelAnswerError):
    """The container says that it has no room: 429, 503 or 507."""

    status, slug, title = 503, "model-overloaded", "The model is overloaded"
    retryable, retry_after_seconds, falls_back = True, 2, True
    detail = "The model has more work than it can do now; try again later."


class InternalFailure(GatewayError):
    """The gateway has a bug."""

    status, slug, title = 500, "internal", "The gateway failed"
    detail = "The gateway failed; tell its operator the instance of this problem."


class GatewayMisconfigured(GatewayError):
    """AWS refuses the gateway or a role of a target, or a setting is missing."""

    status, slug, title = 500, "gateway-misconfigured", "The gateway is not set up for this"
    detail = (
        "SageMaker does not let the gateway call this model. Your request is not the reason; "
        "tell the gateway's operator the instance of this problem."
    )

    def __init__(self, reason: str | None = None, *, of_jobs: bool = False) -> None:
        """`of_jobs` says that the bucket or the queue of jobs is meant, or the setting for them."""
        self.reason, self.of_jobs = reason, of_jobs
        if of_jobs:
            self.detail = (
                "The gateway has no jobs, or cannot use their bucket or queue. Your request is not "
                "the reason; tell the gateway's operator the instance of this problem."
            )
        super().__init__()


class UpstreamFailed(GatewayError):
    """SageMaker itself answers 500, 502, 504 or 530."""

    status, slug, title = 502, "upstream-error", "SageMaker failed"
    retryable, retry_pause_seconds, falls_back = True, 0.1, True
    detail = "SageMaker failed to run the model; try again."


class UpstreamTruncated(GatewayError):
    """The body of the response ended early."""

    status, slug, title = 502, "upstream-truncated", "The answer broke off"
    retryable = True
    detail = "The model's answer broke off before its end; try again."


class UpstreamResponseTooLarge(GatewayError):
    """The response is larger than API Gateway and Lambda can carry."""

    status, slug, title = 502, "upstream-response-too-large", "The answer is too large"

    def __init__(self, limit_bytes: int) -> None:
        self.detail = (
            f"The model's answer is over the {limit_bytes:,} bytes that can be sent back; "
            "ask for less in one request."
        )
        super().__init__()


class UpstreamInvalidResponse(GatewayError):
    """The status line, the headers or the body of the response cannot be used."""

    status, slug, title = 502, "upstream-invalid-response", "The answer is unusable"
    detail = "The model's endpoint answered with something that is not a valid response."


class UpstreamRejected(GatewayError):
    """SageMaker refuses the call itself, because the table and the endpoint disagree."""

    status, slug, title = 502, "upstream-rejected", "SageMaker rejected the call"
    detail = (
        "SageMaker rejected the gateway's call, so the routing table and the endpoint disagree; "
        "tell the gateway's operator the instance of this problem."
    )


class ModelNotReady(GatewayError):
    """The model is being loaded, or a cold one did not answer in time."""

    status, slug, title = 503, "model-not-ready", "The model is not ready yet"
    retryable, retry_after_seconds, retry_pause_seconds = True, 5, 0.5
    falls_back = True
    detail = "The model is being loaded onto its endpoint; try again later."


class ModelUnavailable(GatewayError):
    """The endpoint or the model is not there, or has no capacity."""

    status, slug, title = 503, "model-unavailable", "The model is not available"
    retryable, retry_after_seconds, falls_back = True, 30, True
    detail = (
        "The model's endpoint is not there or has no capacity; try again later, and if it "
        "lasts tell the gateway's operator the instance of this problem."
    )


class UpstreamThrottled(GatewayError):
    """SageMaker throttles the gateway."""

    status, slug, title = 503, "upstream-throttled", "SageMaker is throttling"
    retryable, retry_after_seconds, retry_pause_seconds = True, 1, 0.5
    falls_back = True
    detail = "SageMaker takes no more calls from the gateway at this moment; try again later."


class UpstreamUnreachable(GatewayError):
    """There is no connection to SageMaker, or it is reset before an answer."""

    status, slug, title = 503, "upstream-unreachable", "SageMaker cannot be reached"
    retryable, retry_after_seconds, retry_pause_seconds = True, 2, 0.1
    falls_back = True
    detail = "The gateway cannot reach the model's endpoint at this moment; try again later."


class JobsUnavailable(GatewayError):
    """The bucket or the queue of jobs cannot be reached, or throttles."""

    status, slug, title = 503, "jobs-unavailable", "Jobs are not available"
    retryable, retry_after_seconds = True, 2
    detail = "The gateway cannot reach its store of jobs at this moment; try again later."

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        super().__init__()


class JobLost(GatewayError):
    """Nothing has worked on the job, or nobody knows how it ended. Only failed jobs have this."""

    status, slug, title = 504, "job-lost", "The job did not end"
    retryable = True
    detail = (
        "The job was accepted and did not end in time: its work was interrupted, or the endpoint "
        "never began it. Send the request again, with a new Idempotency-Key or upload."
    )


class RoutingUnavailable(GatewayError):
    """No routing table could be loaded."""

    status, slug, title = 503, "routing-unavailable", "There is no routing table"
    retryable, retry_after_seconds = True, 5
    detail = "The gateway has no usable routing table; its operator finds the reason in its log."


class AuthUnavailable(GatewayError):
    """Credentials cannot be checked: their store cannot be read, and nothing is cached."""

    status, slug, title = 503, "auth-unavailable", "Credentials cannot be checked"
    retryable, retry_after_seconds = True, 5
    detail = "The gateway cannot check credentials at this moment; try again later."


class UpstreamTimedOut(GatewayError):
    """The deadline passed, or too little time is left for a call."""

    status, slug, title = 504, "upstream-timeout", "The model did not answer in time"
    retryable = True
    detail = "The model did not answer within the time that this request had; try again."


class ModelTimedOut(GatewayError):
    """SageMaker got no response from the model's container."""

    status, slug, title = 504, "model-timeout", "The model's container did not answer"
    retryable = True
    detail = "SageMaker got no answer from the model's container; try again."


class ConfigurationError(Exception):
    """The gateway's settings or files are wrong; each line of the text names one mistake.

    It is for the operator and never reaches a caller.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(map(printable, lines))
        super().__init__("\n".join(self.lines))
