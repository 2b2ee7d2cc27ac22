"""The Big List of Naughty Strings in every part of a request.

None leads to a 500 or to a call that the table does not name; each leaves one line of log.
"""

from urllib.parse import quote

import pytest

from tests.support.gateway import JSON
from tests.support.problems import assert_problem
from tests.support.vectors import vectors

HEADERS = [
    "Accept",
    "Content-Type",
    "Content-Encoding",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Request-Timeout-Ms",
    "X-Amzn-SageMaker-Target-Model",
]
# What a line of the log may hold: ours, and Powertools' own.
KEYS = {
    *("request_id", "method", "principal", "key_id", "model", "kind", "endpoint", "target"),
    *("status", "slug", "model_ms", "gateway_ms", "bytes_in", "bytes_out", "attempts"),
    *("cold_start", "table", "path", "reason"),
    *("level", "location", "message", "timestamp", "service"),
}


@pytest.fixture(scope="module", name="naughty")
def _naughty():
    return vectors("blns.json")


def assert_sober(gateway, responses):
    """Every response is the gateway's own and below 500; every request has its line."""
    for response in responses:
        if response.status != 200:
            assert_problem(response, response.status, response.json()["type"].rpartition(":")[2])
        assert response.status < 500
        assert all(value.isascii() and value.isprintable() for value in response.headers.values())
    assert all(line.keys() <= KEYS for line in gateway.log.lines)
    assert [line["status"] for line in gateway.log.requests] == [one.status for one in responses]
    assert [line["request_id"] for line in gateway.log.lines] == [
        response.headers["x-request-id"] for response in responses
    ]


def named(deployed, resource, segments, method="POST"):
    """Send path parameters exactly as given."""
    event = deployed.client.event(method, resource, JSON, b"{}")
    event["requestContext"]["resourcePath"] = resource
    event["pathParameters"] = segments
    return deployed.client.deliver(event)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_model(deployed, naughty, method):
    """As a model's name: there is no such model."""
    resource = "/predict/{model}" if method == "POST" else "/models/{model}"

    responses = [named(deployed, resource, {"model": text}, method) for text in naughty]

    assert_sober(deployed, responses)
    assert {response.status for response in responses} <= {400, 404}
    assert deployed.runtime.calls == []


def test_model_with_parameters(deployed, naughty):
    """As each segment of a longer path."""
    resource = "/predict/{model}/{a}/{b}"
    paths = [("translate", text, "en") for text in naughty]
    paths += [("translate", "de", text) for text in naughty]
    paths += [(text, "de", "en") for text in naughty]

    responses = [
        named(deployed, resource, dict(zip(("model", "a", "b"), path, strict=True)))
        for path in paths
    ]

    assert_sober(deployed, responses)
    assert {response.status for response in responses} == {400, 404}
    assert deployed.runtime.calls == []


def test_path_on_the_wire(gateway, naughty):
    """Percent-encoded in the path: nothing is decoded on the way to a target."""
    responses = [
        gateway.post(f"/predict/house-price/{quote(text, safe='')}") for text in naughty if text
    ]

    assert_sober(gateway, responses)
    assert {response.status for response in responses} <= {400, 404}
    assert gateway.runtime.calls == []


@pytest.mark.parametrize("header", HEADERS)
def test_header(gateway, naughty, header):
    """In a header: refused, negotiated, passed on unchanged, or ignored."""
    responses = [gateway.post("/predict/attributes", b"{}", {**JSON, header: it}) for it in naughty]

    assert_sober(gateway, responses)
    assert {call.target["EndpointName"] for call in gateway.runtime.calls} <= {"attributes"}
    assert all(len(call.target) == 1 for call in gateway.runtime.calls)
    passed = [call.request.passed.get("CustomAttributes", "-") for call in gateway.runtime.calls]
    assert all(value.isascii() and value.isprintable() for value in passed)


@pytest.mark.parametrize("name", ["limit", "after", "unknown"])
def test_query(gateway, naughty, name):
    """In a query: a page of the list, or a refusal."""
    responses = [gateway.get(f"/models?{name}={quote(text, safe='')}") for text in naughty]
    responses += [gateway.get(f"/models?{quote(text, safe='')}") for text in naughty]

    assert_sober(gateway, responses)


def test_body_that_wants_to_be_a_line(gateway, naughty):
    """In a body of JSON, as keys of the log: a caller adds nothing to the log."""
    forged = [f'{{"{key}": "forged"}}\n{{"{key}": "forged"}}\n'.encode() for key in KEYS]
    bodies = [text.encode() for text in naughty] + forged

    responses = [gateway.post("/predict/churn", body) for body in bodies]

    assert_sober(gateway, responses)
    assert {response.status for response in responses} == {200, 400}
    assert "forged" not in gateway.log.text


def test_body(gateway, naughty):
    """In a body of any type: the model and the caller get it unchanged."""
    bodies = [text.encode() for text in naughty]

    responses = [
        gateway.post("/predict/picture", it, {"Content-Type": "image/png"}) for it in bodies
    ]

    assert_sober(gateway, responses)
    assert [response.body for response in responses] == bodies
    assert [call.request.body for call in gateway.runtime.calls] == bodies
