"""Nothing of SageMaker's or a model's text is in a log, a metric or a problem."""

import pytest

from tests.functional.leaks.scene import ARN, BODY, FOLDER, JSON_TYPE, error, http, model_error
from tests.support.canary import CANARY
from tests.support.http_server import sends, sends_and_closes, sends_and_resets


def test_answered(scene, assert_nothing_leaks):
    """Neither requests nor predictions are logged."""
    assert scene.post("churn") == 200
    assert scene.post(credential=scene.jwt()) == 200
    assert scene.send("GET", "/models") == 200
    assert_nothing_leaks(jwt=scene.jwt(), model_answers=True)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        *(
            pytest.param(model_error(original), status, id=f"container-{original}")
            for original, status in {0: 504, 400: 400, 422: 422, 500: 502, 503: 503}.items()
        ),
        pytest.param(error(400, "ValidationError"), 502, id="rejected"),
        pytest.param(error(400, "ValidationError", Message=f"{ARN} not found"), 503, id="no-model"),
        pytest.param(error(403, "AccessDeniedException"), 500, id="access-denied"),
        pytest.param(error(400, "ThrottlingException"), 503, id="throttled"),
        pytest.param(error(429, "ModelNotReadyException"), 503, id="not-ready"),
        pytest.param(error(500, "InternalFailure"), 502, id="internal"),
        pytest.param(error(530, "InternalDependencyException"), 502, id="dependency"),
        pytest.param(error(503, "ServiceUnavailable"), 503, id="unavailable"),
        pytest.param(error(418, CANARY), 502, id="unknown-code"),
        pytest.param(model_error(CANARY), 502, id="container-status-no-number"),
        pytest.param(sends(http(500, ARN.encode())), 502, id="error-no-json"),
        pytest.param(sends(http(400, [CANARY])), 502, id="error-no-object"),
        pytest.param(sends_and_closes(f"220 {CANARY}\r\n".encode()), 502, id="no-http"),
        pytest.param(sends(f"HTTP/1.1 {CANARY}\r\n\r\n".encode()), 502, id="bad-status-line"),
        pytest.param(
            sends(f"HTTP/1.1 200 OK\r\n{CANARY}\r\nContent-Length: 2\r\n\r\n{{}}".encode()),
            502,
            id="bad-headers",
        ),
        pytest.param(
            sends(f"HTTP/1.1 200 OK\r\nContent-Length: {CANARY}\r\n\r\n".encode()),
            502,
            id="bad-length",
        ),
        pytest.param(sends_and_closes(http(200, BODY, JSON_TYPE)[:-3]), 502, id="truncated"),
        pytest.param(sends_and_resets(), 503, id="reset"),
        pytest.param(
            sends(
                f"HTTP/1.1 200 OK\r\n{JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n"
                f"{CANARY}\r\n".encode()
            ),
            502,
            id="bad-chunk",
        ),
    ],
)
def test_sagemakers_words(scene, assert_nothing_leaks, script, status):
    """The text of a failure reaches nobody."""
    scene.sagemaker.script = script

    assert scene.post() == status
    assert_nothing_leaks()


def test_silence(scene, assert_nothing_leaks):
    """A call that times out leaks nothing."""
    scene.sagemaker.script = sends()

    assert scene.post(X_Request_Timeout_Ms="120") == 504
    assert_nothing_leaks()


def test_exposed(scene, assert_nothing_leaks):
    """With `expose_model_errors` the caller gets the model's own text, and nothing else."""
    scene.sagemaker.script = model_error(400)

    assert scene.post("frank") == 400
    (response,) = scene.responses
    assert response.json()["model_message"] == CANARY
    assert "arn:" not in response.body.decode()
    assert_nothing_leaks(model_answers=True)


def test_artifact(scene, assert_nothing_leaks):
    """The path of an artifact is in the log as `target`, and nowhere else."""
    scene.sagemaker.script = error(500, "InternalFailure")

    assert scene.post("folder") == 502
    (line,) = scene.log.requests
    assert line["target"] == f"TargetModel={FOLDER}/v1.tar.gz"
    shown = scene.log.text.replace(line["target"], "")
    scene.log.stream.seek(0)
    scene.log.stream.truncate()
    scene.log.stream.write(shown)
    assert_nothing_leaks(other=FOLDER)
