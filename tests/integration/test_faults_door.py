"""Where faults are asked for: open to tests on this machine, closed to whoever means AWS."""

import json
import urllib.error

import pytest

from tests.support.wire import send


def test_put_get_delete(sagemaker_local):
    """Each answers what is in force then."""
    described = {"fault": "hang", "share": 0.5, "seconds": 5.0, "count": 7}
    given = json.dumps({"fault": "hang", "share": 0.5, "count": 7}).encode()

    assert fault(sagemaker_local, "PUT", given) == described
    assert fault(sagemaker_local, "GET") == described
    assert fault(sagemaker_local, "DELETE") is None
    assert fault(sagemaker_local, "GET") is None
    assert fault(sagemaker_local, "DELETE") is None


def fault(stand_in, method, body=None):
    answer = json.loads(stand_in.fault(method, "anything", body))
    assert answer["endpoint"] == "anything"
    return answer["fault"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is not JSON."),
        (b'{"fault": "flood"}', "`fault` must be one of "),
        (b'{"fault": "hang", "share": 2}', "`share` must be a number from 0 to 1; got 2."),
        (b'{"fault": "hang", "for": 1}', "Unknown: for; "),
    ],
)
def test_a_fault_that_makes_no_sense(sagemaker_local, body, sentence):
    """Is answered with a sentence and changes nothing."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        sagemaker_local.fault("PUT", "anything", body)

    with caught.value as answer:
        assert answer.status == 400
        assert json.load(answer)["error"].startswith(sentence)
    assert fault(sagemaker_local, "GET") is None


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "query"),
    [
        pytest.param({"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, "", id="in-a-header"),
        pytest.param({}, "?X-Amz-Signature=0", id="in-the-query"),
    ],
)
def test_who_signs_means_aws(sagemaker_local, method, headers, query):
    """And is not let in here."""
    reply = send(
        sagemaker_local.url,
        f"/_local/faults/anything{query}",
        method=method,
        headers=headers,
        body=b'{"fault": "hang"}',
    )

    assert reply.status == 403
    assert reply.json()["error"] == "Faults take unsigned requests only."
    assert fault(sagemaker_local, "GET") is None


def test_other_methods(sagemaker_local):
    """Are told which there are."""
    reply = send(sagemaker_local.url, "/_local/faults/anything")

    assert (reply.status, reply.json()) == (405, {"error": "Use GET, PUT or DELETE."})
