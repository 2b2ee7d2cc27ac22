"""Starting and ending a model server, and its settings."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from sagemaker_local.modelserver.errors import ConfigurationError
from sagemaker_local.modelserver.server import Settings
from tests.support.ports import free_port
from tests.support.stand_in import wait_until

DEADLINE_SECONDS = 20


def run(*arguments, **environment):
    """Run a server that ends at once."""
    return subprocess.run(
        [sys.executable, "-m", "sagemaker_local.modelserver", *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        check=False,
    )


def responds(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    ("folder", "framework"),
    [("broken", "sklearn"), ("empty", "lightgbm"), ("not-lightgbm", "lightgbm")],
)
def test_a_folder_without_a_model(folders, folder, framework):
    """A single-model container that cannot load its model ends with one line of error."""
    ended = run(framework, SM_MODEL_DIR=str(folders[folder]))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith(f"error: {folders[folder]}")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ((), {"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT is 'http'"),
        (("--fd", "77"), {"SAGEMAKER_MULTI_MODEL": "true"}, "File descriptor 77"),
        (("--port", "99999"), {"SAGEMAKER_MULTI_MODEL": "true"}, "0-65535"),
    ],
)
def test_bad_start(arguments, environment, message):
    """A setting or an option that is not valid ends the server with one line of error."""
    ended = run("sklearn", *arguments, **environment)

    assert ended.returncode == 1
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_port_that_is_taken():
    """A port that another process uses ends the server with one line of error."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        ended = run("sklearn", SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_BIND_TO_PORT=port)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_signals(signal_number):
    """A server ends without output on SIGTERM and on Ctrl-C."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "sagemaker_local.modelserver", "lightgbm", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "SAGEMAKER_MULTI_MODEL": "true"},
    )
    with process:
        try:
            wait_until(lambda: responds(port), DEADLINE_SECONDS)
            process.send_signal(signal_number)
            code = process.wait(DEADLINE_SECONDS)
        finally:
            process.kill()
        assert (code, process.stdout.read()) == (0, b"")


@pytest.mark.parametrize("started", [True, False], ids=["started", "starting"])
def test_end_of_the_parent(start, started):
    """A server ends when its standard input ends, also while the server is still starting."""
    server = start("sklearn", SAGEMAKER_MULTI_MODEL="true")
    if started:
        assert server.request("GET", "/ping").status == 200

    server.process.stdin.close()

    assert server.process.wait(DEADLINE_SECONDS) == 0
    assert server.log() == ""


def test_interrupt_of_the_process_group(start):
    """A server with a parent ignores Ctrl-C, because the parent stops its servers."""
    server = start("sklearn", SAGEMAKER_MULTI_MODEL="true")
    assert server.request("GET", "/ping").status == 200

    server.process.send_signal(signal.SIGINT)

    assert server.request("GET", "/ping").status == 200
    assert server.stop() == 0


def test_frameworks_are_imported_late():
    """A container without a model has not imported a framework."""
    imported = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys, sagemaker_local.modelserver.server\n"
            "print(*sorted({'sklearn', 'lightgbm', 'numpy', 'PIL', 'joblib'} & set(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert imported.stdout == "\n"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, Settings(8080, Path("/opt/ml/model"), multi_model=False, capacity=None)),
        ({"SAGEMAKER_BIND_TO_PORT": "9000"}, Settings(port=9000)),
        ({"SM_MODEL_DIR": "/models"}, Settings(model_folder=Path("/models"))),
        ({"SAGEMAKER_MULTI_MODEL": "True"}, Settings(multi_model=True)),
        ({"SAGEMAKER_MULTI_MODEL": "false"}, Settings()),
        ({"SAGEMAKER_LOCAL_LOAD_LATE": "true"}, Settings(load_late=True)),
        ({"SAGEMAKER_LOCAL_CONTAINER_CAPACITY": "3"}, Settings(capacity=3)),
        ({"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}, Settings(default_accept="text/csv")),
        ({"SAGEMAKER_BIND_TO_PORT": "", "SM_MODEL_DIR": ""}, Settings()),
        ({"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": ""}, Settings()),
    ],
)
def test_settings(env, expected):
    """A variable that is missing or empty has SageMaker's default."""
    assert Settings.from_env(env) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "0"),
        ("SAGEMAKER_BIND_TO_PORT", "65536"),
        ("SAGEMAKER_BIND_TO_PORT", "-1"),
        ("SAGEMAKER_BIND_TO_PORT", "²"),
        ("SAGEMAKER_BIND_TO_PORT", "9" * 5000),
        ("SAGEMAKER_MULTI_MODEL", "1"),
        ("SAGEMAKER_LOCAL_CONTAINER_CAPACITY", "0"),
        ("SAGEMAKER_LOCAL_CONTAINER_CAPACITY", "many"),
    ],
)
def test_bad_settings(name, value):
    """The error for a value that is not allowed gives the variable and the value."""
    with pytest.raises(ConfigurationError, match=f"{name} is '{value[:5]}"):
        Settings.from_env({name: value})
