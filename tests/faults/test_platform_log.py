"""The packaged functions when nothing that they write can be written (L6)."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.rows import row
from tests.support.events import token_event
from tests.support.http_server import StubServer, response
from tests.support.lambda_process import AUTHORIZER, LambdaProcess, client_of
from tests.support.problems import assert_problem

ANSWER = response(200, b"{}", {"Content-Type": "application/json"})
JSON = ("Content-Type", "application/json")
NO_TABLE = {"GATEWAY_ROUTING": "file:/nowhere/routing.yaml"}


@contextmanager
def full():
    """A disk without room."""
    with Path("/dev/full").open("wb") as output:
        yield output


@contextmanager
def unread():
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        yield output


@pytest.fixture(name="output", params=[full, unread], ids=["full", "unread"])
def _output(request):
    with request.param() as output:
        yield output


@row("L6")
def test_handler(package, task_root, output, seen):
    """Predictions and refusals arrive as always."""
    with (
        StubServer(lambda connection: connection.sendall(ANSWER)) as server,
        LambdaProcess.of_package(package, task_root, server.url, output=output) as running,
    ):
        client = client_of(package, running)

        for _ in range(3):
            assert client.send("POST", "/predict/digit", [JSON], b"{}").status == 200
            assert_problem(client.send("GET", "/models/nothing"), 404, "unknown-model")
        assert running.invoke({"warmer": False})["statusCode"] == 400
    seen("200, 404 and 400 as always")


@row("L6")
def test_start_without_a_table(package, task_root, output):
    """A table that cannot be used is reported during the start, which goes on."""
    with LambdaProcess.of_package(
        package, task_root, "http://127.0.0.1:9", output=output, **NO_TABLE
    ) as running:
        received = client_of(package, running).send("GET", "/health")

        assert_problem(received, 503, "routing-unavailable")


@row("L6")
def test_authorizer(package, task_root, output):
    """The line of a credential that cannot be written is no failure of the authorizer."""
    with LambdaProcess.of_package(
        package, task_root, "http://127.0.0.1:9", AUTHORIZER, output=output, GATEWAY_KEYS_SECRET=""
    ) as running:
        for _ in range(3):
            result = running.invoke(token_event("Bearer gw_nothing"))
            assert result["context"]["outcome"] == "unauthorized"
