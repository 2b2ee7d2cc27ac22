"""The operations: one for each model, and those that every gateway has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.api import routes
from chalicelib.errors import (
    AuthUnavailable,
    InternalFailure,
    InvalidJson,
    InvalidParameter,
    MethodNotAllowed,
    RateLimited,
    RoutingUnavailable,
    Unauthorized,
    UnknownModel,
)
from chalicelib.payload.admission import JSON
from chalicelib.routing.parameters import VALUE_RULE, Pattern
from gatewayctl.http_api import bodies, headers, parameters, problems, schemas
from gatewayctl.http_api.operation_ids import operation_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.routing.table import Model
    from gatewayctl.http_api.components import Components, Node
    from gatewayctl.http_api.problems import Error

CATALOG_TAG = "models"
HEALTH_TAG = "health"

ANY_REQUEST = {RateLimited, InternalFailure, RoutingUnavailable}
WITH_A_CREDENTIAL = {*ANY_REQUEST, Unauthorized, AuthUnavailable}
ANY_VALUE = Pattern("[A-Za-z0-9._~-]+")


def predict(model: Model, components: Components) -> Node:
    """`POST /predict/…`: any error is possible but those that have no occasion."""
    impossible: set[Error] = {MethodNotAllowed}
    if not model.parameters:
        impossible.add(InvalidParameter)
    if model.content_types != (JSON,):
        impossible.add(InvalidJson)
    operation = {
        "operationId": operation_id("predict", model.name),
        "tags": [model.target.kind],
        "summary": f"Predict with {model.name}",
        "parameters": [*parameters.of_path(model), *headers.of_request(model, components)],
        "requestBody": bodies.request(model),
        "responses": {
            "200": {
                "description": "The model's own answer",
                "headers": headers.of_prediction(model, components),
                "content": bodies.answer(model),
            },
            **problems.responses(set(problems.FAMILY) - impossible, components),
        },
    }
    if model.description is not None:
        operation["description"] = model.description
    return operation


def list_models(components: Components) -> Node:
    """`GET /models`"""
    limit = {"type": "integer", "minimum": 1, "maximum": routes.MAX_MODELS}
    return {
        "operationId": "listModels",
        "tags": [CATALOG_TAG],
        "summary": "The models that you may call",
        "parameters": [
            _in_query("limit", "At most so many", {**limit, "default": routes.MAX_MODELS}),
            _in_query("after", "Those after this name: `next` of the page before", schemas.TEXT),
        ],
        "responses": _document(
            schemas.models(components), {*WITH_A_CREDENTIAL, InvalidParameter}, components
        ),
    }


def describe_model(path: str, models: Iterable[Model], components: Components) -> Node:
    """`GET /models/…`, for models of one length."""
    first, *others = re.findall(r"{([^}]*)}", path)
    names = sorted({model.name.split("/")[0] for model in models})
    possible = {*WITH_A_CREDENTIAL, UnknownModel, *([InvalidParameter] if others else [])}
    return {
        "operationId": f"describeModel{_with_parameters(others)}",
        "tags": [CATALOG_TAG],
        "summary": "One model, and its example",
        "parameters": [
            parameters.in_path(first, {**schemas.TEXT, "enum": names}, "How its name begins"),
            *(
                parameters.in_path(name, parameters.matching(ANY_VALUE), VALUE_RULE)
                for name in others
            ),
        ],
        "responses": _document(schemas.model(components), possible, components),
    }


def health(components: Components) -> Node:
    """`GET /health`"""
    return {
        "operationId": "getHealth",
        "tags": [HEALTH_TAG],
        "summary": "Whether there is a table, and which",
        "security": [],
        "responses": _document(schemas.health(components), ANY_REQUEST, components),
    }


def _in_query(name: str, description: str, schema: Node) -> Node:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _document(schema: Node, possible: Iterable[Error], components: Components) -> Node:
    """The gateway's own JSON, or a problem."""
    answer = {
        "description": "What was asked for",
        "headers": headers.of_answer(components),
        "content": {JSON: {"schema": schema}},
    }
    return {"200": answer, **problems.responses(possible, components)}


def _with_parameters(names: Sequence[str]) -> str:
    return {0: "", 1: "WithParameter"}.get(len(names), "WithParameters")
