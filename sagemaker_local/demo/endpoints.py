"""The demo endpoints as data, and the SageMaker requests that create each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["single", "mme", "mce", "pipeline", "component", "async"]
Framework = Literal["sklearn", "lightgbm"]

NAME_ARGUMENTS = {
    "model": "ModelName",
    "endpoint_config": "EndpointConfigName",
    "endpoint": "EndpointName",
    "inference_component": "InferenceComponentName",
}
EXECUTION_MODES = {"mce": "Direct", "pipeline": "Serial"}
VARIANT = "AllTraffic"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of an endpoint, and the key of its artifact in the bucket."""

    framework: Framework
    artifact: str
    """A key; for a multi-model endpoint, a prefix that ends with `/`."""

    hostname: str | None = None
    loads_late: bool = False
    """Whether a local container loads its model for the first request, and not when it starts."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint and its containers, in the order in which a pipeline runs them."""

    name: str
    kind: Kind
    containers: tuple[Container, ...]
    component: str | None = None
    """The name of the inference component; only for the kind `component`."""


ASYNC_ENDPOINT = Endpoint(
    "digit-reader-async",
    "async",
    (Container("sklearn", "digit-reader/model.tar.gz", loads_late=True),),
)
"""Reads digits asynchronously, from the artifact of `digit-reader`."""

ENDPOINTS = (
    Endpoint("tabular", "mme", (Container("sklearn", "tabular/"),)),
    Endpoint("digits", "mme", (Container("sklearn", "digits/"),)),
    Endpoint("digit-reader", "single", (Container("sklearn", "digit-reader/model.tar.gz"),)),
    Endpoint(
        "diabetes",
        "mce",
        (
            Container("sklearn", "diabetes/sklearn/model.tar.gz", hostname="sklearn"),
            Container("lightgbm", "diabetes/lightgbm/model.tar.gz", hostname="lightgbm"),
        ),
    ),
    Endpoint(
        "wine-pipeline",
        "pipeline",
        (
            Container("sklearn", "wine-pipeline/preprocess/model.tar.gz", hostname="preprocess"),
            Container("lightgbm", "wine-pipeline/grade/model.tar.gz", hostname="grade"),
        ),
    ),
    Endpoint(
        "shared",
        "component",
        (Container("sklearn", "shared/diabetes-component/model.tar.gz"),),
        component="diabetes-component",
    ),
    ASYNC_ENDPOINT,
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """The values that differ between AWS accounts; the defaults are for the local SageMaker."""

    bucket: str = "inference-gateway-demo"
    role: str = "arn:aws:iam::000000000000:role/demo"
    instance_type: str = "ml.m5.large"
    images: Mapping[Framework, str] = field(
        default_factory=lambda: {"sklearn": "local/sklearn", "lightgbm": "local/lightgbm"}
    )

    def url(self, artifact: str) -> str:
        return f"s3://{self.bucket}/{artifact}"


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A request to SageMaker that creates one resource."""

    resource: str
    """The type of the resource as in boto3's `create_<resource>` and `describe_<resource>`."""

    arguments: dict[str, Any]

    @property
    def name(self) -> dict[str, str]:
        """The argument with the resource's name."""
        argument = NAME_ARGUMENTS[self.resource]
        return {argument: self.arguments[argument]}

    def __str__(self) -> str:
        return f"{self.resource.replace('_', ' ')} {self.arguments[NAME_ARGUMENTS[self.resource]]}"


def endpoint_requests(endpoint: Endpoint, deployment: Deployment) -> list[CreateRequest]:
    """Return the requests that create an endpoint; the last one is CreateEndpoint."""
    last = CreateRequest(
        "endpoint", {"EndpointName": endpoint.name, "EndpointConfigName": endpoint.name}
    )
    if endpoint.component:
        return [_config_for_components(endpoint, deployment), last]
    return [_model(endpoint, deployment), _config(endpoint, deployment), last]


def component_requests(endpoint: Endpoint, deployment: Deployment) -> list[CreateRequest]:
    """Return the requests that SageMaker accepts only when the endpoint is in service."""
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
    return [CreateRequest("inference_component", arguments)]


def _model(endpoint: Endpoint, deployment: Deployment) -> CreateRequest:
    containers = [_container(container, deployment) for container in endpoint.containers]
    arguments = {"ModelName": endpoint.name, "ExecutionRoleArn": deployment.role}
    if endpoint.kind not in EXECUTION_MODES:
        (only,) = containers
        return CreateRequest("model", {**arguments, "PrimaryContainer": only})
    execution = {"Mode": EXECUTION_MODES[endpoint.kind]}
    return CreateRequest(
        "model", {**arguments, "Containers": containers, "InferenceExecutionConfig": execution}
    )


def _container(container: Container, deployment: Deployment) -> dict[str, Any]:
    more: dict[str, Any] = {"ContainerHostname": container.hostname} if container.hostname else {}
    if container.loads_late:
        more["Environment"] = {"SAGEMAKER_LOCAL_LOAD_LATE": "true"}
    return {
        "Image": deployment.images[container.framework],
        "ModelDataUrl": deployment.url(container.artifact),
        "Mode": "MultiModel" if container.artifact.endswith("/") else "SingleModel",
        **more,
    }


def _config(endpoint: Endpoint, deployment: Deployment) -> CreateRequest:
    variant = {"ModelName": endpoint.name, **_instances(deployment)}
    arguments: dict[str, Any] = {
        "EndpointConfigName": endpoint.name,
        "ProductionVariants": [variant],
    }
    if endpoint.kind == "async":
        arguments["AsyncInferenceConfig"] = _async_config(endpoint, deployment)
    return CreateRequest("endpoint_config", arguments)


def _async_config(endpoint: Endpoint, deployment: Deployment) -> dict[str, Any]:
    output = {
        "S3OutputPath": deployment.url(f"{endpoint.name}/output"),
        "S3FailurePath": deployment.url(f"{endpoint.name}/failure"),
    }
    return {"OutputConfig": output, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4}}


def _config_for_components(endpoint: Endpoint, deployment: Deployment) -> CreateRequest:
    """Return a configuration without a model, because each component has its own."""
    arguments = {
        "EndpointConfigName": endpoint.name,
        "ExecutionRoleArn": deployment.role,
        "ProductionVariants": [_instances(deployment)],
    }
    return CreateRequest("endpoint_config", arguments)


def _instances(deployment: Deployment) -> dict[str, Any]:
    return {
        "VariantName": VARIANT,
        "InstanceType": deployment.instance_type,
        "InitialInstanceCount": 1,
    }
