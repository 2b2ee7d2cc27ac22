"""Endpoints of the local SageMaker, where no container is necessary."""

import asyncio

import pytest

from sagemaker_local.control_plane import inference_components
from sagemaker_local.control_plane.resources import Resources
from sagemaker_local.definitions import EndpointConfig, ModelDefinition, Variant
from sagemaker_local.errors import InvalidInput
from sagemaker_local.faults import Faults
from sagemaker_local.hosting.endpoints import Endpoint
from sagemaker_local.hosting.hosted_container import HostingContext
from sagemaker_local.settings import AccountRegion, Options


class FullDisk:
    """An artifact store without space."""

    def new_folder(self):
        raise OSError("No space left on device")


@pytest.mark.parametrize("status", ["Creating", "Updating"])
def test_unexpected_error_at_the_start(status):
    """An unexpected error ends the creation or the update of an endpoint."""
    container = {"Image": "local/sklearn", "ModelDataUrl": "s3://bucket/model.tar.gz"}
    model = ModelDefinition.parse({"ModelName": "m", "PrimaryContainer": container})
    empty, bad = EndpointConfig("empty", ()), EndpointConfig("bad", (Variant("v", model),))
    context = HostingContext(
        "e", AccountRegion("1", "r"), Options(creating_seconds=0), FullDisk(), None, None
    )

    async def described():
        endpoint = Endpoint("e", bad if status == "Creating" else empty, context)
        endpoint.start()
        await until_settled(endpoint)
        if status == "Updating":
            endpoint.update(bad)
            await until_settled(endpoint)
        await endpoint.close()
        return endpoint.status, endpoint.failure_reason, endpoint.config.name

    expected = {"Creating": ("Failed", "bad"), "Updating": ("InService", "empty")}
    final_status, reason, name = asyncio.run(described())
    assert (final_status, name) == expected[status]
    assert reason.startswith("Request to service failed.")


@pytest.mark.parametrize("status", ["Creating", "Updating", "Failed", "Deleting"])
def test_a_component_needs_an_endpoint_in_service(status):
    """A component can be created only on an endpoint that is in service."""
    config = EndpointConfig("c", (Variant("v", None),))
    resources = Resources(AccountRegion("1", "r"), Options(), FullDisk(), None, Faults())

    async def create_on():
        endpoint = Endpoint("e", config, resources.hosting_context("e"))
        endpoint.set_status(status)
        resources.endpoints.add("e", endpoint)
        try:
            await inference_components.create(
                resources,
                {
                    "InferenceComponentName": "new",
                    "EndpointName": "e",
                    "VariantName": "v",
                    "Specification": {"Container": {"Image": "local/sklearn"}},
                },
            )
        finally:
            await endpoint.close()

    with pytest.raises(InvalidInput, match=f'endpoint/e" in status {status}'):
        asyncio.run(create_on())


async def until_settled(endpoint):
    async with asyncio.timeout(10):
        while endpoint.status in ("Creating", "Updating"):
            await asyncio.sleep(0)
