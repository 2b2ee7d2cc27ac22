"""The gateway as it is deployed: one package for all tests, run as Lambda runs it."""

import pytest

from tests.support import function


@pytest.fixture
def gateway(package, recorded_function, recorder):
    """The deployed API, with the recorder in SageMaker's place."""
    running, _ = recorded_function
    return function.door(package, running)


@pytest.fixture(scope="session")
def demo_gateway(package, task_root, demo):
    """The deployed API, with the demo endpoints behind it."""
    with function.start(package, task_root, demo.url) as running:
        yield function.door(package, running)
