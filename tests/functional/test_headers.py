"""Headers that go to the model and come back from it, and those that are for the gateway."""

import pytest

from chalicelib.sagemaker.runtime import InferenceResponse
from tests.support.gateway import JSON, FakeRuntime
from tests.support.problems import assert_problem

CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
SESSION_ID = "X-Amzn-SageMaker-Session-Id"
TIMEOUT = "X-Request-Timeout-Ms"
ALL = {CUSTOM: "trace=7", INFERENCE_ID: "id-7", SESSION_ID: "NEW_SESSION"}


@pytest.mark.parametrize(
    ("model", "passed"),
    [
        pytest.param(
            "attributes",
            {"CustomAttributes": "trace=7", "InferenceId": "id-7", "SessionId": "NEW_SESSION"},
            id="all",
        ),
        pytest.param("half-open", {"InferenceId": "id-7"}, id="one"),
        pytest.param("churn", {}, id="none"),
    ],
)
def test_passed(gateway, model, passed):
    """A model's `pass_headers` lets headers through, and nothing else does."""
    assert gateway.post(f"/predict/{model}", b"{}", {**JSON, **ALL}).status == 200

    assert gateway.call.request.passed == passed


def test_absent(gateway):
    """What a caller does not send is not made up."""
    assert gateway.post("/predict/attributes", b"{}", {**JSON, INFERENCE_ID: "7"}).status == 200

    assert gateway.call.request.passed == {"InferenceId": "7"}


@pytest.mark.parametrize(
    ("header", "longest"), [(CUSTOM, 1024), (INFERENCE_ID, 64), (SESSION_ID, 256)]
)
def test_longest(gateway, header, longest):
    """A header that is passed on may be as long as SageMaker takes it, and no longer."""
    send = {length: {**JSON, header: "x" * length} for length in (longest, longest + 1)}

    assert gateway.post("/predict/attributes", b"{}", send[longest]).status == 200
    refused = gateway.post("/predict/attributes", b"{}", send[longest + 1])
    assert header in assert_problem(refused, 400, "invalid-header")["detail"]


@pytest.mark.parametrize("header", [CUSTOM, INFERENCE_ID, SESSION_ID, "Content-Type"])
@pytest.mark.parametrize(
    "value",
    ["", "a\r\nX-Injected: 1", "a\r\n b", "a\nb", "a\tb", "a\x00b", "a\x7fb", "größe", "\u202e"],
    ids=ascii,
)
def test_not_printable(gateway, header, value):
    """Nothing that could become a second line, or another text on its way, is passed on."""
    value = f"application/json; x={value}" if header == "Content-Type" and value else value

    answer = gateway.post("/predict/attributes", b"{}", {**JSON, header: value})

    status, slug = (400, "invalid-header")
    if header == "Content-Type" and not value:
        status, slug = (415, "unsupported-media-type")
    assert_problem(answer, status, slug)
    assert gateway.runtime.calls == []


def test_what_is_not_passed_is_not_read(gateway):
    """A model that takes no such header does not mind what it holds."""
    assert gateway.post("/predict/churn", b"{}", {**JSON, CUSTOM: "größe" * 999}).status == 200


@pytest.mark.parametrize("header", ["Content-Type", TIMEOUT, CUSTOM, INFERENCE_ID, SESSION_ID])
@pytest.mark.parametrize("model", ["attributes", "churn"])
def test_repeated(deployed, header, model):
    """A header that may come once must: somebody on the way may have read the other one."""
    said = {**JSON, TIMEOUT: "500", **ALL}
    lines = [*said.items(), (header, said[header])]

    answer = deployed.post(f"/predict/{model}", b"{}", lines)

    problem = assert_problem(answer, 400, "invalid-header")
    assert problem["detail"] == f"The header {header} must be sent once."
    assert deployed.runtime.calls == []


def test_repeated_in_two_spellings(deployed):
    """API Gateway tells the spellings apart; nobody else does."""
    headers = [*JSON.items(), ("X-Request-Timeout-Ms", "1000"), ("x-request-timeout-ms", "2000")]

    answer = deployed.post("/predict/churn", b"{}", headers)

    assert_problem(answer, 400, "invalid-header")


def test_others_may_be_repeated(deployed):
    """Only what the gateway reads has to be unambiguous."""
    cookies = [("Cookie", "a=1"), ("Cookie", "b=2"), ("X-Forwarded-For", "a"), ("Via", "b")]

    assert deployed.post("/predict/churn", b"{}", [*JSON.items(), *cookies]).status == 200


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
    """A model's `return_headers` lets its headers out, and nothing else does."""
    answered = InferenceResponse(
        b"",
        "text/plain",
        custom_attributes="took=3",
        new_session_id="s; Expires=2026-01-01T00:00:00Z",
        closed_session_id="old",
    )
    answer = build(runtime=FakeRuntime(lambda target, request: answered)).predict(model)

    amazons = {name: value for name, value in answer.headers.items() if "amzn" in name}
    assert amazons == returned


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("1", 0.001), ("500", 0.5), ("0500", 0.5), ("1999", 1.999), ("2000", 2), ("999999999", 2)],
)
def test_requested_timeout(gateway, said, seconds):
    """A caller may shorten the model's time, and never lengthen it."""
    assert gateway.post("/predict/hasty", b"{}", {**JSON, TIMEOUT: said}).status == 200

    assert seconds - 0.5 < gateway.call.seconds <= seconds


@pytest.mark.parametrize(
    "said",
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
def test_bad_timeout(gateway, said):
    """A number that means nothing is not guessed at."""
    answer = gateway.post("/predict/hasty", b"{}", {**JSON, TIMEOUT: said})

    assert TIMEOUT in assert_problem(answer, 400, "invalid-header")["detail"]
    assert gateway.runtime.calls == []
