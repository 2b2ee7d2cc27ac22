"""`python -m sagemaker_local.demo`, when it does not get to its end."""

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
    ("environment", "said"),
    [
        pytest.param({**KEYS, **NOWHERE}, "Set AWS_DEFAULT_REGION", id="no-region"),
        pytest.param({**REGION, **NOWHERE}, "Set AWS_ACCESS_KEY_ID", id="no-credentials"),
        pytest.param({**KEYS, **REGION, **NOWHERE}, "http://127.0.0.1:9/", id="nobody-there"),
    ],
)
def test_one_line_errors(trained, environment, said):
    """What is missing is named in one line, together with the way out."""
    ended = subprocess.run(
        command(trained),
        capture_output=True,
        text=True,
        env=only(environment),
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: ")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_interrupt(trained):
    """Ctrl-C ends it without a word."""
    with in_the_middle(trained) as process:
        process.send_signal(signal.SIGINT)

        assert process.communicate(timeout=DEADLINE_SECONDS) == (b"", b"")
        assert process.returncode == 130


def test_end_of_the_parent(trained):
    """With its parent gone it ends, whatever it was waiting for."""
    with in_the_middle(trained, "--exit-with-parent") as process:
        process.stdin.close()

        assert process.wait(DEADLINE_SECONDS) == 0


@contextmanager
def in_the_middle(trained, *options):
    """The command, waiting for an AWS that takes its connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE_SECONDS)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            command(trained, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=only({**KEYS, **REGION, "AWS_ENDPOINT_URL": url}),
        )
        with process:
            connection, _ = silent.accept()
            with connection:
                try:
                    yield process
                finally:
                    process.kill()


def command(trained, *options):
    cache = str(trained.folder.parent)
    return [sys.executable, "-m", "sagemaker_local.demo", "--cache", cache, *options]


def only(environment):
    """This environment, and nothing else of AWS from wherever the tests run."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nothing = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return {**inherited, **nothing, **environment}
