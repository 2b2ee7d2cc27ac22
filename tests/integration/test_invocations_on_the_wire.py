"""InvokeEndpoint over HTTP: requests that boto3 does not send, and headers that it hides."""

import re

import pytest

from tests.containers.account import VARIANT, image
from tests.containers.container import failing
from tests.support.wire import send

REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/endpoints/../invocations", ".."),
        ("/endpoints/./invocations", "."),
        ("/endpoints//invocations", ""),
        ("/endpoints/a%2Fb/invocations", "a/b"),
        ("/endpoints/a%00b/invocations", "a\x00b"),
        ("/endpoints/%ff/invocations", "\ufffd"),
        ("/endpoints/a%0d%0ab/invocations", "a\r\nb"),
        (f"/endpoints/{'a' * 64}/invocations", "a" * 64),
        ("/endpoints/a_b/invocations", "a_b"),
        ("/endpoints/-a/invocations", "-a"),
        ("/endpoints/a-/invocations", "a-"),
        ("/endpoints/a%0a/invocations", "a\n"),
        ("/endpoints/%c3%a4/invocations", "\u00e4"),
    ],
)
def test_invalid_name(sagemaker_local, path, name):
    """The path is not normalised, and an invalid name is a ValidationError."""
    reply = send(sagemaker_local.url, path)

    assert reply.status == 400
    assert reply.headers["x-amzn-ErrorType"] == "ValidationError"
    message = reply.json()["Message"]
    assert message.startswith(f"1 validation error detected: Value '{name}' at 'endpointName'")


@pytest.mark.parametrize("name", ["a", "Churn-2", "a--b", "a" * 63])
def test_valid_name(sagemaker_local, name):
    """A name has 1 to 63 letters, digits and inner hyphens."""
    reply = send(sagemaker_local.url, f"/endpoints/{name}/invocations")

    assert reply.json()["Message"] == f"Endpoint {name} of account 123456789012 not found."


SAGEMAKER = "X-Amzn-SageMaker-"


@pytest.mark.parametrize(
    ("header", "valid", "invalid", "member"),
    [
        ("Content-Type", ['text/csv; charset="utf-8"'], ["a" * 1025], "contentType"),
        ("Accept", ["a" * 1024], ["a" * 1025], "accept"),
        (
            f"{SAGEMAKER}Target-Model",
            ["Houston_TX/0 (new).tar.gz", "a" * 1024],
            ["", "m\u00fcnchen.tar.gz", "a" * 1025],
            "targetModel",
        ),
        (f"{SAGEMAKER}Target-Variant", ["a" * 63], ["a" * 64, "a b"], "targetVariant"),
        (
            f"{SAGEMAKER}Target-Container-Hostname",
            ["a" * 63],
            ["a" * 64, "a.b"],
            "targetContainerHostname",
        ),
        (f"{SAGEMAKER}Inference-Component", ["a" * 63], ["a" * 64, "a-"], "inferenceComponentName"),
        (f"{SAGEMAKER}Inference-Id", ["order 4711"], ["a" * 65], "inferenceId"),
        (
            f"{SAGEMAKER}Session-Id",
            ["NEW_SESSION", "NEW-SESSION"],
            ["a_b", "OLD_SESSION", "a" * 257],
            "sessionId",
        ),
        (
            f"{SAGEMAKER}Custom-Attributes",
            ["trace=1\ttenant=blue"],
            ["a" * 1025, "a" * 20_000, "caf\u00e9"],
            "customAttributes",
        ),
    ],
)
def test_limits_of_headers(sagemaker_local, header, valid, invalid, member):
    """An invalid header is a ValidationError that names the member."""
    for value in valid + invalid:
        reply = send(sagemaker_local.url, "/endpoints/absent/invocations", headers={header: value})

        assert reply.status == 400
        assert reply.headers["x-amzn-ErrorType"] == "ValidationError"
        message = reply.json()["Message"]
        assert (f"at '{member}' failed to satisfy constraint" in message) == (value in invalid)


def test_headers_of_a_response(account, container):
    """A response has a request id and the variant."""
    endpoint = account.deploy(image(container))

    reply = send(account.url, f"/endpoints/{endpoint}/invocations", body=b"x")

    assert reply.status == 200
    assert REQUEST_ID.fullmatch(reply.headers["x-amzn-RequestId"])
    assert reply.headers["x-Amzn-Invoked-Production-Variant"] == VARIANT


@pytest.mark.parametrize("code", ["ValidationError", "ModelError"])
def test_headers_of_an_error(account, container, code):
    """An error has its code in a header, a request id, and a JSON body."""
    container.answer = failing(418, "short and stout")
    endpoint = account.deploy(image(container)) if code == "ModelError" else "absent"

    reply = send(account.url, f"/endpoints/{endpoint}/invocations", body=b"x")

    declared = {
        "ValidationError": (400, set()),
        "ModelError": (424, {"OriginalStatusCode", "OriginalMessage", "LogStreamArn"}),
    }
    assert (reply.status, reply.json().keys() - {"Message", "ErrorCode"}) == declared[code]
    assert reply.headers["x-amzn-ErrorType"] == code
    assert reply.headers["Content-Type"] == "application/json"
    assert REQUEST_ID.fullmatch(reply.headers["x-amzn-RequestId"])
