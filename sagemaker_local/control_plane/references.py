"""Operations of moto's SageMaker that name a hosted model or endpoint, which has to exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Resources

# Operation: the member whose EndpointInput names the endpoint that is monitored.
JOB_INPUTS = {
    "CreateDataQualityJobDefinition": "DataQualityJobInput",
    "CreateModelBiasJobDefinition": "ModelBiasJobInput",
    "CreateModelExplainabilityJobDefinition": "ModelExplainabilityJobInput",
    "CreateModelQualityJobDefinition": "ModelQualityJobInput",
}


def check_references(resources: Resources, operation: str, request: Mapping[str, Any]) -> None:
    """Check that the model or endpoint that a request names exists.

    Raises:
        InvalidInput: It does not exist.
    """
    if operation == "CreateTransformJob" and isinstance(request.get("ModelName"), str):
        resources.models.get(request["ModelName"])
    if operation in JOB_INPUTS:
        endpoint = _within(request, JOB_INPUTS[operation], "EndpointInput", "EndpointName")
        if isinstance(endpoint, str):
            resources.endpoints.get(endpoint)


def _within(value: Any, *path: str) -> Any:
    """Return the member at the path; None if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
