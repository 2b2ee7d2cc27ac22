"""`python -m sagemaker_local.demo`, when it fails or is interrupted."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

DEADLINE_SECONDS = 20
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
REGION = {"AWS_DEFAULT_REGION": "us-east-1"}
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        pytest.param({**KEYS, **NOWHERE}, "Set AWS_DEFAULT_REGION", id="no-region"),
        pytest.param({**REGION, **NOWHERE}, "Set AWS_ACCESS_KEY_ID", id="no-credentials"),
        pytest.param({**KEYS, **REGION, **NOWHERE}, "http://127.0.0.1:9/", id="no-server"),
    ],
)
def test_error_messages(trained, environment, message):
    """An error is one line with the problem and what to do."""
    ended = subprocess.run(
        command(trained),
        capture_output=True,
        text=True,
        env=environment_with(environment),
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: ")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_interrupt(trained):
    """Ctrl-C ends the command without output."""
    with waiting_for_a_response(trained) as process:
        process.send_signal(signal.SIGINT)

        assert process.communicate(timeout=DEADLINE_SECONDS) == (b"", b"")
        assert process.returncode == 130


def test_end_of_the_parent(trained):
    """The command ends when its parent ends, also while it waits for a response."""
    with waiting_for_a_response(trained, "--exit-with-parent") as process:
        process.stdin.close()

        assert process.wait(DEADLINE_SECONDS) == 0


@contextmanager
def waiting_for_a_response(trained, *options):
    """The command, connected to a server that never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE_SECONDS)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        process = subprocess.Popen(
            command(trained, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment_with({**KEYS, **REGION, "AWS_ENDPOINT_URL": url}),
        )
        with process:
            connection, _ = server.accept()
            with connection:
                try:
                    yield process
                finally:
                    process.kill()


def command(trained, *options):
    cache = str(trained.folder.parent)
    return [sys.executable, "-m", "sagemaker_local.demo", "--cache", cache, *options]


def environment_with(settings):
    """An environment with these settings for AWS and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    no_account = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return {**inherited, **no_account, **settings}
