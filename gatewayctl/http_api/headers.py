"""Headers, in both directions."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from chalicelib.routing.headers import PASSED, RETURNED, TIMEOUT

if TYPE_CHECKING:
    from chalicelib.routing.table import Model
    from gatewayctl.http_api.components import Components, Node

LONGEST_TIMEOUT_MS = 999_999_999
PRINTABLE = "^[!-~]([ -~]*[!-~])?$"  # HTTP takes away the spaces around a value


def of_request(model: Model, components: Components) -> list[Node]:
    """What a caller may send along: a time limit, and what the model is passed."""
    timeout: Node = {
        "name": TIMEOUT,
        "in": "header",
        "description": "How long the caller is willing to wait; it only shortens the model's time",
        "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_TIMEOUT_MS},
        "example": 5000,
    }
    nodes = [timeout, *(_passed(*PASSED[name]) for name in model.pass_headers)]
    return [components.refer("parameters", node["name"], node) for node in nodes]


def _passed(header: str, _: str, longest: int) -> Node:
    return {
        "name": header,
        "in": "header",
        "description": "Passed on to the model",
        "schema": {"type": "string", "pattern": PRINTABLE, "minLength": 1, "maxLength": longest},
    }


def of_answer(components: Components) -> Node:
    """Of every answer."""
    timing = "Milliseconds of the model's last attempt, and of the gateway's own work"
    return {
        "X-Request-Id": components.refer(
            "headers", "X-Request-Id", _always("Names the request in the gateway's log")
        ),
        "Server-Timing": components.refer("headers", "Server-Timing", _sometimes(timing)),
    }


def of_prediction(model: Model, components: Components) -> Node:
    """Of a model's answer."""
    variant = _sometimes("The production variant that answered")
    returned = [header for name in model.return_headers for header in RETURNED[name]]
    return {
        **of_answer(components),
        "X-Model": {**_always("The model that answered"), "schema": {"const": model.name}},
        "X-Invoked-Variant": components.refer("headers", "X-Invoked-Variant", variant),
        **{
            header: components.refer("headers", header, _sometimes("As the model said it"))
            for header in returned
        },
    }


def of_problem(status: int, components: Components, *, retry: bool) -> Node:
    """Of a problem; `retry` if it says when to come back."""
    node = of_answer(components)
    if status == HTTPStatus.UNAUTHORIZED:
        challenge = _always("How to present a credential")
        node["WWW-Authenticate"] = components.refer("headers", "WWW-Authenticate", challenge)
    if retry:
        seconds: Node = {
            **_always("In how many seconds to come back"),
            "schema": {"type": "integer", "minimum": 1},
        }
        node["Retry-After"] = components.refer("headers", "Retry-After", seconds)
    return node


def _always(description: str) -> Node:
    return {**_sometimes(description), "required": True}


def _sometimes(description: str) -> Node:
    return {"description": description, "schema": {"type": "string"}}
