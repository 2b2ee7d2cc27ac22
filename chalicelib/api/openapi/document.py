"""Builds the OpenAPI document: an operation for each model, and the operations of every gateway."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.api import catalog, wire
from chalicelib.api.openapi import components as parts
from chalicelib.api.openapi import jobs
from chalicelib.api.openapi.components import TEXT, Components, object_schema, own_responses
from chalicelib.api.openapi.named_types import for_generators
from chalicelib.api.openapi.parameters import (
    in_path,
    list_schema,
    path_parameters,
    pattern_schema,
    request_headers,
)
from chalicelib.errors import (
    AuthUnavailable,
    InternalFailure,
    InvalidJson,
    InvalidParameter,
    MethodNotAllowed,
    NoSuchArtifact,
    RoutingUnavailable,
    TooManyRequests,
    Unauthorized,
    UnknownModel,
)
from chalicelib.routing.headers import is_json
from chalicelib.routing.parameters import VALUE_RULE, Pattern
from chalicelib.routing.targets import KINDS
from chalicelib.telemetry import TABLE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from chalicelib.api.openapi.components import Error, Node
    from chalicelib.routing.table import Model

OPENAPI = "3.1.0"
PATH = "/openapi.json"
"""Where a gateway sends the document."""

API_VERSION = "1.0.0"
"""Generators give a client the document's version, which package managers have to accept."""

SECURITY_SCHEME = "bearer"
ABOUT = (
    "A model is called by its name. Its response is passed on unchanged; any other response is a "
    "problem (RFC 9457) that says what happened, what to do, and whether to try again."
)
CREDENTIAL = "An API key (`gw_…`), or a JWT of the issuer that this gateway trusts."
PREDICT_TAG, CATALOG_TAG, HEALTH_TAG = "predict", "models", "health"
# Clients have a class or a module for each tag. The kind of a model is no tag, so that a model can
# get another kind without a change to its callers.
TAGS = {
    PREDICT_TAG: "Predictions of the models.",
    CATALOG_TAG: "The models that can be called.",
    HEALTH_TAG: "Whether the gateway can work.",
}

ANY_REQUEST = {TooManyRequests, InternalFailure, RoutingUnavailable}
WITH_A_CREDENTIAL = {*ANY_REQUEST, Unauthorized, AuthUnavailable}
ANY_VALUE = Pattern("[A-Za-z0-9._~-]+")

TEXTS: Node = {"type": "array", "items": TEXT}

_NEXT_WORD = re.compile(r"-(?!by-)([a-z])")


def document(
    models: Sequence[Model], digest: str, server: str | None, *, has_jobs: bool = False
) -> Node:
    """Describe the API of a gateway with these models.

    The same models and server always lead to the same document, in the same order.

    Args:
        models: All models, or those of one caller, with the parameter values for the document.
        digest: The digest of the table.
        server: The URL of the gateway, if it is known.
        has_jobs: Whether the gateway has jobs.
    """
    components = Components(has_jobs=has_jobs)
    tags = {**TAGS, **jobs.TAGS} if has_jobs else TAGS
    paths = _paths(models, components)
    bearer: Node = {"type": "http", "scheme": "bearer", "description": CREDENTIAL}
    components.refer("securitySchemes", SECURITY_SCHEME, bearer)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Inference Gateway for Amazon SageMaker",
            "version": f"{API_VERSION}+{digest[:TABLE_DIGITS]}",
            "description": ABOUT,
        },
        **({} if server is None else {"servers": [{"url": server}]}),
        "security": [{SECURITY_SCHEME: []}],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": components.node(),
    }


def _paths(models: Sequence[Model], components: Components) -> Node:
    paths: Node = {
        f"/predict/{model.name}": {"post": _predict(model, components)} for model in models
    }
    if components.has_jobs:
        paths |= jobs.paths(components)
    paths["/models"] = {"get": _list_models(components)}
    for parameters, segments in enumerate(wire.SEGMENTS):
        path = f"/models/{segments}"
        if names := _names_described(models, parameters):
            paths[path] = {"get": _describe_model(path, names, components)}
    paths[PATH] = {"get": _describe_api(components)}
    paths["/health"] = {"get": _health(components)}
    return paths


def operation_id(verb: str, model_name: str) -> str:
    """Return a name for an operation that is an identifier in generated clients.

        iris                  predictIris
        house-price/{city}    predictHousePriceByCity

    The operation's name depends on the model's name only, and is different for every model. An
    underscore replaces a hyphen before a digit, before another hyphen, and before `by`, which would
    otherwise look like the start of a parameter.
    """
    first, *parameters = model_name.split("/")
    words = _NEXT_WORD.sub(lambda found: found[1].upper(), f"-{first}").replace("-", "_")
    return f"{verb}{words}{''.join(f'By{name[1].upper()}{name[2:-1]}' for name in parameters)}"


def _predict(model: Model, components: Components) -> Node:
    impossible: set[Error] = {MethodNotAllowed, *parts.OF_NO_OPERATION}
    if not model.parameters:
        impossible.add(InvalidParameter)
    if not any(isinstance(parameter.rule, Pattern) for parameter in model.parameters):
        impossible.add(NoSuchArtifact)
    if not any(map(is_json, model.content_types)):
        impossible.add(InvalidJson)
    if components.has_jobs:
        impossible |= jobs.impossible(model)
    operation = {
        "operationId": operation_id("predict", model.name),
        "tags": [PREDICT_TAG],
        **parts.BODY_NAME,
        "summary": f"Predict with {model.name}",
        "parameters": [
            *path_parameters(model),
            *request_headers(model, components),
            *(jobs.request_headers(components) if components.has_jobs else []),
        ],
        "requestBody": {
            "required": not components.has_jobs,  # a job can have an upload in place of a body
            "content": for_generators(parts.request_body(model), components),
        },
        "responses": {
            **_answers(model, components),
            **components.problems(set(components.possible) - impossible),
        },
    }
    if model.description is not None:
        operation["description"] = model.description
    return operation


