"""Slow and half-open senders: API Gateway handles them; `chalice local` has a thread for each."""

import threading
from contextlib import ExitStack, contextmanager

import pytest
from chalice.cli import local
from chalice.config import Config
from chalice.local import LocalDevServer

from tests.faults.rows import row
from tests.support.clients import TOKEN, LocalClient
from tests.support.gateway import build_gateway
from tests.support.paths import ROOT
from tests.support.stand_in import wait_until
from tests.support.wire import connected, send

JSON = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
HALVES = {
    "nothing": b"",
    "half of a line": b"POST /predict/ch",
    "half of the headers": b"POST /predict/churn HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    "half of the body": b"POST /predict/churn HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{",
}
WAITING = 5


@contextmanager
def served(app):
    """Serve this app as `chalice local` does."""
    server = LocalDevServer(app, Config("local"), "127.0.0.1", 0)
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server.server_close()


@row("C12")
@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_others_do_not_wait(seen, half):
    """A caller that stops in the middle of a request delays no other caller."""
    gateway = build_gateway(LocalClient)
    before = threading.active_count()
    with served(gateway.app) as url, ExitStack() as waiting:
        for _ in range(WAITING):
            waiting.enter_context(connected(url, half))
        assert send(url, "/predict/churn", headers=JSON, body=b"{}").status == 200
    wait_until(lambda: threading.active_count() <= before)
    seen(f"{WAITING} half requests: another one is a 200")


@row("C16")
def test_chunks_that_are_not_read(seen):
    """Chalice's server reads no chunks: the model does not get the empty body that is left."""
    gateway = build_gateway(LocalClient)
    headers = {**JSON, "Content-Type": "text/csv", "Transfer-Encoding": "chunked"}
    with served(gateway.app) as url:
        reply = send(url, "/predict/iris", headers=headers)

    problem = reply.json()
    assert (reply.status, problem["type"]) == (400, "urn:inference-gateway:invalid-header")
    assert problem["detail"].startswith("The header Content-Length must be sent")
    assert gateway.runtime.calls == []
    seen("`chalice local`: 400 invalid-header")


@row("C12")
def test_listens_on_this_machine_alone():
    """The local server listens on loopback alone, unless an option says otherwise."""
    (host,) = [option for option in local.params if option.name == "host"]

    assert host.default == "127.0.0.1"
    assert "--host" not in (ROOT / "local_stack/gateway.py").read_text()
