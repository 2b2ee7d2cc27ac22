"""An emulated AWS as a separate process: MiniStack.

It runs a function's code without Docker, and asks IAM about every call to its services: a function
has the credentials of its role, and no other right. It differs from AWS:

- It takes paths, integrations and authorizers from an API's definition. Binary media types and
  gateway responses have to be properties and resources of their own (`translation.py`).
- A mock integration is an empty 200. The tests check preflights in the template
  (`test_package.py`) and with the simulator of API Gateway (`tests/api_gateway/`).
- It has no limits, neither API Gateway's 10 MB and 29 s nor Lambda's 6 MB, and it neither
  compresses nor decompresses. The simulator does all of these.
- It decodes a base64 response only for a request with an Accept header. `Stack.send` sends one, as
  browsers, curl and requests do.
- A function that fails is a bare 502 without a gateway response.
- It decodes a path before it matches it, and a function gets header names in lower case.
- `x-amzn-RequestId` is the `$context.requestId` of a gateway response, but not of a function.
- It writes no access log, and does not check whether API Gateway may call a function.
- A function also has the emulator's own environment, with `AWS_ENDPOINT_URL`.
- SageMaker is the local SageMaker, which checks no permissions, and SimulatePrincipalPolicy ignores
  condition keys. `gatewayctl policy` checks what the handler's role may invoke.
- It refuses saved queries, and alarms that compute with several metrics (`translation.py` leaves
  both out). It keeps the other alarms, the metric filters and the dashboard, and evaluates none.
- ImportRestApi is missing, so plain `chalice deploy` cannot finish.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import boto3
import psutil
from botocore.config import Config

from tests.deployed.emulated.installation import interpreter
from tests.support.ports import free_port
from tests.support.stand_in import gone, wait_until

REGION = "us-east-1"
ROOT_CREDENTIALS = ("test", "test")
LAUNCHER = Path(__file__).with_name("launcher.py")


class EmulatedAws:
    """An empty account until the end of the `with`."""

    def __init__(self) -> None:
        python = interpreter()
        self._folder = tempfile.TemporaryDirectory()
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by __exit__)
        self.port = free_port()
        self._session = boto3.Session(*ROOT_CREDENTIALS, region_name=REGION)
        self._clients: dict[str, Any] = {}
        self._process = subprocess.Popen(
            [str(python), "-P", str(LAUNCHER)],
            cwd=self._folder.name,
            env=_environment(self.port, self._folder.name),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            started = f"Running on http://127.0.0.1:{self.port} "
            wait_until(lambda: started in self.log or self._process.poll() is not None)
            assert self._process.poll() is None, self.log
        except BaseException:
            self.__exit__()
            raise

    @property
    def url(self) -> str:
        """The address of every service."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything that it has printed; reading does not move its write position."""
        length = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), length, 0).decode()

    def client(self, service: str) -> Any:
        """Return an unmodified boto3 client with all permissions, made once."""
        if service not in self._clients:
            config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
            made = self._session.client(service, endpoint_url=self.url, config=config)
            self._clients[service] = made
        return self._clients[service]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """With every function that it has started."""
        if self._process.poll() is None:
            functions = psutil.Process(self._process.pid).children(recursive=True)
            os.killpg(self._process.pid, signal.SIGKILL)
            wait_until(lambda: gone(functions))
        self._process.communicate()
        self._log.close()
        self._folder.cleanup()


def _environment(port: int, folder: str) -> dict[str, str]:
    """Nothing of this machine but the PATH, because functions inherit all of it."""
    return {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "EDGE_PORT": str(port),
        "HOME": "/nonexistent",
        "IOT_MTLS_ENABLED": "0",
        "LANG": "en_US.UTF-8",
        "MINISTACK_HOST": f"{REGION}.amazonaws.com",  # an API has the name that it has on AWS
        "PATH": os.environ["PATH"],
        "SFTP_ENABLED": "0",
        "TMPDIR": folder,
        "TZ": "UTC",
    }
