"""What functional tests share: the gateway behind both doors."""

import os
from functools import partial

import pytest

from tests.support.clients import LambdaClient, LocalClient
from tests.support.gateway import build_gateway


@pytest.fixture(autouse=True)
def chalices_signature():
    """Chalice signs the environment with each app that is made; boto3 would send all of it."""
    before = os.environ.get("AWS_EXECUTION_ENV")
    yield
    os.environ.pop("AWS_EXECUTION_ENV", None)
    if before is not None:
        os.environ["AWS_EXECUTION_ENV"] = before


@pytest.fixture(
    params=[pytest.param(LocalClient, id="local"), pytest.param(LambdaClient, id="api-gateway")]
)
def build(request):
    """Makes a gateway; every test that uses it runs once behind each door."""
    return partial(build_gateway, request.param)


@pytest.fixture
def gateway(build):
    return build()


@pytest.fixture
def build_deployed():
    """Makes a gateway behind API Gateway, for what only that can say."""
    return partial(build_gateway, LambdaClient)


@pytest.fixture
def deployed(build_deployed):
    return build_deployed()
