"""Describes the parts of an operation: response headers, bodies and problem responses."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.errors import PROBLEM_MEDIA_TYPE, URN, GatewayError
from chalicelib.payload.admission import JSON
from chalicelib.routing.headers import RETURNED, TARGET, is_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from chalicelib.routing.table import Model

    Error = type[GatewayError]

Node = dict[str, Any]
"""A piece of an OpenAPI document."""

PROBLEMS: tuple[Error, ...] = tuple(
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, GatewayError) and hasattr(value, "slug")
)
"""Every error that a caller can get, in the order of `chalicelib.errors`."""

OF_NO_OPERATION: frozenset[Error] = frozenset({errors.BadRequest, errors.NoSuchPath})
"""Errors that a request which fits the document does not get."""

OF_JOBS: frozenset[Error] = frozenset(
    {
        errors.UnknownJob,
        errors.UnknownUpload,
        errors.IdempotencyConflict,
        errors.JobsUnavailable,
        errors.JobLost,
    }
)
"""Errors that only a gateway with jobs has."""

TEXT: Node = {"type": "string"}
BODY_NAME: Node = {"x-codegen-request-body-name": "body"}
"""The body's argument in clients of OpenAPI Generator, which would have the name of its type."""


class Components:
    """The section `components`: parts that several operations refer to, each under a name.

    Args:
        has_jobs: Whether the gateway has jobs.
    """

    def __init__(self, *, has_jobs: bool) -> None:
        self.has_jobs = has_jobs
        self.possible = tuple(one for one in PROBLEMS if has_jobs or one not in OF_JOBS)
        """Every error of the gateway, in the order of `chalicelib.errors`."""

        self._sections: dict[str, Node] = {}
        self._problems: dict[frozenset[Error], Node] = {}

    def refer(self, section: str, name: str, node: Node) -> Node:
        """Keep a part under this name, and return a reference to it."""
        self._sections.setdefault(section, {})[name] = node
        return {"$ref": f"#/components/{section}/{name}"}

    def problems(self, possible: Iterable[Error]) -> Node:
        """Return the problem responses, by status, of an operation that can have these errors."""
        key = frozenset(possible)
        if key not in self._problems:  # thousands of operations have the same errors
            self._problems[key] = _problem_responses(key, self)
        return self._problems[key]

    def node(self) -> Node:
        """Return the section, sorted by name, so that a new model does not move other parts."""
        return {
            section: dict(sorted(nodes.items()))
            for section, nodes in sorted(self._sections.items())
        }


def response_headers(components: Components) -> Node:
    """Describe the headers of every response."""
    request_id = required_header("The id of the request in the gateway's log")
    timing = "Milliseconds of the model's last attempt, and of the gateway's own work"
    return {
        "X-Request-Id": components.refer("headers", "X-Request-Id", request_id),
        "Server-Timing": components.refer("headers", "Server-Timing", optional_header(timing)),
    }


def prediction_headers(model: Model, components: Components) -> Node:
    """Describe the headers of a model's response."""
    variant = optional_header("The production variant that answered")
    target = optional_header("The target of the model that answered")
    named = [TARGET] if model.has_named_targets else []
    returned = [header for name in model.return_headers for header in RETURNED[name]]
    return {
        **response_headers(components),
        "X-Model": model_header(model),
        **{header: components.refer("headers", header, target) for header in named},
        "X-Invoked-Variant": components.refer("headers", "X-Invoked-Variant", variant),
        **{
            header: components.refer("headers", header, optional_header("As the model sends it"))
            for header in returned
        },
    }


def model_header(model: Model) -> Node:
    """Describe the header that names the model."""
    name = {"type": "string", "const": model.name}
    return {**required_header("The model that answered"), "schema": name}


def _problem_headers(status: int, components: Components, *, has_retry_after: bool) -> Node:
    node = response_headers(components)
    if status == HTTPStatus.UNAUTHORIZED:
        challenge = required_header("How to present a credential")
        node["WWW-Authenticate"] = components.refer("headers", "WWW-Authenticate", challenge)
    if has_retry_after:
        seconds: Node = {
            **required_header("The seconds after which to try again"),
            "schema": {"type": "integer", "minimum": 1},
        }
        node["Retry-After"] = components.refer("headers", "Retry-After", seconds)
    return node


def required_header(description: str) -> Node:
    """Describe a header that a response always has."""
    return {**optional_header(description), "required": True}


def optional_header(description: str) -> Node:
    """Describe a header that some responses have."""
    return {"description": description, "schema": {"type": "string"}}


