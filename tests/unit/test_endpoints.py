"""Endpoints at work, where no container is needed to see it."""

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
    """An ArtifactStore that has no room."""

    def new_folder(self):
        raise OSError("No space left on device")


@pytest.mark.parametrize("status", ["Creating", "Updating"])
def test_a_start_that_goes_wrong_unforeseen(status):
    """Ends: nobody waits for ever for an endpoint that is Creating or Updating."""
    container = {"Image": "local/sklearn", "ModelDataUrl": "s3://bucket/model.tar.gz"}
    model = ModelDefinition.parse({"ModelName": "m", "PrimaryContainer": container})
    nothing, bad = EndpointConfig("nothing", ()), EndpointConfig("bad", (Variant("v", model),))
    context = HostingContext(
        "e", AccountRegion("1", "r"), Options(creating_seconds=0), FullDisk(), None
    )

    async def described():
        endpoint = Endpoint("e", bad if status == "Creating" else nothing, context)
        await until_settled(endpoint)
        if status == "Updating":
            endpoint.update(bad)
            await until_settled(endpoint)
        await endpoint.close()
        return endpoint.status, endpoint.failure_reason, endpoint.config.name

    expected = {"Creating": ("Failed", "bad"), "Updating": ("InService", "nothing")}
    ended, reason, name = asyncio.run(described())
    assert (ended, name) == expected[status]
    assert reason.startswith("Request to service failed.")


@pytest.mark.parametrize("status", ["Creating", "Updating", "Failed", "Deleting"])
def test_a_component_needs_an_endpoint_in_service(status):
    """Elsewhere it would start while its endpoint ends, or never be called."""
    config = EndpointConfig("c", (Variant("v", None),))
    resources = Resources(AccountRegion("1", "r"), Options(), FullDisk(), Faults())

    async def create_on():
        endpoint = Endpoint("e", config, resources.hosting_context("e"))
        endpoint.set_status(status)
        resources.endpoints["e"] = endpoint
        try:
            inference_components.create(
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
