"""The gateway as it is deployed: the package under AWS's runtime client."""

import pytest

from tests.support.lambda_process import LambdaProcess, client_of


@pytest.fixture
def gateway(package, recorded_function, sagemaker):
    """A client of the packaged function, with a stub server in SageMaker's place."""
    running, _ = recorded_function
    return client_of(package, running)


@pytest.fixture(scope="session")
def demo_gateway(package, task_root, demo):
    """A client of the packaged function, with the demo endpoints behind it."""
    with LambdaProcess.of_package(package, task_root, demo.url) as running:
        yield client_of(package, running)
