"""SageMaker's API on the wire: JSON 1.1, one operation a request, named in a header."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane import (
    endpoint_configs,
    endpoints,
    inference_components,
    models,
)
from sagemaker_local.errors import InvalidInput, MalformedInput, UnknownOperation
from sagemaker_local.validation import mistyped, service_model, violations

if TYPE_CHECKING:
    from sagemaker_local.control_plane.resources import Region

TARGET_PREFIX = "SageMaker."

OPERATIONS = {
    **models.OPERATIONS,
    **endpoint_configs.OPERATIONS,
    **endpoints.OPERATIONS,
    **inference_components.OPERATIONS,
}

# An operation on these that is not ours would be answered by moto from resources of its own;
# tags too, as moto does not know our ARNs.
_TAGS = frozenset(("AddTags", "DeleteTags", "ListTags"))
_HOSTING = re.compile(r"[A-Z][a-z]+(Model|Endpoint|EndpointConfig|InferenceComponent)s?([A-Z]\w+)?")
_NOT_HOSTING = re.compile(r"[A-Z][a-z]+Model(Bias|Card|Explain|Package|Quality|Metadata)\w*")


def is_ours(target: str | None) -> bool:
    """Whether the header X-Amz-Target names an operation that concerns hosting."""
    if target is None or not target.startswith(TARGET_PREFIX):
        return False
    operation = target.removeprefix(TARGET_PREFIX)
    if operation in _TAGS:
        return True
    return bool(_HOSTING.fullmatch(operation)) and not _NOT_HOSTING.fullmatch(operation)


def call(region: Region, target: str, body: bytes) -> dict[str, Any]:
    """Validate the request against botocore's service model and carry it out.

    When the request cannot be read: MalformedInput. When SageMaker would refuse it:
    InvalidInput. When it is not offered: UnknownOperation.
    """
    name = target.removeprefix(TARGET_PREFIX)
    if name not in OPERATIONS:
        offered = ", ".join(sorted(OPERATIONS))
        raise UnknownOperation(f"The local SageMaker does not offer {name}; it has {offered}.")
    request = _parse(body)
    shape = service_model("sagemaker").operation_model(name).input_shape
    if (problem := mistyped(shape, request)) is not None:
        raise MalformedInput(problem)
    if broken := violations(shape, request):
        raise InvalidInput.from_violations(broken)
    return OPERATIONS[name](region, request)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        request = _without_nulls(json.loads(body or b"{}"))
    except (ValueError, RecursionError) as error:
        raise MalformedInput("The request body is not JSON.") from error
    if not isinstance(request, dict):
        raise MalformedInput("The request body is not a JSON object.")
    return request


def _without_nulls(value: Any) -> Any:
    """A member that is null is absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(child) for child in value]
    return value
