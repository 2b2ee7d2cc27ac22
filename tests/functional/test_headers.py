"""Headers for the model, from the model, and for the gateway."""

import pytest

from chalicelib.sagemaker.answers import InferenceResponse
from tests.support.gateway import JSON, FakeRuntime
from tests.support.problems import assert_problem

CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
SESSION_ID = "X-Amzn-SageMaker-Session-Id"
TIMEOUT = "X-Request-Timeout-Ms"
EXPLANATIONS = "X-Amzn-SageMaker-Enable-Explanations"
PREFIX_AWARE_ID = "X-Amzn-SageMaker-Prefix-Aware-Id"
ALL = {
    CUSTOM: "trace=7",
    INFERENCE_ID: "id-7",
    SESSION_ID: "NEW_SESSION",
    EXPLANATIONS: "`true`",
    PREFIX_AWARE_ID: "web-shop",
}


@pytest.mark.parametrize(
    ("model", "passed"),
    [
        pytest.param(
            "attributes",
            {
                "CustomAttributes": "trace=7",
                "InferenceId": "id-7",
                "SessionId": "NEW_SESSION",
                "EnableExplanations": "`true`",
                "PrefixAwareId": "web-shop",
            },
            id="all",
        ),
        pytest.param("half-open", {"InferenceId": "id-7"}, id="one"),
        pytest.param("churn", {}, id="none"),
    ],
)
def test_passed(gateway, model, passed):
    """Only the headers in a model's `pass_headers` are passed on."""
    assert gateway.post(f"/predict/{model}", b"{}", {**JSON, **ALL}).status == 200

    assert gateway.call.request.passed == passed


def test_absent(gateway):
    """A header that the caller does not send is not passed on."""
    assert gateway.post("/predict/attributes", b"{}", {**JSON, INFERENCE_ID: "7"}).status == 200

    assert gateway.call.request.passed == {"InferenceId": "7"}


@pytest.mark.parametrize(
    ("model", "returned"),
    [
        pytest.param(
            "attributes",
            {
                "x-amzn-sagemaker-custom-attributes": "took=3",
                "x-amzn-sagemaker-new-session-id": "s; Expires=2026-01-01T00:00:00Z",
                "x-amzn-sagemaker-closed-session-id": "old",
            },
            id="all",
        ),
        pytest.param(
            "half-open",
            {
                "x-amzn-sagemaker-new-session-id": "s; Expires=2026-01-01T00:00:00Z",
                "x-amzn-sagemaker-closed-session-id": "old",
            },
            id="one",
        ),
        pytest.param("churn", {}, id="none"),
    ],
)
def test_returned(build, model, returned):
    """Only the headers in a model's `return_headers` reach the caller."""
    result = InferenceResponse(
        b"",
        "text/plain",
        custom_attributes="took=3",
        new_session_id="s; Expires=2026-01-01T00:00:00Z",
        closed_session_id="old",
    )
    response = build(runtime=FakeRuntime(lambda target, request: result)).predict(model)

    amazons = {name: value for name, value in response.headers.items() if "amzn" in name}
    assert amazons == returned


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1", 0.001), ("500", 0.5), ("0500", 0.5), ("1999", 1.999), ("2000", 2), ("999999999", 2)],
)
def test_requested_timeout(gateway, value, seconds):
    """A caller may shorten the model's timeout, and never lengthen it."""
    assert gateway.post("/predict/hasty", b"{}", {**JSON, TIMEOUT: value}).status == 200

    assert seconds - 0.5 < gateway.call.seconds <= seconds


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "000",
        "-1",
        "1.5",
        "1e3",
        "",
        " ",
        "5 s",
        "1000000000",
        "\u0665\u0660\u0660",
        "NaN",
        "0x10",
        "1_000",
    ],
    ids=ascii,
)
def test_bad_timeout(gateway, value):
    """A timeout that is not a positive whole number is refused; caller and log see which header."""
    response = gateway.post("/predict/hasty", b"{}", {**JSON, TIMEOUT: value})

    assert TIMEOUT in assert_problem(response, 400, "invalid-header")["detail"]
    assert TIMEOUT in gateway.log.requests[-1]["reason"]
    assert gateway.runtime.calls == []
