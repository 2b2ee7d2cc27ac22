"""What functional tests share: the gateway behind both doors."""

import os
from functools import partial

import pytest

from tests.support.doors import ApiGatewayDoor, LocalDoor
from tests.support.gateway import house


@pytest.fixture(autouse=True)
def chalices_signature():
    """Chalice signs the environment with each app that is made; boto3 would send all of it."""
    before = os.environ.get("AWS_EXECUTION_ENV")
    yield
    os.environ.pop("AWS_EXECUTION_ENV", None)
    if before is not None:
        os.environ["AWS_EXECUTION_ENV"] = before


@pytest.fixture(
    params=[pytest.param(LocalDoor, id="local"), pytest.param(ApiGatewayDoor, id="api-gateway")]
)
def build(request):
    """Makes a gateway; every test that uses it runs once behind each door."""
    return partial(house, request.param)


@pytest.fixture
def gateway(build):
    return build()


@pytest.fixture
def build_deployed():
    """Makes a gateway behind API Gateway, for what only that can say."""
    return partial(house, ApiGatewayDoor)


@pytest.fixture
def deployed(build_deployed):
    return build_deployed()
