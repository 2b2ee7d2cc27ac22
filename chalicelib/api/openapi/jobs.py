"""Describes jobs: what a prediction has for them, `GET /jobs/{job}` and `POST /uploads`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.api.jobs import MAX_KEY_LENGTH, RESPOND_ASYNC
from chalicelib.api.openapi import components as parts
from chalicelib.api.openapi.components import TEXT
from chalicelib.api.openapi.parameters import PRINTABLE, in_path
from chalicelib.jobs.job import max_bytes
from chalicelib.jobs.names import DIGITS
from chalicelib.payload.admission import JSON
from chalicelib.routing.headers import IDEMPOTENCY_KEY, PREFER, PREFERENCE_APPLIED, UPLOAD

if TYPE_CHECKING:
    from chalicelib.api.openapi.components import Components, Error, Node
    from chalicelib.routing.table import Model

TAG = "jobs"
TAGS = {TAG: "Predictions that are too long or too large for one request."}

ID: Node = {**TEXT, "pattern": f"^[0-9a-f]{{{DIGITS}}}$"}
TIME: Node = {**TEXT, "format": "date-time"}

OF_A_MODEL: Node = {"jobs": {"type": "boolean", "description": "Whether a prediction can be a job"}}
"""What a model has in the catalog of a gateway with jobs."""

OF_A_CONTAINER: frozenset[Error] = frozenset(
    {
        errors.ModelRejectedInput,
        errors.ModelFailed,
        errors.ModelOverloaded,
        errors.ModelTimedOut,
        errors.ModelNotReady,
        errors.UpstreamTruncated,
        errors.UpstreamResponseTooLarge,
    }
)
"""Errors that an asynchronous endpoint cannot give while it takes a request."""

WITH_A_STORE: frozenset[Error] = frozenset(
    {
        errors.TooManyRequests,
        errors.InternalFailure,
        errors.Unauthorized,
        errors.AuthUnavailable,
        errors.GatewayMisconfigured,
        errors.JobsUnavailable,
    }
)


def request_headers(components: Components) -> list[Node]:
    """Describe the headers by which a prediction becomes a job."""
    nodes: list[Node] = [
        {
            "name": PREFER,
            "in": "header",
            "description": f"`{RESPOND_ASYNC}` asks for a job; other preferences are ignored",
            "schema": TEXT,
            "example": RESPOND_ASYNC,
        },
        {
            "name": UPLOAD,
            "in": "header",
            "description": "The upload that a job has in the place of a body",
            "schema": ID,
        },
        {
            "name": IDEMPOTENCY_KEY,
            "in": "header",
            "description": "Equal requests for a job with the same key get the same job",
            "schema": {
                **TEXT,
                "pattern": PRINTABLE,
                "minLength": 1,
                "maxLength": MAX_KEY_LENGTH,
            },
        },
    ]
    return [components.refer("parameters", node["name"], node) for node in nodes]


def impossible(model: Model) -> set[Error]:
    """Return the errors of a gateway with jobs that a prediction of this model cannot have."""
    of_a_job: set[Error] = {errors.UnknownJob, errors.JobLost}
    return of_a_job | OF_A_CONTAINER if model.target.is_async else of_a_job


def accepted(model: Model, components: Components) -> Node:
    """Describe the response that names a job."""
    seconds = {"schema": {"type": "integer", "minimum": 1}}
    ask = parts.required_header("The seconds after which to ask for the job") | seconds
    place = parts.required_header("The path of the job, from the root of the gateway's host")
    applied = parts.optional_header(f"`{RESPOND_ASYNC}`, if the request asked for a job")
    return {
        "description": "A job that will have the model's response",
        "headers": {
            **parts.response_headers(components),
            "X-Model": parts.model_header(model),
            "Location": components.refer("headers", "Location", place),
            "Retry-After": ask,
            PREFERENCE_APPLIED: components.refer("headers", PREFERENCE_APPLIED, applied),
        },
        "content": {JSON: {"schema": _job(components)}},
    }


def paths(components: Components) -> Node:
    """Describe the paths that only a gateway with jobs has."""
    return {
        "/jobs/{job}": {"get": _get_job(components)},
        "/uploads": {"post": _start_upload(components)},
    }


def _get_job(components: Components) -> Node:
    possible = {*WITH_A_STORE, errors.UnknownJob}
    responses = parts.own_responses(_job(components), possible, components)
    ask = parts.optional_header("While the job is running: the seconds after which to ask again")
    ask["schema"] = {"type": "integer", "minimum": 1}
    responses["200"]["headers"]["Retry-After"] = ask
    return {
        "operationId": "getJob",
        "tags": [TAG],
        "summary": "How far a job is, and where its result is",
        "parameters": [in_path("job", ID, "The id of the job")],
        "responses": responses,
    }


def _start_upload(components: Components) -> Node:
    possible = {
        *WITH_A_STORE,
        errors.InvalidJson,
        errors.InvalidParameter,
        errors.UnknownModel,
        errors.PayloadTooLarge,
        errors.UnsupportedMediaType,
        errors.RoutingUnavailable,
    }
    return {
        "operationId": "startUpload",
        "tags": [TAG],
        **parts.BODY_NAME,
        "summary": "A URL that takes one large body for a job",
        "requestBody": {"required": True, "content": {JSON: {"schema": _asked_upload(components)}}},
        "responses": parts.own_responses(_upload(components), possible, components, status=201),
    }


def _asked_upload(components: Components) -> Node:
    path = "What follows /predict/ in the path of the model"
    most = f"The exact size: at most {max_bytes(is_async=False):,}; for a model of kind async"
    size: Node = {"type": "integer", "minimum": 1, "maximum": max_bytes(is_async=True)}
    asked = parts.object_schema(
        "The body that will be uploaded",
        {
            "model": {**TEXT, "description": path},
            "content_type": {**TEXT, "minLength": 1, "description": "The body's exact type"},
            "bytes": {**size, "description": f"{most} {max_bytes(is_async=True):,}"},
        },
    )
    return components.refer("schemas", "UploadRequest", asked)


def _upload(components: Components) -> Node:
    upload = parts.object_schema(
        "How the body is sent: without the gateway's credential",
        {
            "upload": {**ID, "description": f"What the prediction has as {UPLOAD}"},
            "url": {**TEXT, "format": "uri"},
            "method": {**TEXT, "enum": ["PUT"]},
            "headers": {"type": "object", "additionalProperties": TEXT},
            "expires": {**TIME, "description": "When the URL ends"},
        },
    )
    return components.refer("schemas", "Upload", upload)


def _job(components: Components) -> Node:
    result = parts.object_schema(
        "The model's response",
        {
            "url": {
                **TEXT,
                "format": "uri",
                "description": "It needs no credential; do not send the gateway's to it",
            },
            "content_type": TEXT,
            "bytes": {"type": "integer", "minimum": 0},
            "expires": {**TIME, "description": "When the URL ends; ask again for a new one"},
        },
    )
    job = parts.object_schema(
        "A prediction whose response is fetched later",
        {
            "job": {**ID, "description": "Its id, for GET /jobs/{job}"},
            "model": TEXT,
            "status": {**TEXT, "enum": ["running", "succeeded", "failed"]},
            "expires": {**TIME, "description": "When the job and its result are removed"},
        },
        {
            "created": TIME,
            "result": components.refer("schemas", "JobResult", result),
            "problem": parts.problem_schema(components),
        },
    )
    return components.refer("schemas", "Job", job)
