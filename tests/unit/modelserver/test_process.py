"""How a model server starts and ends."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.support.ports import free_port

DEADLINE_SECONDS = 20


def run(*arguments, **environment):
    """Start a server that should not get far."""
    return subprocess.run(
        [sys.executable, "-m", "sagemaker_local.modelserver", *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        check=False,
    )


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    ("folder", "framework"),
    [
        ("empty", "sklearn"),
        ("empty", "lightgbm"),
        ("not-lightgbm", "lightgbm"),
        ("broken", "sklearn"),
    ],
)
def test_a_folder_without_a_model(folders, folder, framework):
    """Without its model a container ends at once and says why in one line."""
    ended = run(framework, SM_MODEL_DIR=str(folders[folder]))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith(f"error: {folders[folder]}")


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ((), {"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT is 'http'"),
        ((), {"SAGEMAKER_LOCAL_CONTAINER_CAPACITY": "0"}, "from 1 to"),
        ((), {"SAGEMAKER_MULTI_MODEL": "yes"}, "set true or false"),
        (("--fd", "77"), {"SAGEMAKER_MULTI_MODEL": "true"}, "File descriptor 77"),
        (("--port", "99999"), {"SAGEMAKER_MULTI_MODEL": "true"}, "0-65535"),
    ],
)
def test_bad_settings(arguments, environment, said):
    """A setting that makes no sense ends the start with one line."""
    ended = run("sklearn", *arguments, **environment)

    assert ended.returncode == 1
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_port_that_is_taken():
    """Somebody else's port is an error in one line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        ended = run("sklearn", SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_BIND_TO_PORT=port)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop(eventually, signal_number):
    """On its own port, a server goes quietly when it is told to."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "sagemaker_local.modelserver", "lightgbm", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "SAGEMAKER_MULTI_MODEL": "true"},
    )
    with process:
        try:
            assert eventually(lambda: answers(port))
            process.send_signal(signal_number)
            code = process.wait(DEADLINE_SECONDS)
        finally:
            process.kill()
        assert (code, process.stdout.read()) == (0, b"")


def test_end_of_the_parent(start, eventually):
    """A server whose standard input ends is gone, whatever ended its parent."""
    server = start("sklearn", SAGEMAKER_MULTI_MODEL="true")
    assert server.request("GET", "/ping").status == 200

    server.process.stdin.close()

    assert eventually(lambda: server.process.poll() is not None)
    assert (server.process.returncode, server.log()) == (0, "")


def test_end_of_the_parent_during_the_start(start, eventually):
    """The parent is watched before anything slow is imported."""
    server = start("sklearn", SAGEMAKER_MULTI_MODEL="true")

    server.process.stdin.close()

    assert eventually(lambda: server.process.poll() is not None)
    assert (server.process.returncode, server.log()) == (0, "")


def test_interrupt_of_the_whole_group(start):
    """Ctrl-C reaches parent and child; the child leaves it to the parent."""
    server = start("sklearn", SAGEMAKER_MULTI_MODEL="true")
    assert server.request("GET", "/ping").status == 200

    server.process.send_signal(signal.SIGINT)

    assert server.request("GET", "/ping").status == 200
    assert server.stop() == 0


def test_frameworks_wait_for_a_model():
    """A container that has loaded nothing has imported no framework either."""
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
