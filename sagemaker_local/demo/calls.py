"""From an endpoint to the SageMaker calls that create it: a plan, carried out elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.demo.endpoints import Container, Endpoint, Framework

NAME_ARGUMENTS = {
    "model": "ModelName",
    "endpoint_config": "EndpointConfigName",
    "endpoint": "EndpointName",
    "inference_component": "InferenceComponentName",
}
EXECUTION_MODES = {"mce": "Direct", "pipeline": "Serial"}
VARIANT = "AllTraffic"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What differs from one account to the next. The defaults are those of the local SageMaker."""

    bucket: str = "inference-gateway-demo"
    role: str = "arn:aws:iam::000000000000:role/demo"
    instance_type: str = "ml.m5.large"
    images: Mapping[Framework, str] = field(
        default_factory=lambda: {"sklearn": "local/sklearn", "lightgbm": "local/lightgbm"}
    )

    def url(self, artifact: str) -> str:
        return f"s3://{self.bucket}/{artifact}"


@dataclass(frozen=True, slots=True)
class Call:
    """The creation of one thing."""

    resource: str
    """In boto3's words, as in `create_<resource>` and `describe_<resource>`."""

    arguments: dict[str, Any]

    @property
    def name(self) -> dict[str, str]:
        """The argument that names the thing."""
        argument = NAME_ARGUMENTS[self.resource]
        return {argument: self.arguments[argument]}

    def __str__(self) -> str:
        return f"{self.resource.replace('_', ' ')} {self.arguments[NAME_ARGUMENTS[self.resource]]}"


def endpoint_calls(endpoint: Endpoint, deployment: Deployment) -> list[Call]:
    """The calls that end with CreateEndpoint."""
    last = Call("endpoint", {"EndpointName": endpoint.name, "EndpointConfigName": endpoint.name})
    if endpoint.component:
        return [_config_for_components(endpoint, deployment), last]
    return [_model(endpoint, deployment), _config(endpoint, deployment), last]


def component_calls(endpoint: Endpoint, deployment: Deployment) -> list[Call]:
    """The calls that are possible only once the endpoint is in service."""
    if not endpoint.component:
        return []
    (container,) = endpoint.containers
    specification = {
        "Container": {
            "Image": deployment.images[container.framework],
            "ArtifactUrl": deployment.url(container.artifact),
        },
        "ComputeResourceRequirements": {
            "NumberOfCpuCoresRequired": 1,
            "MinMemoryRequiredInMb": 512,
        },
    }
    arguments = {
        "InferenceComponentName": endpoint.component,
        "EndpointName": endpoint.name,
        "VariantName": VARIANT,
        "Specification": specification,
        "RuntimeConfig": {"CopyCount": 1},
    }
    return [Call("inference_component", arguments)]


def _model(endpoint: Endpoint, deployment: Deployment) -> Call:
    containers = [_container(container, deployment) for container in endpoint.containers]
    arguments = {"ModelName": endpoint.name, "ExecutionRoleArn": deployment.role}
    if endpoint.kind not in EXECUTION_MODES:
        (only,) = containers
        return Call("model", {**arguments, "PrimaryContainer": only})
    execution = {"Mode": EXECUTION_MODES[endpoint.kind]}
    return Call(
        "model", {**arguments, "Containers": containers, "InferenceExecutionConfig": execution}
    )


def _container(container: Container, deployment: Deployment) -> dict[str, str]:
    hostname = {"ContainerHostname": container.hostname} if container.hostname else {}
    return {
        "Image": deployment.images[container.framework],
        "ModelDataUrl": deployment.url(container.artifact),
        "Mode": "MultiModel" if container.artifact.endswith("/") else "SingleModel",
        **hostname,
    }


def _config(endpoint: Endpoint, deployment: Deployment) -> Call:
    variant = {"ModelName": endpoint.name, **_instances(deployment)}
    return Call(
        "endpoint_config", {"EndpointConfigName": endpoint.name, "ProductionVariants": [variant]}
    )


def _config_for_components(endpoint: Endpoint, deployment: Deployment) -> Call:
    """No model yet: components bring theirs, and the role is the endpoint's."""
    arguments = {
        "EndpointConfigName": endpoint.name,
        "ExecutionRoleArn": deployment.role,
        "ProductionVariants": [_instances(deployment)],
    }
    return Call("endpoint_config", arguments)


def _instances(deployment: Deployment) -> dict[str, Any]:
    return {
        "VariantName": VARIANT,
        "InstanceType": deployment.instance_type,
        "InitialInstanceCount": 1,
    }
