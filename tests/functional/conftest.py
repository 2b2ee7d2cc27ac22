"""Fixtures of the functional tests: a gateway with each client."""

import os
from functools import partial

import pytest

from tests.support.clients import LambdaClient, LocalClient
from tests.support.gateway import build_gateway


@pytest.fixture(autouse=True)
def chalices_signature():
    """Remove the name that each app of Chalice adds to the environment; boto3 would send it."""
    before = os.environ.get("AWS_EXECUTION_ENV")
    yield
    os.environ.pop("AWS_EXECUTION_ENV", None)
    if before is not None:
        os.environ["AWS_EXECUTION_ENV"] = before


@pytest.fixture(
    params=[pytest.param(LocalClient, id="local"), pytest.param(LambdaClient, id="api-gateway")]
)
def build(request):
    """Build a gateway; every test that uses this runs once with each client."""
    return partial(build_gateway, request.param)


@pytest.fixture
def gateway(build):
    return build()


@pytest.fixture
def build_deployed():
    """Build a gateway with a client that sends API Gateway's events."""
    return partial(build_gateway, LambdaClient)


@pytest.fixture
def deployed(build_deployed):
    return build_deployed()
