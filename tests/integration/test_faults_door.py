"""`/_local/faults/<endpoint>` puts, shows and removes the fault of an endpoint."""

import json

import pytest

from sagemaker_local.faults import KINDS
from tests.support.wire import send

PATH = "/_local/faults/anything"
DEFAULTS = {"share": 1.0, "seconds": 5.0, "count": None}


@pytest.fixture
def request_(sagemaker_local):
    """Send a request and return its response; the fault is removed after the test."""

    def request_(method, body=b"", query="", **headers):
        return send(sagemaker_local.url, PATH + query, method=method, headers=headers, body=body)

    yield request_
    request_("DELETE")


def fault(reply):
    assert reply.status == 200
    assert reply.json()["endpoint"] == "anything"
    return reply.json()["fault"]


@pytest.mark.parametrize("kind", KINDS)
def test_put_get_delete(request_, kind):
    """Each response shows the current fault; every member but `fault` has a default."""
    expected = {"fault": kind, **DEFAULTS}

    assert fault(request_("PUT", json.dumps({"fault": kind}).encode())) == expected
    assert fault(request_("GET")) == expected
    assert fault(request_("DELETE")) is None
    assert fault(request_("GET")) is None
    assert fault(request_("DELETE")) is None


@pytest.mark.parametrize(
    "members",
    [
        {"share": 0, "seconds": 0, "count": 0},
        {"share": 1, "seconds": 3600, "count": 10},
        {"share": 0.25, "seconds": 0.5, "count": 1},
        {"share": None, "seconds": None, "count": None},
    ],
)
def test_members(request_, members):
    """Members are taken from the smallest to the largest value; null means the default."""
    described = fault(request_("PUT", json.dumps({"fault": "hang", **members}).encode()))

    given = {name: value for name, value in members.items() if value is not None}
    assert described == {"fault": "hang", **DEFAULTS, **given}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is not JSON."),
        (b"{", "The body is not JSON."),
        (b"\xff\xfe", "The body is not JSON."),
        (b"[" * 100_000, "The body is not JSON."),
        (b"null", "`fault` must be one of throttle, e500, "),
        (b'["throttle"]', "`fault` must be one of throttle, e500, "),
        (b"{}", "`fault` must be one of throttle, e500, "),
        (b'{"fault": "Throttle"}', "`fault` must be one of throttle, e500, "),
        (b'{"fault": ["throttle"]}', "`fault` must be one of throttle, e500, "),
        (b'{"fault": "hang", "second": 1}', "Unknown: second; a fault has fault, share,"),
        (b'{"fault": "hang", "share": 1.1}', "`share` must be a number from 0 to 1; got 1.1."),
        (b'{"fault": "hang", "share": NaN}', "`share` must be a number from 0 to 1; got nan."),
        (b'{"fault": "hang", "seconds": -1}', "`seconds` must be a number from 0 to 3600"),
        (b'{"fault": "hang", "seconds": "5"}', "`seconds` must be a number from 0 to 3600"),
        (b'{"fault": "hang", "seconds": 1e999}', "`seconds` must be a number from 0 to 3600"),
        (b'{"fault": "hang", "count": true}', "`count` must be a whole number from 0 on; got"),
        (b'{"fault": "hang", "count": 1.5}', "`count` must be a whole number from 0 on; got"),
        (b'{"fault": "hang", "count": -1}', "`count` must be a whole number from 0 on; got"),
    ],
)
def test_invalid_fault(request_, body, sentence):
    """An invalid fault is rejected with a sentence, and changes nothing."""
    reply = request_("PUT", body)

    assert reply.status == 400
    assert reply.json()["error"].startswith(sentence)
    assert fault(request_("GET")) is None


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "query"),
    [
        pytest.param({"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, "", id="in-a-header"),
        pytest.param({}, "?X-Amz-Signature=0", id="in-the-query"),
    ],
)
def test_signed_request(request_, method, headers, query):
    """A signed request is rejected, because AWS has no such path."""
    reply = request_(method, b'{"fault": "hang"}', query, **headers)

    assert reply.status == 403
    assert reply.json()["error"] == "Faults take unsigned requests only."
    assert fault(request_("GET")) is None


def test_other_method(request_):
    """Other methods are rejected, and the response names the three that work."""
    reply = request_("POST")

    assert (reply.status, reply.json()) == (405, {"error": "Use GET, PUT or DELETE."})
