"""List, add and delete tags of models, endpoint configurations, endpoints and components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.listing import page
from sagemaker_local.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Resources

MAX_TAGS = 50  # Source: botocore, shape TagList.


def list_(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    return page("Tags", _listed(_tags(resources, request)), request, MAX_TAGS)


def add(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    """Add tags; a tag of an existing key replaces the old value."""
    tags = _tags(resources, request)
    changed = tags | {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    if len(changed) > MAX_TAGS:
        raise InvalidInput(f"A resource can have at most {MAX_TAGS} tags.")  # UNVERIFIED
    tags.update(changed)
    return {"Tags": _listed(tags)}


def delete(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete tags; keys that the resource does not have are ignored."""
    tags = _tags(resources, request)
    for key in request["TagKeys"]:
        tags.pop(key, None)
    return {}


def kind_of(arn: str) -> str:
    """Return the kind of resource that an ARN names, as "endpoint"."""
    return arn.split(":", 5)[-1].partition("/")[0]


def _tags(resources: Resources, request: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of the resource that the ARN names."""
    arn = request["ResourceArn"]
    name = arn.rpartition("/")[2]
    for table in resources.tables():
        if table.kind == kind_of(arn) and table.arn(name) == arn.lower():
            return table.tags(name)
    raise InvalidInput(f'Could not find resource "{arn}".')  # UNVERIFIED


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


OPERATIONS = {
    "ListTags": list_,
    "AddTags": add,
    "DeleteTags": delete,
}
