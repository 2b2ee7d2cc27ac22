"""Bodies from 1,024 bytes on are compressed and decompressed on the way."""

import base64
import gzip
import zlib

import pytest

from tests.api_gateway.hand_made import small
from tests.api_gateway.unverified import Unverified

MIB = 1024 * 1024
BODY = b"0123456789abcdef" * 64


@pytest.fixture
def api():
    unverified = Unverified(too_large_event="INTEGRATION_FAILURE")
    return small(
        {"body": BODY.decode()},
        MinimumCompressionSize=1024,
        more={"unverified": unverified},
    )


@pytest.mark.parametrize(
    ("accept", "coding", "undo"),
    [
        pytest.param("gzip", "gzip", gzip.decompress, id="gzip"),
        pytest.param("deflate", "deflate", zlib.decompress, id="deflate"),
        pytest.param("gzip, deflate, br", "gzip", gzip.decompress, id="browser"),
        pytest.param("gzip;q=0.5, deflate;q=0.8", "deflate", zlib.decompress, id="q"),
        pytest.param("br, gzip;q=0.9", None, bytes, id="unknown-first"),
        pytest.param("identity", None, bytes, id="identity"),
        pytest.param("", None, bytes, id="empty"),
    ],
)
def test_answer(api, accept, coding, undo):
    """If the coding that the client likes best is one that API Gateway knows."""
    reply = api.post(("Accept-Encoding", accept))

    assert reply.header("Content-Encoding") == coding
    assert undo(reply.body) == BODY


@pytest.mark.parametrize(
    "result",
    [
        pytest.param({"body": BODY[1:].decode()}, id="too-small"),
        pytest.param(
            {"body": BODY.decode(), "headers": {"Content-Encoding": "gzip"}}, id="compressed"
        ),
    ],
)
def test_answer_that_stays_as_it_is(api, result):
    """What is too small, or compressed already."""
    api.function.answer = result

    assert api.post(("Accept-Encoding", "gzip")).body == result["body"].encode()


@pytest.mark.parametrize("kept", [True, False])
def test_request(kept):
    """Is undone; whether the function sees that it was is not known."""
    unverified = Unverified(content_encoding_is_kept=kept)
    api = small(MinimumCompressionSize=0, more={"unverified": unverified})

    api.post(("Content-Encoding", "gzip"), body=gzip.compress(BODY))

    assert base64.b64decode(api.function.event["body"]) == BODY
    assert ("Content-Encoding" in api.function.event["headers"]) == kept


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        pytest.param("br", BODY, 415, id="unknown"),
        pytest.param("gzip", BODY, 415, id="not-compressed"),
        pytest.param("gzip", BODY[1:], 200, id="too-small-to-be-undone"),
        pytest.param("deflate", zlib.compress(bytes(10 * MIB + 1)), 413, id="too-large"),
    ],
)
def test_request_that_cannot_be_undone(api, coding, body, status):
    """415; 413 if it is over 10 MB then."""
    assert api.post(("Content-Encoding", coding), body=body).status == status
