"""InvokeEndpoint as bytes: what boto3 will not send, and what it does not show."""

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
    ],
)
def test_a_path_that_names_no_endpoint(sagemaker_local, path, name):
    """Is taken as it came, never resolved."""
    reply = send(sagemaker_local.url, path)

    assert reply.status == 400
    assert reply.headers["x-amzn-ErrorType"] == "ValidationError"
    message = reply.json()["Message"]
    assert message.startswith(f"1 validation error detected: Value '{name}' at 'endpointName'")


@pytest.mark.parametrize(
    ("header", "value", "member"),
    [
        ("X-Amzn-SageMaker-Target-Model", "", "targetModel"),
        ("X-Amzn-SageMaker-Target-Variant", "a" * 64, "targetVariant"),
        ("X-Amzn-SageMaker-Target-Variant", "a b", "targetVariant"),
        ("X-Amzn-SageMaker-Target-Container-Hostname", "a" * 64, "targetContainerHostname"),
        ("X-Amzn-SageMaker-Inference-Component", "a" * 64, "inferenceComponentName"),
        ("X-Amzn-SageMaker-Inference-Component", "a-", "inferenceComponentName"),
        ("X-Amzn-SageMaker-Inference-Id", "a" * 65, "inferenceId"),
        ("X-Amzn-SageMaker-Session-Id", "a_b", "sessionId"),
        ("X-Amzn-SageMaker-Custom-Attributes", "a" * 1025, "customAttributes"),
        ("X-Amzn-SageMaker-Custom-Attributes", "a" * 20_000, "customAttributes"),
        ("X-Amzn-SageMaker-Custom-Attributes", "caf\u00e9", "customAttributes"),
        ("Content-Type", "a" * 1025, "contentType"),
        ("Accept", "a" * 1025, "accept"),
    ],
)
def test_a_header_out_of_its_limits(account, container, header, value, member):
    """Its member is named, and no container sees it."""
    endpoint = account.deploy(image(container))

    reply = send(account.url, f"/endpoints/{endpoint}/invocations", headers={header: value})

    assert reply.status == 400
    assert reply.headers["x-amzn-ErrorType"] == "ValidationError"
    assert f"at '{member}' failed to satisfy constraint" in reply.json()["Message"]
    assert not container.invocations


def test_what_an_answer_carries(account, container):
    """A request id and the variant, and the type that the container gave or none."""
    endpoint = account.deploy(image(container))

    reply = send(account.url, f"/endpoints/{endpoint}/invocations", body=b"x")

    assert reply.status == 200
    assert REQUEST_ID.fullmatch(reply.headers["x-amzn-RequestId"])
    assert reply.headers["x-Amzn-Invoked-Production-Variant"] == VARIANT


@pytest.mark.parametrize("code", ["ValidationError", "ModelError"])
def test_what_a_refusal_carries(account, container, code):
    """Its code in a header, the rest as JSON, and a request id to ask about."""
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
