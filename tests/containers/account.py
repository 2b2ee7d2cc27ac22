"""Creates, invokes and deletes SageMaker resources through boto3, as the owner of an account does.

The session and the endpoint URL are arguments, so the code also works with real AWS.
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

from tests.support.stand_in import wait_until

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
    """Build a ContainerDefinition for a running container."""
    return {"Image": container.url, **members}


def artifacts(*keys: str) -> dict[str, dict[str, bytes]]:
    """Build artifacts that contain their own key."""
    return {key: {"model.txt": key.encode()} for key in keys}


class Account:
    """Creates and invokes endpoints; `close` deletes the created resources that still exist."""

    def __init__(self, session: boto3.Session, endpoint_url: str) -> None:
        self.url = endpoint_url
        connect = functools.partial(session.client, endpoint_url=endpoint_url, config=ONE_ATTEMPT)
        self.sagemaker, self.s3 = connect("sagemaker"), connect("s3")
        self.runtime = connect("sagemaker-runtime")
        self._cleanup = contextlib.ExitStack()
        for client in (self.s3, self.runtime, self.sagemaker):
            self._cleanup.callback(client.close)

    def close(self) -> None:
        self._cleanup.close()

    @functools.cached_property
    def _bucket(self) -> str:
        name = f"tests-{uuid.uuid4().hex}"
        self.s3.create_bucket(Bucket=name)
        return name

    def upload(self, artifacts: Mapping[str, Mapping[str, bytes] | bytes]) -> str:
        """Upload artifacts under a new prefix, and return its URL.

        Args:
            artifacts: For each key the files of an archive, or the bytes of the object.
        """
        prefix = uuid.uuid4().hex
        for key, given in artifacts.items():
            body = given if isinstance(given, bytes) else _archive(given)
            self.s3.put_object(Bucket=self._bucket, Key=f"{prefix}/{key}", Body=body)
        return f"s3://{self._bucket}/{prefix}/"

    def delete_object(self, url: str) -> None:
        """Delete an object of `upload`."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        self.s3.delete_object(Bucket=bucket, Key=key)

    def multi_model(
        self,
        container: Container,
        artifacts: Mapping[str, Mapping[str, bytes]],
        *,
        max_loaded: int | None = None,
    ) -> dict[str, Any]:
        """Upload artifacts, and build a multi-model ContainerDefinition that serves them."""
        limit = {"SAGEMAKER_LOCAL_MAX_LOADED_MODELS": str(max_loaded)} if max_loaded else {}
        url = self.upload(artifacts)
        return image(container, Mode="MultiModel", ModelDataUrl=url, Environment=limit)

    def deploy(self, *containers: Mapping[str, Any], mode: str | None = None) -> str:
        """Create an endpoint, and wait until it is in service."""
        return self.deploy_variants({VARIANT: (self.create_model(*containers, mode=mode), 1)})

    def deploy_variants(self, variants: Mapping[str, tuple[str, float]]) -> str:
        """Create an endpoint of variants (name → model, weight), and wait for it."""
        endpoint = self.create_endpoint(variants)
        self.wait_for(endpoint, "endpoint_in_service")
        return endpoint

    def deploy_for_components(self) -> str:
        """Create an endpoint for inference components, and wait until it is in service."""
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
        self._delete_on_close(self.sagemaker.delete_model, ModelName=name)
        return name

    def create_config(self, *variants: Mapping[str, Any], **members: Any) -> str:
        """Create an endpoint configuration of these ProductionVariants."""
        name = _new_name()
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants, **members
        )
        self._delete_on_close(self.sagemaker.delete_endpoint_config, EndpointConfigName=name)
        return name

    def create_endpoint(self, variants: Mapping[str, tuple[str, float]]) -> str:
        """Create an endpoint of variants (name → model, weight), without waiting for it."""
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
        """Create an endpoint that has the name of its configuration."""
        self.sagemaker.create_endpoint(EndpointName=config, EndpointConfigName=config)
        self._delete_on_close(self.delete_endpoint, config)
        return config

    def delete_endpoint(self, name: str) -> None:
        """Delete the endpoint, and wait until it is deleted."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        self.wait_for(name, "endpoint_deleted")

    def create_component(
        self, endpoint: str, specification: Mapping[str, Any], copies: int = 1, **members: Any
    ) -> str:
        """Create an inference component, without waiting for it."""
        name = _new_name()
        self.sagemaker.create_inference_component(
            InferenceComponentName=name,
            EndpointName=endpoint,
            VariantName=VARIANT,
            Specification={"ComputeResourceRequirements": RESOURCES, **specification},
            RuntimeConfig={"CopyCount": copies},
            **members,
        )
        self._delete_on_close(
            self.sagemaker.delete_inference_component, InferenceComponentName=name
        )
        return name

    def wait_for_component(self, name: str, status: str = "InService") -> None:
        describe = self.sagemaker.describe_inference_component
        wait_until(
            lambda: describe(InferenceComponentName=name)["InferenceComponentStatus"] == status
        )

    def delete_component(self, name: str) -> None:
        """Delete the component after its creation or update, and wait until it is deleted."""
        self.wait_for_component(name)
        self.sagemaker.delete_inference_component(InferenceComponentName=name)
        listed = self.sagemaker.list_inference_components
        wait_until(lambda: not listed(NameContains=name)["InferenceComponents"])

    def wait_for(self, endpoint: str, waiter: str) -> None:
        self.sagemaker.get_waiter(waiter).wait(
            EndpointName=endpoint, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
        )

    def invoke(self, endpoint: str, body: bytes = b"?", **members: Any) -> dict[str, Any]:
        """Invoke an endpoint; `Body` of the result is bytes."""
        response = self.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, **members)
        with contextlib.closing(response["Body"]) as stream:
            return {**response, "Body": stream.read()}

    def rejection(self, endpoint: str, body: bytes = b"?", **members: Any) -> str:
        """Invoke an endpoint that responds with a ValidationError, and return the error's text."""
        try:
            self.invoke(endpoint, body, **members)
        except self.runtime.exceptions.ValidationError as error:
            return str(error.response["Error"]["Message"])
        raise AssertionError(f"{endpoint} accepted the request")

    def _delete_on_close(self, delete: Callable[..., object], *name: str, **members: str) -> None:
        """Delete the resource on `close`, if it still exists then, and wait until it is gone."""

        def is_gone() -> bool:
            try:
                delete(*name, **members)
            except ClientError as error:
                text = error.response["Error"]["Message"]
                if "in-progress" not in text and "IN_PROGRESS" not in text:
                    assert "Could not find" in text, text
                    return True
            return False

        self._cleanup.callback(wait_until, is_gone)


def _new_name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Pack files as a model.tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
