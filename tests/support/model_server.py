"""A model server of the local SageMaker as a separate process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from tests.support.paths import ROOT
from tests.support.ports import free_port
from tests.support.stand_in import wait_until


class ModelServer:
    """A container for many models that has none yet; it ends with the `with`."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        command = ("sagemaker_local.modelserver", "sklearn", "--port", str(self._port))
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**os.environ, "SAGEMAKER_MULTI_MODEL": "true"},
            start_new_session=True,
        )

    def __enter__(self) -> ModelServer:
        wait_until(lambda: self._process.poll() is not None or self._listens())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def _listens(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self._port)) == 0
