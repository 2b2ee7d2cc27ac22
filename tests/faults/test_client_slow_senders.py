"""Slow and half-open senders: API Gateway's business, and on one's own machine a thread each."""

import re
import threading
from contextlib import ExitStack, contextmanager

import pytest
from chalice.cli import local
from chalice.config import Config
from chalice.local import LocalDevServer

from tests.faults.rows import row
from tests.support.doors import ROOT, TOKEN, LocalDoor
from tests.support.gateway import house
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
    """`chalice local` of this app."""
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
    """Whoever stops in the middle of a request has a thread to himself."""
    gateway = house(LocalDoor)
    before = threading.active_count()
    with served(gateway.app) as url, ExitStack() as waiting:
        for _ in range(WAITING):
            waiting.enter_context(connected(url, half))
        assert send(url, "/predict/churn", headers=JSON, body=b"{}").status == 200
    wait_until(lambda: threading.active_count() <= before)
    seen(f"{WAITING} half requests: another one is a 200")


@row("C12")
def test_listens_on_this_machine_alone():
    """Unless somebody says otherwise."""
    (host,) = [option for option in local.params if option.name == "host"]

    assert host.default == "127.0.0.1"
    assert "--host" not in (ROOT / "local_stack/gateway.py").read_text()


@row("C12")
def test_documentation(seen):
    """The documentation says what the local server is not."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = " ".join(" ".join(page.read_text().split()) for page in pages)

    assert re.search(r"`chalice local`[^#]*not a server for a network", text)
    seen("documented: not a server for a network")
