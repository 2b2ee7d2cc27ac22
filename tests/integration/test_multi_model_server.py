"""AWS's Multi Model Server, which SageMaker's multi-model containers run, works unchanged.

A model here is a number that an invocation divides: `tests/containers/multi_model_handler.py`.
"""

import json
import os
import shutil
import urllib.request

import pytest

from tests.containers.multi_model_server import MultiModelServer
from tests.support.stand_in import error_of

# Only these tests need more than Python and make, so a machine without Java skips them. In CI
# they must run.
pytestmark = pytest.mark.skipif(
    shutil.which("java") is None and "CI" not in os.environ,
    reason="the Multi Model Server needs Java",
)

MODELS = {
    "twelve.tar.gz": {"number.txt": b"12"},
    "hundreds/hundred.tar.gz": {"number.txt": b"100"},
    "broken.tar.gz": {"readme.txt": b"a model without its number"},
}


@pytest.fixture(scope="module")
def server():
    with MultiModelServer() as server:
        yield server


@pytest.fixture
def endpoint(account, server):
    return account.deploy(account.multi_model(server, MODELS, max_loaded=1))


def models_in_memory(server):
    with urllib.request.urlopen(f"{server.url}/models", timeout=10) as response:
        return [model["modelName"] for model in json.load(response)["models"]]


def test_new_endpoint(server, endpoint):
    """A new endpoint loads no model."""
    assert models_in_memory(server) == []


def test_target_model(account, endpoint):
    """TargetModel chooses the model, and the caller gets the handler's body and type."""
    answers = {
        target_model: account.invoke(
            endpoint, b"8", ContentType="text/csv", TargetModel=target_model
        )
        for target_model in ("twelve.tar.gz", "hundreds/hundred.tar.gz")
    }

    assert {key: answer["Body"] for key, answer in answers.items()} == {
        "twelve.tar.gz": b"1.5",
        "hundreds/hundred.tar.gz": b"12.5",
    }
    assert {answer["ContentType"] for answer in answers.values()} == {"text/plain"}


def test_limit_of_one_model(account, server, endpoint):
    """The server holds one model at a time, and an unloaded model is loaded again."""
    in_memory = []
    for target_model, expected in [
        ("twelve.tar.gz", b"3.0"),
        ("hundreds/hundred.tar.gz", b"25.0"),
        ("twelve.tar.gz", b"3.0"),
    ]:
        answer = account.invoke(endpoint, b"4", ContentType="text/csv", TargetModel=target_model)
        assert answer["Body"] == expected
        in_memory.append(models_in_memory(server))

    assert [len(names) for names in in_memory] == [1, 1, 1]
    assert in_memory[0] == in_memory[2] != in_memory[1]
    assert f'"DELETE /models/{in_memory[0][0]} HTTP/1.1" 200' in server.log


@pytest.mark.parametrize(
    ("target_model", "body", "refusal"),
    [
        pytest.param("twelve.tar.gz", b"four", (400, "not a number: four"), id="refused-input"),
        pytest.param("twelve.tar.gz", b"0", (503, "Prediction failed"), id="exception"),
        pytest.param(
            "broken.tar.gz", b"4", (500, "Failed to start workers"), id="cannot-be-loaded"
        ),
    ],
)
def test_error_of_the_handler(account, endpoint, target_model, body, refusal):
    """A ModelError has the server's status and text, and the next request succeeds."""
    members = {"ContentType": "text/csv", "TargetModel": target_model}
    error = error_of(account.invoke, endpoint, body, **members)

    assert error["Error"]["Code"] == "ModelError"
    message = json.loads(error["OriginalMessage"])["message"]
    assert (error["OriginalStatusCode"], message) == refusal
    answer = account.invoke(endpoint, b"4", ContentType="text/csv", TargetModel="twelve.tar.gz")
    assert answer["Body"] == b"3.0"


def test_deleted_endpoint(account, server):
    """Deleting the endpoint unloads its models, because the server continues to run."""
    endpoint = account.deploy(account.multi_model(server, MODELS))
    account.invoke(endpoint, b"4", ContentType="text/csv", TargetModel="twelve.tar.gz")
    assert models_in_memory(server)

    account.close()

    assert models_in_memory(server) == []
