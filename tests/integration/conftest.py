"""Fixtures of the integration tests: accounts of the local SageMaker, and containers for it."""

from contextlib import ExitStack

import pytest

from tests.containers.account import Account
from tests.containers.container import Container
from tests.support.drifted_demo import DriftedDemo
from tests.support.stand_in import StandIn


@pytest.fixture
def start_container():
    """Return a function that starts a container, which stops after its endpoints are deleted."""
    with ExitStack() as started:
        yield lambda **settings: started.enter_context(Container(**settings))


@pytest.fixture
def container(start_container):
    return start_container()


@pytest.fixture
def account(sagemaker_local, start_container):
    account = Account(sagemaker_local.session, sagemaker_local.url)
    yield account
    account.close()


@pytest.fixture(scope="session")
def impatient():
    """A local SageMaker that waits 0.5 s for a model to load, and 1 s for a container to start."""
    with StandIn("--load-budget", "0.5", "--startup-timeout", "1") as stand_in:
        yield stand_in


@pytest.fixture
def impatient_account(impatient, start_container):
    account = Account(impatient.session, impatient.url)
    yield account
    account.close()


@pytest.fixture(scope="session")
def drifted_demo(tmp_path_factory):
    """The demo with more endpoints, after people changed it by hand."""
    with Container() as container, StandIn("--demo", "--creating-seconds", "0.05") as stand_in:
        demo = DriftedDemo(stand_in, container, tmp_path_factory.mktemp("drifted"))
        yield demo
        demo.close()
