"""The zip alone, from an event of API Gateway's to what SageMaker gets, and back."""

import json
import threading
import time

import pytest

from tests.support.events import LambdaContext
from tests.support.problems import assert_problem
from tests.support.recorder import Answer

JSON = ("Content-Type", "application/json")
NPY = ("Content-Type", "application/x-npy")
MAX_BODY_BYTES = 4_600_000

# What a caller would send to reach something else than the table says.
TARGETING = (
    ("X-Amzn-SageMaker-Target-Model", "secret.tar.gz"),
    ("X-Amzn-SageMaker-Target-Variant", "canary"),
    ("X-Amzn-SageMaker-Target-Container-Hostname", "secret"),
    ("X-Amzn-SageMaker-Inference-Component", "secret"),
    ("X-Amzn-SageMaker-Enable-Explanations", "`true`"),
    ("X-Amzn-SageMaker-Session-Id", "secret"),
)

BODIES = [
    pytest.param(b"", id="empty"),
    pytest.param(bytes(range(256)), id="every-byte"),
    pytest.param(b"\xff\xfe\xc3\x28 no UTF-8", id="no-utf-8"),
    pytest.param("κόσμε".encode("utf-16"), id="utf-16"),
    pytest.param(b"\r\n\x00 leading and trailing \x00\r\n", id="line-ends"),
    pytest.param(bytes(range(256)) * 17_968 + bytes(192), id="as-large-as-can-be"),
]


@pytest.mark.parametrize(
    ("path", "endpoint", "target"),
    [
        pytest.param("digit", "digit-reader", {}, id="single"),
        pytest.param("iris", "tabular", {"target-model": "iris-v1.tar.gz"}, id="mme"),
        pytest.param("is-digit/7", "digits", {"target-model": "is-7-v1.tar.gz"}, id="pattern"),
        pytest.param(
            "diabetes-boosted", "diabetes", {"target-container-hostname": "lightgbm"}, id="mce"
        ),
        pytest.param("wine-grade", "wine-pipeline", {}, id="pipeline"),
        pytest.param(
            "diabetes-component",
            "shared",
            {"inference-component": "diabetes-component"},
            id="component",
        ),
    ],
)
def test_target_comes_from_the_table_alone(gateway, recorder, path, endpoint, target):
    """Each kind sends its own target, and nothing that a caller says in a targeting header."""
    answer = gateway.send("POST", f"/predict/{path}", [JSON, *TARGETING], b'{"instances": []}')

    assert answer.status == 200
    (arrived,) = recorder.arrived
    assert arrived.path == f"/endpoints/{endpoint}/invocations"
    assert arrived.sagemaker_headers == {
        f"x-amzn-sagemaker-{name}": [value] for name, value in target.items()
    }


def test_call_is_signed_by_the_function(gateway, recorder):
    """With the credentials and the region that Lambda gives it; a caller's are not passed on."""
    gateway.send("POST", "/predict/iris", [JSON, ("Authorization", "Bearer caller")], b"{}")

    (arrived,) = recorder.arrived
    assert arrived.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert "/us-east-1/sagemaker/aws4_request" in arrived.headers["Authorization"]
    assert arrived.headers["X-Amz-Security-Token"] == "test"


@pytest.mark.parametrize("body", BODIES)
def test_bytes_are_bytes(gateway, recorder, body):
    """A body is the same in both directions, whatever is in it."""
    answer = gateway.send("POST", "/predict/digit", [NPY], body)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-npy")
    assert answer.body == body
    (arrived,) = recorder.arrived
    assert arrived.body == body


def test_body_that_lambda_cannot_carry_is_refused(gateway, recorder):
    """One byte more than the limit is 413 with the limit, and SageMaker is not asked."""
    answer = gateway.send("POST", "/predict/digit", [NPY], bytes(MAX_BODY_BYTES + 1))

    problem = assert_problem(answer, 413, "payload-too-large")
    assert "4,600,000" in problem["detail"]
    assert recorder.arrived == []


def test_other_characters_in_a_models_headers(gateway, recorder):
    """A container's header may hold any byte; what API Gateway gets is a plain value or none."""
    recorder.answer = lambda _: Answer(b"?", headers=(("Content-Type", "text/plain; a=\xe9\x80"),))

    answer = gateway.send("POST", "/predict/iris", [JSON], b"{}")

    assert answer.headers["content-type"].isascii()


def test_a_request_without_any_header(gateway, recorder):
    """API Gateway says null for headers that are not there."""
    assert_problem(gateway.send("POST", "/predict/iris"), 415, "unsupported-media-type")
    assert gateway.send("GET", "/health").status == 200


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json, text/plain, */*", "text/html"]
)
def test_table_is_current_and_answers_anyone(gateway, package, accept):
    """The table in the zip is in use, and no Accept keeps an answer of ours away."""
    headers = [] if accept is None else [("Accept", accept)]

    answer = gateway.send("GET", "/health", headers)

    digest = json.loads(package.files["chalicelib/routing.json"])["sha256"]
    assert answer.status == 200
    assert answer.json() == {"status": "ok", "models": 9, "table": digest[:12]}


def test_what_a_request_leaves_in_the_log(gateway, recorded_function):
    """One line of JSON, which names the request as API Gateway does, and one of metrics."""
    event = gateway.event("POST", "/predict/wine", [JSON], b'{"instances": []}')
    running, _ = recorded_function
    before = len(running.log)

    gateway.deliver(event)

    logged, metrics = map(json.loads, running.log[before:].splitlines())
    assert logged["request_id"] == event["requestContext"]["requestId"]
    assert logged["service"] == "inference-gateway-dev"
    assert (logged["principal"], logged["key_id"]) == ("tests", "k3yoft3s")
    assert (logged["model"], logged["endpoint"], logged["status"]) == ("wine", "tabular", 200)
    assert (metrics["service"], metrics["model"]) == ("inference-gateway-dev", "wine")
    assert metrics["Invocations"] == [1]
