"""The package alone: from an event of API Gateway's to SageMaker's request, and back."""

import json
from pathlib import Path

import pytest

from chalicelib.routing.reading import file
from tests.support.http_server import response, sends
from tests.support.problems import assert_problem

JSON = ("Content-Type", "application/json")
NPY = ("Content-Type", "application/x-npy")

# Headers with which a caller might try to change the target.
TARGETING = (
    ("X-Amzn-SageMaker-Target-Model", "secret.tar.gz"),
    ("X-Amzn-SageMaker-Target-Variant", "canary"),
    ("X-Amzn-SageMaker-Target-Container-Hostname", "secret"),
    ("X-Amzn-SageMaker-Inference-Component", "secret"),
    ("X-Amzn-SageMaker-Enable-Explanations", "`true`"),
    ("X-Amzn-SageMaker-Session-Id", "secret"),
)

RELEASE = Path(__file__).parents[2] / "routing.yaml"

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
def test_target_comes_from_the_table_alone(gateway, sagemaker, path, endpoint, target):
    """Each kind sends its own target; a caller's targeting headers change nothing."""
    response = gateway.send("POST", f"/predict/{path}", [JSON, *TARGETING], b'{"instances": []}')

    assert response.status == 200
    (request,) = sagemaker.requests
    assert request.path == f"/endpoints/{endpoint}/invocations"
    assert request.sagemaker_headers == {
        "x-amzn-sagemaker-inference-id": [response.headers["x-request-id"]],
        **{f"x-amzn-sagemaker-{name}": [value] for name, value in target.items()},
    }


def test_key_has_its_target(gateway, sagemaker):
    """A caller with a key has the same target here as in any other process."""
    model = file.load(RELEASE).resolve("wine-release")
    for number in range(30):
        headers = [JSON, ("X-Routing-Key", f"caller-{number}")]
        received = gateway.send("POST", "/predict/wine-release", headers, b'{"instances": []}')

        chosen = model.ordered(f"caller-{number}").targets[0]
        assert received.headers["x-target"] == chosen.name
        assert sagemaker.requests[-1].sagemaker_headers == {
            "x-amzn-sagemaker-inference-id": [received.headers["x-request-id"]],
            "x-amzn-sagemaker-target-model": [chosen.invoke_args["TargetModel"]],
        }


def test_call_is_signed_by_the_function(gateway, sagemaker):
    """The call is signed with the function's own credentials; a caller's are not passed on."""
    gateway.send("POST", "/predict/iris", [JSON, ("Authorization", "Bearer caller")], b"{}")

    (request,) = sagemaker.requests
    assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert "/us-east-1/sagemaker/aws4_request" in request.headers["Authorization"]
    assert request.headers["X-Amz-Security-Token"] == "test"


@pytest.mark.parametrize("body", BODIES)
def test_bytes_are_bytes(gateway, sagemaker, body):
    """A body passes in both directions unchanged, whatever bytes it has."""
    response = gateway.send("POST", "/predict/digit", [NPY], body)

    assert (response.status, response.headers["content-type"]) == (200, "application/x-npy")
    assert response.body == body
    (request,) = sagemaker.requests
    assert request.body == body


def test_other_characters_in_a_models_headers(gateway, sagemaker):
    """Whatever bytes a container's header has, API Gateway gets a plain value."""
    sagemaker.script = sends(response(200, b"?", {"Content-Type": "text/plain; a=\xe9\x80"}))

    received = gateway.send("POST", "/predict/iris", [JSON], b"{}")

    assert received.headers["content-type"].isascii()


def test_a_request_without_any_header(gateway, sagemaker):
    """The gateway accepts an event whose headers are null."""
    assert_problem(gateway.send("POST", "/predict/iris"), 415, "unsupported-media-type")
    assert gateway.send("GET", "/health").status == 200


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json, text/plain, */*", "text/html"]
)
def test_table_is_current_and_answers_anyone(gateway, package, accept):
    """The table in the zip is in use, and `/health` ignores Accept."""
    headers = [] if accept is None else [("Accept", accept)]

    response = gateway.send("GET", "/health", headers)

    digest = json.loads(package.files["chalicelib/routing.json"])["sha256"]
    assert response.status == 200
    assert response.json() == {"status": "ok", "models": 11, "table": digest[:12]}


def test_what_a_request_leaves_in_the_log(gateway, recorded_function):
    """A request leaves one line of log, with API Gateway's request id, and one of metrics."""
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
