"""SageMaker's control-plane protocol: JSON 1.1, with the operation's name in a header."""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane import (
    endpoints,
    inference_components,
    models_and_configs,
    tags,
)
from sagemaker_local.control_plane.resources import KINDS
from sagemaker_local.errors import InvalidInput, MalformedInput, UnknownOperation
from sagemaker_local.validation import service_model, type_error, violations

if TYPE_CHECKING:
    from sagemaker_local.control_plane.resources import Resources

TARGET_PREFIX = "SageMaker."

OPERATIONS = {
    **models_and_configs.OPERATIONS,
    **endpoints.OPERATIONS,
    **inference_components.OPERATIONS,
    **tags.OPERATIONS,
}

# moto receives no operation on hosting resources, even if it is not offered here, because moto has
# its own models and endpoints.
_HOSTING = re.compile(r"[A-Z][a-z]+(Model|Endpoint|EndpointConfig|InferenceComponent)s?([A-Z]\w+)?")
_NOT_HOSTING = re.compile(r"[A-Z][a-z]+Model(Bias|Card|Explain|Package|Quality|Metadata)\w*")


# Kinds of resource that Search finds by name, and that moto must not search.
_SEARCHED = ("Endpoint", "Model")


def is_hosting_operation(target: str, body: bytes) -> bool:
    """Whether the request is an operation on hosting resources or their tags.

    Args:
        target: The header X-Amz-Target.
    """
    operation = target.removeprefix(TARGET_PREFIX)
    if operation == target:
        return False
    if operation in tags.OPERATIONS:
        return tags.kind_of(str(_member(body, "ResourceArn"))) in KINDS
    if operation == "Search":
        return _member(body, "Resource") in _SEARCHED
    return bool(_HOSTING.fullmatch(operation)) and not _NOT_HOSTING.fullmatch(operation)


async def call(resources: Resources, target: str, body: bytes) -> dict[str, Any]:
    """Validate the request against botocore's service model, and run the operation.

    Raises:
        MalformedInput: The request cannot be parsed.
        InvalidInput: SageMaker would reject the request.
        UnknownOperation: The stand-in does not offer the operation.
    """
    name = target.removeprefix(TARGET_PREFIX)
    if name not in OPERATIONS:
        offered = ", ".join(sorted(OPERATIONS))
        raise UnknownOperation(f"The local SageMaker does not offer {name}; it has {offered}.")
    request = _parse(body)
    shape = service_model("sagemaker").operation_model(name).input_shape
    if (problem := type_error(shape, request)) is not None:
        raise MalformedInput(problem)
    if violated := violations(shape, request):
        raise InvalidInput.from_violations(violated)
    response: Any = OPERATIONS[name](resources, request)
    if inspect.isawaitable(response):
        response = await response
    return dict(response)


def _member(body: bytes, name: str) -> Any:
    """Return a member of a request; None if the request is malformed or does not have it."""
    try:
        return _parse(body).get(name)
    except MalformedInput:
        return None


def _parse(body: bytes) -> dict[str, Any]:
    try:
        request = _without_nulls(json.loads(body or b"{}"))
    except (ValueError, RecursionError) as error:
        raise MalformedInput("The request body is not JSON.") from error
    if not isinstance(request, dict):
        raise MalformedInput("The request body is not a JSON object.")
    return request


def _without_nulls(value: Any) -> Any:
    """Remove members that are null, which JSON 1.1 treats as absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(child) for child in value]
    return value