def _answers(model: Model, components: Components) -> Node:
    """Return the responses with which a prediction succeeds: the model's, or a job."""
    response = {
        "description": "The model's response",
        "headers": parts.prediction_headers(model, components),
        "content": for_generators(parts.response_body(model), components),
    }
    if not components.has_jobs:
        return {"200": response}
    job = {"202": jobs.accepted(model, components)}
    return job if model.target.is_async else {"200": response, **job}


def _list_models(components: Components) -> Node:
    last = "The last name on this page, if there is another; ask for it with `after`"
    listing = object_schema(
        "Models in the order of their names",
        {"models": {"type": "array", "items": _model_schema(components)}},
        {"next": {**TEXT, "description": last}},
    )
    schema = components.refer("schemas", "Models", listing)
    return {
        "operationId": "listModels",
        "tags": [CATALOG_TAG],
        "summary": "The models that you may call",
        "parameters": _part("next", {"default": catalog.MAX_MODELS}),
        "responses": own_responses(schema, {*WITH_A_CREDENTIAL, InvalidParameter}, components),
    }


def _names_described(models: Iterable[Model], parameters: int) -> list[str]:
    """Return the first segments that `GET /models/…` takes before so many parameters.

    The first segment alone also shows a model with parameters, if no other model begins so.
    """
    counts: dict[str, list[int]] = {}
    for model in models:
        counts.setdefault(model.name.partition("/")[0], []).append(len(model.parameters))
    return sorted(
        first
        for first, of_first in counts.items()
        if parameters in of_first or (parameters == 0 and len(of_first) == 1)
    )


def _describe_model(path: str, names: Collection[str], components: Components) -> Node:
    """Describe `GET /models/…` with these first segments."""
    first, *others = re.findall(r"{([^}]*)}", path)
    possible = {*WITH_A_CREDENTIAL, UnknownModel, *([InvalidParameter] if others else [])}
    suffix = {0: "", 1: "WithParameter"}.get(len(others), "WithParameters")
    any_value = pattern_schema(ANY_VALUE)
    return {
        "operationId": f"describeModel{suffix}",
        "tags": [CATALOG_TAG],
        "summary": "One model, and its example",
        "parameters": [
            in_path(first, list_schema(names), "The first part of the model's name"),
            *(in_path(name, any_value, VALUE_RULE) for name in others),
        ],
        "responses": own_responses(_model_schema(components), possible, components),
    }


def _describe_api(components: Components) -> Node:
    possible = {*WITH_A_CREDENTIAL, InvalidParameter}
    return {
        "operationId": "describeApi",
        "tags": [CATALOG_TAG],
        "summary": "This document, of the models that you may call",
        "parameters": _part("x-next", {}),
        "responses": own_responses({"type": "object"}, possible, components),
    }


def _part(following: str, default: Node) -> list[Node]:
    """Describe the query that asks for a part of the models."""
    limit = {"type": "integer", "minimum": 1, "maximum": catalog.MAX_MODELS, **default}
    after = f"Models after this name: the `{following}` of the previous part"
    return [
        _in_query("limit", "The maximum number of models", limit),
        _in_query("after", after, TEXT),
    ]


def _health(components: Components) -> Node:
    table = {**TEXT, "pattern": f"^[0-9a-f]{{{TABLE_DIGITS}}}$"}
    node = object_schema(
        "The table that the gateway uses",
        {
            "status": {**TEXT, "enum": ["ok", "degraded"]},
            "models": {"type": "integer", "minimum": 0},
            "table": table,
        },
        {
            "table_age_seconds": {
                "type": "integer",
                "minimum": 0,
                "description": "How long ago the table was known to be the newest, if degraded",
            }
        },
    )
    schema = components.refer("schemas", "Health", node)
    return {
        "operationId": "getHealth",
        "tags": [HEALTH_TAG],
        "summary": "Whether the gateway has a table, which one, and whether it is the newest",
        "security": [],
        "responses": own_responses(schema, ANY_REQUEST, components),
    }


def _in_query(name: str, description: str, schema: Node) -> Node:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _model_schema(components: Components) -> Node:
    rule = {
        "type": "object",
        "description": "What the values of a parameter are: one of a list, or of a pattern",
        "properties": {"one_of": TEXTS, "pattern": TEXT},
    }
    rules = components.refer("schemas", "ParameterRule", rule)
    kinds = [name for name, kind in KINDS.items() if components.has_jobs or not kind.is_async]
    entry = object_schema(
        "What a caller needs to know about a model",
        {
            "name": TEXT,
            "path": TEXT,
            "kind": {**TEXT, "examples": kinds},  # no enum, as for the types of problems
            "description": {"type": ["string", "null"]},
            "content_types": TEXTS,
            "accepts": TEXTS,
            "parameters": {"type": "object", "additionalProperties": rules},
        },
        {
            "example_path": {**TEXT, "description": "A path that can be called as it stands"},
            "pass_headers": {
                **TEXTS,
                "description": "Headers that reach the model; not in the list of models",
            },
            "example": {"description": "A body that the model accepts; not in the list of models"},
            **(jobs.OF_A_MODEL if components.has_jobs else {}),
        },
    )
    return components.refer("schemas", "Model", entry)
