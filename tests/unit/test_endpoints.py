"""Endpoints at work, where no container is needed to see it."""

import asyncio

import pytest

from sagemaker_local.control_plane import inference_components
from sagemaker_local.control_plane.resources import Region
from sagemaker_local.definitions import ModelDefinition, Place, Variant
from sagemaker_local.errors import InvalidInput
from sagemaker_local.faults import Faults
from sagemaker_local.hosting.endpoints import Configuration, Endpoint
from sagemaker_local.hosting.hosted_container import Surroundings
from sagemaker_local.settings import Options


class FullDisk:
    """An ArtifactStore that has no room."""

    def new_folder(self):
        raise OSError("No space left on device")


@pytest.mark.parametrize("status", ["Creating", "Updating"])
def test_a_start_that_goes_wrong_unforeseen(status):
    """Ends: nobody waits for ever for an endpoint that is Creating or Updating."""
    container = {"Image": "local/sklearn", "ModelDataUrl": "s3://bucket/model.tar.gz"}
    model = ModelDefinition.parse({"ModelName": "m", "PrimaryContainer": container})
    nothing, bad = Configuration("nothing", ()), Configuration("bad", (Variant("v", model),))
    around = Surroundings("e", Place("1", "r"), Options(creating_seconds=0), FullDisk(), None)

    async def described():
        endpoint = Endpoint("e", bad if status == "Creating" else nothing, around)
        await until_settled(endpoint)
        if status == "Updating":
            endpoint.update(bad)
            await until_settled(endpoint)
        await endpoint.close()
        return endpoint.status, endpoint.failure_reason, endpoint.configuration.name

    expected = {"Creating": ("Failed", "bad"), "Updating": ("InService", "nothing")}
    ended, reason, name = asyncio.run(described())
    assert (ended, name) == expected[status]
    assert reason.startswith("Request to service failed.")


@pytest.mark.parametrize("status", ["Creating", "Updating", "Failed", "Deleting"])
def test_a_component_needs_an_endpoint_in_service(status):
    """Elsewhere it would start while its endpoint ends, or never be called."""
    config = Configuration("c", (Variant("v", None),))
    region = Region(Place("1", "r"), Options(), FullDisk(), Faults())

    async def create_on():
        endpoint = Endpoint("e", config, region.surroundings("e"))
        endpoint.move_to(status)
        region.endpoints["e"] = endpoint
        try:
            inference_components.create(
                region,
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
