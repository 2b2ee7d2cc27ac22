"""The whole document: the same bytes for the same table and server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api import routes
from chalicelib.routing.targets import KINDS
from chalicelib.telemetry.log import TABLE_DIGITS
from gatewayctl.http_api import operations
from gatewayctl.http_api.components import Components

if TYPE_CHECKING:
    from chalicelib.routing.table import RoutingTable
    from gatewayctl.http_api.components import Node

OPENAPI = "3.1.0"
SECURITY_SCHEME = "bearer"
ABOUT = (
    "A model is called by its name. Its answer is passed on as it is; any other answer is a "
    "problem (RFC 9457) that says what happened, what to do, and whether to try again."
)
CREDENTIAL = "An API key (`gw_…`), or a JWT of the issuer that this gateway trusts."


def document(table: RoutingTable, server: str | None) -> Node:
    """The API of a gateway with this table, for its callers."""
    components = Components()
    paths = _paths(table, components)
    bearer: Node = {"type": "http", "scheme": "bearer", "description": CREDENTIAL}
    components.refer("securitySchemes", SECURITY_SCHEME, bearer)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Inference Gateway for Amazon SageMaker",
            "version": table.digest[:TABLE_DIGITS],
            "description": ABOUT,
        },
        **({} if server is None else {"servers": [{"url": server}]}),
        "security": [{SECURITY_SCHEME: []}],
        "tags": _tags(table),
        "paths": paths,
        "components": components.node(),
    }


def _paths(table: RoutingTable, components: Components) -> Node:
    models = list(table.models())
    paths: Node = {
        f"/predict/{model.name}": {"post": operations.predict(model, components)}
        for model in models
    }
    paths["/models"] = {"get": operations.list_models(components)}
    for parameters, segments in enumerate(routes.SEGMENTS):
        path = f"/models/{segments}"
        meant = [model for model in models if len(model.parameters) == parameters]
        if meant:
            paths[path] = {"get": operations.describe_model(path, meant, components)}
    paths["/health"] = {"get": operations.health(components)}
    return paths


def _tags(table: RoutingTable) -> list[Node]:
    """The kinds of target that there are, in SageMaker's words, and the gateway's own."""
    used = {model.target.kind for model in table.models()}
    kinds = [
        {"name": kind, "description": target.__doc__}
        for kind, target in KINDS.items()
        if kind in used
    ]
    return [
        *kinds,
        {"name": operations.CATALOG_TAG, "description": "What there is to call."},
        {"name": operations.HEALTH_TAG, "description": "Whether the gateway can work."},
    ]
