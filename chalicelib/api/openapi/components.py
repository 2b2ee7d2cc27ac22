"""Describes the parts of an operation: parameters, headers, bodies and problem responses."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.errors import PROBLEM_MEDIA_TYPE, URN, GatewayError
from chalicelib.routing.headers import PASSED, RETURNED, STICKY, TARGET, TIMEOUT, is_json
from chalicelib.routing.parameters import LONGEST_VALUE, VALUE_RULE, OneOf

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from chalicelib.routing.parameters import Parameter, Pattern
    from chalicelib.routing.table import Model

    Error = type[GatewayError]

Node = dict[str, Any]
"""A piece of an OpenAPI document."""

LONGEST_TIMEOUT_MS = 999_999_999
PRINTABLE = "^[!-~]([ -~]*[!-~])?$"  # HTTP removes the spaces around a value

PROBLEMS: tuple[Error, ...] = tuple(
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, GatewayError) and hasattr(value, "slug")
)
"""Every error that a caller can get, in the order of `chalicelib.errors`."""

OF_NO_OPERATION: frozenset[Error] = frozenset({errors.BadRequest, errors.NoSuchPath})
"""Errors that a request which fits the document does not get."""

_CLASS_OR_HYPHEN = re.compile(r"(\[[^]]*\])|\\-")


class Components:
    """The section `components`: parts that several operations refer to, each under a name."""

    def __init__(self) -> None:
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


def path_parameters(model: Model) -> list[Node]:
    """Describe each `{parameter}` of a model's name."""
    return [in_path(parameter.name, *_values(parameter)) for parameter in model.parameters]


def in_path(name: str, schema: Node, description: str) -> Node:
    """Describe a parameter in the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def _values(parameter: Parameter) -> tuple[Node, str]:
    rule = parameter.rule
    if isinstance(rule, OneOf):
        return list_schema(rule.values), "One of a list"
    return pattern_schema(rule), VALUE_RULE


def list_schema(values: Collection[str]) -> Node:
    """Return the schema of a text that is one of these values.

    Clients have a constant for each value of an enum. Where two values would get the same constant,
    as `a-b` and `a_b`, which makes a generator fail, the values are in a pattern.
    """
    constants = {re.sub("[^a-z0-9]+", "_", value.lower()) for value in values}
    if len(constants) == len(values):
        return {"type": "string", "enum": sorted(values)}
    alternatives = "|".join(sorted(values)).replace(".", r"\.")
    return {"type": "string", "pattern": f"^(?:{alternatives})$"}


def pattern_schema(rule: Pattern) -> Node:
    """Return the schema of a text that matches the pattern from end to end.

    JSON Schema has the regular expressions of JavaScript, where an escaped hyphen is allowed only
    in a [class].
    """
    pattern = _CLASS_OR_HYPHEN.sub(lambda found: found[1] or "-", rule.pattern)
    return {
        "type": "string",
        "pattern": f"^(?:{pattern})$",
        "minLength": 1,
        "maxLength": LONGEST_VALUE,
    }


def request_headers(model: Model, components: Components) -> list[Node]:
    """Describe the headers of a request: the time limit, and the headers passed to the model."""
    timeout: Node = {
        "name": TIMEOUT,
        "in": "header",
        "description": "How long the caller is willing to wait; it only shortens the model's time",
        "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_TIMEOUT_MS},
        "example": 5000,
    }
    passed = [_passed(*PASSED[name]) for name in model.pass_headers]
    keys = [_key(*STICKY[model.sticky])] if model.sticky in STICKY else []
    nodes = {node["name"]: node for node in (timeout, *keys, *passed)}
    return [components.refer("parameters", name, node) for name, node in nodes.items()]


def _key(header: str, longest: int) -> Node:
    return {
        "name": header,
        "in": "header",
        "description": "Requests with the same value get the same version of the model",
        "schema": {"type": "string", "pattern": PRINTABLE, "minLength": 1, "maxLength": longest},
    }


def _passed(header: str, _: str, longest: int) -> Node:
    return {
        "name": header,
        "in": "header",
        "description": "Passed on to the model",
        "schema": {"type": "string", "pattern": PRINTABLE, "minLength": 1, "maxLength": longest},
    }


def response_headers(components: Components) -> Node:
    """Describe the headers of every response."""
    request_id = _required_header("The id of the request in the gateway's log")
    timing = "Milliseconds of the model's last attempt, and of the gateway's own work"
    return {
        "X-Request-Id": components.refer("headers", "X-Request-Id", request_id),
        "Server-Timing": components.refer("headers", "Server-Timing", _header(timing)),
    }


def prediction_headers(model: Model, components: Components) -> Node:
    """Describe the headers of a model's response."""
    variant = _header("The production variant that answered")
    target = _header("The target of the model that answered")
    named = [TARGET] if model.has_named_targets else []
    returned = [header for name in model.return_headers for header in RETURNED[name]]
    return {
        **response_headers(components),
        "X-Model": {
            **_required_header("The model that answered"),
            "schema": {"type": "string", "const": model.name},
        },
        **{header: components.refer("headers", header, target) for header in named},
        "X-Invoked-Variant": components.refer("headers", "X-Invoked-Variant", variant),
        **{
            header: components.refer("headers", header, _header("As the model sends it"))
            for header in returned
        },
    }


def _problem_headers(status: int, components: Components, *, has_retry_after: bool) -> Node:
    node = response_headers(components)
    if status == HTTPStatus.UNAUTHORIZED:
        challenge = _required_header("How to present a credential")
        node["WWW-Authenticate"] = components.refer("headers", "WWW-Authenticate", challenge)
    if has_retry_after:
        seconds: Node = {
            **_required_header("The seconds after which to try again"),
            "schema": {"type": "integer", "minimum": 1},
        }
        node["Retry-After"] = components.refer("headers", "Retry-After", seconds)
    return node


def _required_header(description: str) -> Node:
    return {**_header(description), "required": True}


def _header(description: str) -> Node:
    return {"description": description, "schema": {"type": "string"}}


def request_body(model: Model) -> Node:
    """Describe the request body of a model, with the types of its example if there is one."""
    content: Node = {name: {"schema": _body_schema(name)} for name in model.content_types}
    request = model.example_request()
    if request is None:
        return {"required": True, "content": content}
    if is_json(request.content_type):
        example = json.loads(request.body)
        for name in filter(is_json, content):
            content[name] = {"schema": schema_of(example), "example": example}
    else:
        content[request.content_type]["example"] = request.body
    return {"required": True, "content": content}


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
    for error in PROBLEMS:
        for status in statuses(error) if error in possible else ():
            by_status.setdefault(status, []).append(error)
    return {
        str(status): components.refer(
            "responses", _response_name(status, some), _response(status, some, components)
        )
        for status, some in sorted(by_status.items())
    }


def statuses(error: Error) -> Iterable[int]:
    """Return the statuses of an error: one, except for an error whose status the model chooses."""
    several: Iterable[int] = getattr(error, "statuses", (error.status,))
    return several


def _response_name(status: int, some: Sequence[Error]) -> str:
    """Name a response by its errors, so that the same errors have the same name in any document."""
    possible = [error for error in PROBLEMS if error not in OF_NO_OPERATION]
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
        "content": {PROBLEM_MEDIA_TYPE: {"schema": _problem(components)}},
    }


def _problem(components: Components) -> Node:
    # The type has no enum, because a client with one could not read a problem of a later gateway.
    properties: Node = {
        "type": {
            "type": "string",
            "description": "The kind of error; a later gateway may have more of them",
            "examples": [f"{URN}{error.slug}" for error in PROBLEMS],
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
