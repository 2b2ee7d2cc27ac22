"""What every test may ask for."""

import os

import pytest

from tests.stand_in import StandIn


@pytest.fixture(scope="session", autouse=True)
def no_aws_account():
    """No test may find a credential, a profile or a region of the person who runs it."""
    inherited = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in inherited:
        del os.environ[name]
    nothing = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    os.environ.update(nothing)
    yield
    for name in nothing:
        del os.environ[name]
    os.environ.update(inherited)


@pytest.fixture(scope="session")
def sagemaker_local():
    """An empty local SageMaker."""
    with StandIn("--creating-seconds", "0.05") as stand_in:
        yield stand_in
        assert stand_in.stop() == 0, stand_in.log


@pytest.fixture(scope="session")
def demo():
    """A local SageMaker with the demo endpoints."""
    with StandIn("--demo") as stand_in:
        yield stand_in
        assert stand_in.stop() == 0, stand_in.log
