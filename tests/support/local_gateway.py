"""The gateway as `make run` starts it, without the rest of `make run`."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Self

from tests.support.ports import closed_port, free_port
from tests.support.program import Program
from tests.support.stand_in import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

# AWS is at an address where nobody answers.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "GATEWAY_CORS_ORIGIN": "*",
}


class LocalGateway(Program):
    """`python -m local_stack.gateway` on a free port, until the end of the `with`."""

    def __init__(self, environment: Mapping[str, str] = ENVIRONMENT) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        port = self.url.rpartition(":")[2]
        variables = {"AWS_ENDPOINT_URL": closed_port(), **environment}
        super().__init__("local_stack.gateway", "--port", port, environment=variables)

    def __enter__(self) -> Self:
        try:
            wait_until(lambda: self.process.poll() is not None or self._answers())
            assert self.process.poll() is None, self.log
        except BaseException:
            self.__exit__()
            raise
        return self

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10):
                return True
        except OSError:
            return False
