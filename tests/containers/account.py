"""An AWS account as its owner sees it: boto3, in the order of AWS's own guide.

Nothing here knows that SageMaker is local; the session and its endpoint are handed in.
"""

from __future__ import annotations

import contextlib
import functools
import io
import tarfile
import uuid
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import boto3

    from tests.containers.container import Container

ROLE = "arn:aws:iam::000000000000:role/tests"
VARIANT = "AllTraffic"
RESOURCES = {"NumberOfCpuCoresRequired": 1, "MinMemoryRequiredInMb": 512}
INSTANCES = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, max_pool_connections=50)


def image(container: Container, **members: Any) -> dict[str, Any]:
    """A ContainerDefinition of a container that already runs."""
    return {"Image": container.url, **members}


def artifacts(*keys: str) -> dict[str, dict[str, bytes]]:
    """Artifacts that say their own key."""
    return {key: {"model.txt": key.encode()} for key in keys}


class Account:
    """Creates endpoints, calls them, and deletes on `close` what is left of what it created."""

    def __init__(self, session: boto3.Session, endpoint_url: str) -> None:
        self.url = endpoint_url
        client = functools.partial(session.client, endpoint_url=endpoint_url, config=ONE_ATTEMPT)
        self.sagemaker, self.s3 = client("sagemaker"), client("s3")
        self.runtime = client("sagemaker-runtime")
        self._undo = contextlib.ExitStack()
        for used in (self.s3, self.runtime, self.sagemaker):
            self._undo.callback(used.close)

    def close(self) -> None:
        self._undo.close()

    @functools.cached_property
    def _bucket(self) -> str:
        name = f"tests-{uuid.uuid4().hex}"
        self.s3.create_bucket(Bucket=name)
        return name

    def upload(self, artifacts: Mapping[str, Mapping[str, bytes] | bytes]) -> str:
        """Put artifacts, given as key → files or bytes, under a new prefix; return the prefix."""
        prefix = uuid.uuid4().hex
        for key, given in artifacts.items():
            body = given if isinstance(given, bytes) else _archive(given)
            self.s3.put_object(Bucket=self._bucket, Key=f"{prefix}/{key}", Body=body)
        return f"s3://{self._bucket}/{prefix}/"

    def multi_model(
        self,
        container: Container,
        artifacts: Mapping[str, Mapping[str, bytes]],
        *,
        max_loaded: int | None = None,
    ) -> dict[str, Any]:
        """A ContainerDefinition that serves the artifacts."""
        limit = {"SAGEMAKER_LOCAL_MAX_LOADED_MODELS": str(max_loaded)} if max_loaded else {}
        url = self.upload(artifacts)
        return image(container, Mode="MultiModel", ModelDataUrl=url, Environment=limit)

    def deploy(self, *containers: Mapping[str, Any], mode: str | None = None) -> str:
        """An endpoint in service; several containers are a pipeline, or called by name."""
        return self.deploy_variants({VARIANT: (self.create_model(*containers, mode=mode), 1)})

    def deploy_variants(self, variants: Mapping[str, tuple[str, float]]) -> str:
        """An endpoint in service, from variant name → model, weight."""
        endpoint = self.create_endpoint(variants)
        self.wait_for(endpoint, "endpoint_in_service")
        return endpoint

    def deploy_for_components(self) -> str:
        """An endpoint in service that waits for inference components."""
        endpoint = self.start_endpoint(self.create_config({"VariantName": VARIANT, **INSTANCES}))
        self.wait_for(endpoint, "endpoint_in_service")
        return endpoint

    def create_model(self, *containers: Mapping[str, Any], mode: str | None = None) -> str:
        name = _new_name()
        given: dict[str, Any] = {"PrimaryContainer": containers[0]}
        if len(containers) > 1:
            given = {"Containers": containers}
        if mode:
            given["InferenceExecutionConfig"] = {"Mode": mode}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **given)
        self._undo_with(self.sagemaker.delete_model, ModelName=name)
        return name

    def create_config(self, *variants: Mapping[str, Any], **members: Any) -> str:
        """An endpoint configuration of these ProductionVariants."""
        name = _new_name()
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants, **members
        )
        self._undo_with(self.sagemaker.delete_endpoint_config, EndpointConfigName=name)
        return name

    def create_endpoint(self, variants: Mapping[str, tuple[str, float]]) -> str:
        """From variant name → model, weight; it is not in service yet."""
        config = self.create_config(
            *(
                {
                    "VariantName": variant,
                    "ModelName": model,
                    "InitialVariantWeight": weight,
                    **INSTANCES,
                }
                for variant, (model, weight) in variants.items()
            )
        )
        return self.start_endpoint(config)

    def start_endpoint(self, config: str) -> str:
        """An endpoint of the configuration, and of its name."""
        self.sagemaker.create_endpoint(EndpointName=config, EndpointConfigName=config)
        self._undo_with(self.delete_endpoint, config)
        return config

    def delete_endpoint(self, name: str) -> None:
        """Return when it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        self.wait_for(name, "endpoint_deleted")

    def create_component(
        self, endpoint: str, specification: Mapping[str, Any], copies: int = 1
    ) -> str:
        """An inference component on the endpoint; it is not in service yet."""
        name = _new_name()
        self.sagemaker.create_inference_component(
            InferenceComponentName=name,
            EndpointName=endpoint,
            VariantName=VARIANT,
            Specification={"ComputeResourceRequirements": RESOURCES, **specification},
            RuntimeConfig={"CopyCount": copies},
        )
        return name

    def wait_for(self, endpoint: str, waiter: str) -> None:
        self.sagemaker.get_waiter(waiter).wait(
            EndpointName=endpoint, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
        )

    def invoke(self, endpoint: str, body: bytes = b"?", **members: Any) -> dict[str, Any]:
        """InvokeEndpoint's response, its Body read."""
        response = self.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, **members)
        with contextlib.closing(response["Body"]) as stream:
            return {**response, "Body": stream.read()}

    def _undo_with(self, delete: Callable[..., object], *name: str, **members: str) -> None:
        """On `close`, unless a test has done it by itself."""

        def undo() -> None:
            try:
                delete(*name, **members)
            except ClientError as error:
                if "Could not find" not in error.response["Error"]["Message"]:
                    raise

        self._undo.callback(undo)


def _new_name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def _archive(files: Mapping[str, bytes]) -> bytes:
    """A model.tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
