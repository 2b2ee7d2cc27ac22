"""A mock answers preflights from the template; no function and no authorizer is asked."""

import pytest

from tests.api_gateway.hand_made import preflight, small


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param([], b"", id="browser"),
        pytest.param([("Content-Type", "application/json")], b"?", id="any-body"),
        pytest.param([("Content-Type", "text/csv")], b'{"statusCode": 200}', id="passed-on"),
    ],
)
def test_answer(headers, body):
    """The headers that the template has for it, and no body."""
    reply = small(paths={"/a/{b}": {"options": preflight()}}).api.handle(
        "OPTIONS", "/a/b", [*headers, ("Origin", "https://shop.example.com")], body
    )

    assert (reply.status, reply.body) == (200, b"")
    assert reply.header("Access-Control-Allow-Origin") == "*"
    assert reply.header("Access-Control-Allow-Methods") == "POST,OPTIONS"


@pytest.mark.parametrize(
    ("integration", "headers"),
    [
        pytest.param({"contentHandling": None}, [], id="binary"),
        pytest.param({"requestTemplates": {}}, [], id="no-template"),
        pytest.param({"requestTemplates": {"application/json": "{}"}}, [], id="no-status"),
        pytest.param({}, [("Content-Type", "text/csv")], id="no-template-for-the-type"),
    ],
)
def test_broken(integration, headers):
    """With `*/*` a mock must convert to text, and it needs a status: else 500."""
    api = small(paths={"/a/{b}": {"options": preflight(**integration)}}).api

    assert api.handle("OPTIONS", "/a/b", headers).status == 500
