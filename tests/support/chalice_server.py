"""The server of `chalice local`, in a thread."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalice.config import Config
from chalice.local import create_local_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalice.app import Chalice


@contextmanager
def served(app: Chalice) -> Iterator[str]:
    """Serve the app as `chalice local` does, and yield the URL."""
    server = create_local_server(app, Config.create(lambda_timeout=29), "127.0.0.1", 0).server
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