def request_body(model: Model) -> Node:
    """Describe the content of a request's body, with the types of its example if there is one."""
    content: Node = {name: {"schema": _body_schema(name)} for name in model.content_types}
    request = model.example_request()
    if request is None:
        return content
    if is_json(request.content_type):
        example = json.loads(request.body)
        for name in filter(is_json, content):
            content[name] = {"schema": schema_of(example), "example": example}
    else:
        content[request.content_type]["example"] = request.body
    return content


def response_body(model: Model) -> Node:
    """Describe the content of a model's response."""
    return {name: {"schema": _body_schema(name)} for name in model.accepts}


def schema_of(example: Any) -> Node:
    """Return a schema with the types in an example.

    A null, and the items of a list with several types, get an empty schema. No member is mandatory,
    because an example does not show which members are optional.
    """
    match example:
        case bool():
            return {"type": "boolean"}
        case int() | float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case list():
            items = [schema_of(item) for item in example] or [{}]
            same = all(item == items[0] for item in items)
            return {"type": "array", "items": items[0] if same else {}}
        case dict():
            members = {name: schema_of(member) for name, member in example.items()}
            return {"type": "object", "properties": members}
        case _:
            return {}


def _body_schema(media_type: str) -> Node:
    """Return the schema of a body: anything for JSON, a string for text, and bytes."""
    if is_json(media_type):
        return {}
    if media_type.startswith("text/"):
        return {"type": "string"}
    # OpenAPI 3.1 would have no type here. Generators know bytes by the format of OpenAPI 3.0.
    return {"type": "string", "format": "binary"}


def _problem_responses(possible: Collection[Error], components: Components) -> Node:
    by_status: dict[int, list[Error]] = {}
    for error in components.possible:
        for status in statuses(error) if error in possible else ():
            by_status.setdefault(status, []).append(error)
    return {
        str(status): components.refer(
            "responses",
            _response_name(status, some, components),
            _response(status, some, components),
        )
        for status, some in sorted(by_status.items())
    }


def statuses(error: Error) -> Iterable[int]:
    """Return the statuses of an error: one, except for an error whose status the model chooses."""
    several: Iterable[int] = getattr(error, "statuses", (error.status,))
    return several


def _response_name(status: int, some: Sequence[Error], components: Components) -> str:
    """Name a response by its errors, so that the same errors have the same name in any document."""
    possible = [error for error in components.possible if error not in OF_NO_OPERATION]
    everything = [error for error in possible if status in statuses(error)]
    names = ["Problem"] if some == everything else [error.__name__ for error in some]
    return f"{'Or'.join(names)}{status}"


def _response(status: int, some: Sequence[Error], components: Components) -> Node:
    """Return a response with the same schema as every other problem.

    The description says which problems are possible. A schema that says it would be another type
    in generated clients, or none: generators ignore or drop what stands beside a reference.
    """
    retry = all(error.retry_after_seconds is not None for error in some)
    return {
        "description": "\n".join(f"- `{error.slug}`: {error.title}" for error in some),
        "headers": _problem_headers(status, components, has_retry_after=retry),
        "content": {PROBLEM_MEDIA_TYPE: {"schema": problem_schema(components)}},
    }


def problem_schema(components: Components) -> Node:
    """Return the schema of every problem."""
    # The type has no enum, because a client with one could not read a problem of a later gateway.
    properties: Node = {
        "type": {
            "type": "string",
            "description": "The kind of error; a later gateway may have more of them",
            "examples": [f"{URN}{error.slug}" for error in components.possible],
        },
        "title": {"type": "string", "description": "Always the same for the same type"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What happened, and what to do"},
        "instance": {"type": "string", "description": "The request id: tell it to the operator"},
        "retryable": {
            "type": "boolean",
            "description": "Whether the same request may succeed later",
        },
    }
    message = {
        "type": "string",
        "description": "The model's own error message, if its table exposes it",
    }
    problem = {
        "type": "object",
        "description": "An error in the format of RFC 9457",
        "required": list(properties),
        "properties": {**properties, "model_message": message},
    }
    return components.refer("schemas", "Problem", problem)


def own_responses(
    schema: Node, possible: Iterable[Error], components: Components, status: int = 200
) -> Node:
    """Return the responses of an operation of the gateway: its own JSON, or a problem."""
    success = {
        "description": "Success",
        "headers": response_headers(components),
        "content": {JSON: {"schema": schema}},
    }
    return {str(status): success, **components.problems(possible)}


def object_schema(description: str, always: Node, sometimes: Node | None = None) -> Node:
    """Return the schema of an object with members that it always has, and those of some."""
    return {
        "type": "object",
        "description": description,
        "required": list(always),
        "properties": {**always, **(sometimes or {})},
    }
