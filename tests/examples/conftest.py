"""What the tests of the examples share: the Python client, and a gateway with a stub behind it."""

import importlib.util
import json

import pytest

# Chromium, and a tab of it.
from tests.browser.conftest import chromium, page  # noqa: F401
from tests.support.http_server import StubServer, echo, response
from tests.support.key_documents import document, entry
from tests.support.local_gateway import ENVIRONMENT, LocalGateway
from tests.support.paths import ROOT

TABLE = """\
version: 1
defaults: {max_attempts: 1, timeout_seconds: 5}
models:
  churn: {kind: single, endpoint: churn, description: Who leaves, example: {instances: [[1, 2]]}}
"""


class SageMaker(StubServer):
    """A stub server in place of AWS: it has one key, and answers each prediction as a test says."""

    def reset(self):
        super().reset()
        self.reply = self._answer
        self.predict = echo

    def _answer(self, request):
        if "X-Amz-Target" not in request.headers:
            return self.predict(request)
        secret = {"SecretString": document(abcd1234=entry(grants=["*"]))}
        return response(200, json.dumps(secret).encode())

    @property
    def predictions(self):
        """The requests for a prediction."""
        return [one for one in self.requests if one.path.startswith("/endpoints/")]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    table = tmp_path_factory.mktemp("table") / "routing.yaml"
    table.write_text(TABLE)
    with SageMaker() as sagemaker:
        settings = {"AWS_ENDPOINT_URL": sagemaker.url, "GATEWAY_ROUTING": f"file:{table}"}
        with LocalGateway({**ENVIRONMENT, **settings}) as gateway:
            yield sagemaker, gateway


@pytest.fixture
def gateway(running):
    return running[1]


@pytest.fixture
def sagemaker(running):
    running[0].reset()
    return running[0]


@pytest.fixture(scope="session")
def client():
    """The module examples/python-client/client.py."""
    return _module("client")


@pytest.fixture(scope="session")
def job_client():
    """The module examples/python-client/job.py."""
    return _module("job")


def _module(name):
    path = ROOT / f"examples/python-client/{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
