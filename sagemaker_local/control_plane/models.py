"""CreateModel, DescribeModel, ListModels, DeleteModel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.listing import page
from sagemaker_local.control_plane.resources import Described
from sagemaker_local.definitions import ModelDefinition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Region


def create(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["ModelName"]
    arn = region.place.arn("model", name)
    region.refuse_existing(region.models, "model", arn, name)
    region.models[name] = Described(request, ModelDefinition.parse(request))
    return {"ModelArn": arn}


def describe(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["ModelName"]
    model = region.model(name)
    return {
        "EnableNetworkIsolation": False,
        **{member: value for member, value in model.request.items() if member != "Tags"},
        "ModelArn": region.place.arn("model", name),
        "CreationTime": model.created,
    }


def list_(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (
        {
            "ModelName": name,
            "ModelArn": region.place.arn("model", name),
            "CreationTime": model.created,
        }
        for name, model in region.models.items()
    )
    return page(summaries, request, "Model")


def delete(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    """An endpoint that hosts the model goes on."""
    region.model(request["ModelName"])
    del region.models[request["ModelName"]]
    return {}


OPERATIONS = {
    "CreateModel": create,
    "DescribeModel": describe,
    "ListModels": list_,
    "DeleteModel": delete,
}
