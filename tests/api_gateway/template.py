"""What `chalice package` would write of an app, without the zip that takes it seconds to make.

A test compares it with the template of the package, which has our fragment merged into it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalice.config import Config
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.package import TemplateDeepMerger
from chalice.utils import to_cfn_resource_name

from deployment.fragment import environment_of, fragment
from tests.support.doors import ROOT

if TYPE_CHECKING:
    from chalice.app import Chalice

    from tests.api_gateway.functions import Handler

APP = "APIHandler"


def packaged_template_of(app: Chalice, stage: str = "dev") -> dict[str, Any]:
    """As `make package` makes it."""
    merged: dict[str, Any] = TemplateDeepMerger().merge(
        fragment(environment_of(stage)), template_of(app, stage)
    )
    return merged


def template_of(app: Chalice, stage: str = "dev") -> dict[str, Any]:
    """As plain Chalice makes it, for this stage of .chalice/config.json."""
    written = json.loads((ROOT / ".chalice/config.json").read_bytes())
    config = Config(stage, config_from_disk=written)
    api = {
        "EndpointConfiguration": config.api_gateway_endpoint_type,
        "StageName": config.api_gateway_stage,
        "MinimumCompressionSize": config.minimum_compression_size,
        # through JSON, because the routes share what Chalice has of them
        "DefinitionBody": json.loads(json.dumps(CFNSwaggerGenerator().generate_swagger(app))),
    }
    names = {APP: "api_handler", **_authorizers(app)}
    functions = {
        logical: {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Timeout": config.scope(stage, name).lambda_timeout},
        }
        for logical, name in names.items()
    }
    rest_api = {"Type": "AWS::Serverless::Api", "Properties": api}
    return {"Resources": {"RestAPI": rest_api, **functions}}


def functions_of(app: Chalice) -> dict[str, Handler]:
    """The app and its authorizers, by the names that the template has for them."""
    authorizers = {logical: app.handler_map[name] for logical, name in _authorizers(app).items()}
    return {APP: app, **authorizers}


def _authorizers(app: Chalice) -> dict[str, str]:
    """Their names in the app by their names in the template."""
    return {to_cfn_resource_name(one.name): one.name for one in app.builtin_auth_handlers}
