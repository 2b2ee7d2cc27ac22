"""The local SageMaker and its model servers refuse bodies that are not clear, and stay alive.

test_local_gateway.py tries the same requests at the gateway, and more.
"""

import json
import re
import socket

import pytest

from tests.faults.rows import row
from tests.support.framings import BAD_CHUNKS, CHUNKED, CLEAR, CUT_SHORT, NOT_CLEAR, chunk, request
from tests.support.model_server import ModelServer
from tests.support.wire import connected, received

# The path of an invocation for which there is no model, and where a refusal has its text.
SERVERS = {
    "model_server": (b"/models/none/invoke", "error"),
    "sagemaker_local": (b"/endpoints/none/invocations", "message"),
}
# The local SageMaker takes longer headers, so that SageMaker's own limits apply first.
SHORT = {name: sent for name, sent in NOT_CLEAR.items() if "long" not in name}


@pytest.fixture(scope="module")
def model_server():
    with ModelServer() as model_server:
        yield model_server


@pytest.fixture(params=SERVERS)
def server(request):
    """The URL of one of the two, and its line in SERVERS."""
    return request.getfixturevalue(request.param).url, *SERVERS[request.param]


def refusal(data, member):
    """Return the text of the only answer, which is a 400 and closes the connection."""
    statuses = re.findall(rb"HTTP/1\.[01] (\d{3}) ", data)
    head, _, body = data.partition(b"\r\n\r\n")
    assert statuses == [b"400"]
    assert b"\r\nConnection: close" in head
    return json.loads(body)[member]


@row("C16")
@pytest.mark.parametrize("sent", SHORT.values(), ids=SHORT)
def test_not_clear(server, sent):
    """A request whose length is not clear is refused, in the server's own form."""
    url, path, member = server
    with connected(url, sent.replace(b"/predict/iris", path)) as connection:
        text = refusal(received(connection), member)

    assert text.endswith(".")
    assert "canary" not in text


@row("C16")
@pytest.mark.parametrize("sent", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
@pytest.mark.parametrize("piecewise", [False, True], ids=["at-once", "piecewise"])
def test_bad_chunks(server, sent, piecewise):
    """A chunk that is not valid is refused at once, also if the headers came before."""
    url, path, member = server
    line = f"POST {path.decode()} HTTP/1.1"
    asks = ("Expect: 100-continue",) if piecewise else ()
    head = request(CHUNKED, *asks, line=line)
    with connected(url, head if piecewise else head + sent) as connection:
        if piecewise:
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(sent)
        refusal(received(connection), member)


@row("C16")
@pytest.mark.parametrize("sent", CUT_SHORT.values(), ids=CUT_SHORT)
def test_cut_short(server, sent):
    """A body that ends early is refused."""
    url, path, member = server
    with connected(url, sent.replace(b"/predict/iris", path)) as connection:
        connection.shutdown(socket.SHUT_WR)
        refusal(received(connection), member)


@row("C16")
@pytest.mark.parametrize("sent", CLEAR.values(), ids=CLEAR)
def test_clear(server, sent):
    """Each clear way to send a body leads to the model, which is not there."""
    url, path, _ = server
    closing = sent.replace(b"/predict/iris", path).replace(b"Host:", b"Connection: close\r\nHost:")
    with connected(url, closing) as connection:
        data = received(connection)

    assert re.search(b"no endpoint|not found|No model named", data, re.IGNORECASE), data
    assert len(re.findall(rb"HTTP/1\.[01] \d{3} ", data)) == 1


def test_others_go_on(server):
    """A connection that is refused takes nothing from the others."""
    url, path, _ = server
    line = f"POST {path.decode()} HTTP/1.1"
    with connected(url, request(CHUNKED, line=line)) as waiting:
        for sent in list(BAD_CHUNKS.values())[:3]:
            with connected(url, request(CHUNKED, line=line) + sent) as connection:
                received(connection)
        waiting.sendall(chunk(b"a") + b"0\r\n\r\n")

        assert waiting.recv(100).startswith(b"HTTP/1.1 4")
