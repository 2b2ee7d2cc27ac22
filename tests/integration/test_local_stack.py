"""`python -m local_stack`, the program of `make run`: starting, and ending in every way."""

import asyncio
import http.client
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from gatewayctl.key_store import KeyDocument, KeyStore
from local_stack.__main__ import argument_parser, main
from local_stack.children import Child, ChildEnded
from sagemaker_local.private_files import aws_variables, write_private_file
from tests.faults.rows import row
from tests.support.local_stack import LocalStack
from tests.support.paths import ROOT
from tests.support.ports import free_port
from tests.support.stand_in import gone, wait_until

FAST = "--no-demo"
"""Most rules about the processes hold without the demo, which takes 15 s."""


def test_long_lines():
    """A line of any length is printed, and the lines after it."""
    lines = []

    async def run():
        command = ["timeit", "-n1", "-r1", "print('x' * 3_000_000)"]
        program = await Child.start("the program", command, dict(os.environ), lines.append)
        with pytest.raises(ChildEnded, match="the program ended with code 0"):
            await program.fail_when_ended()
        await program.stop()

    asyncio.run(run())
    assert "".join(lines).count("x") == 3_000_000
    assert lines[-1].startswith("1 loop")


def child(processes, part):
    """The child process of one part."""
    (found,) = [process for process in processes if part in " ".join(process.cmdline()).split()]
    return found


class TestDemoKey:
    """The file of the demo key."""

    @row("M4")
    def test_link(self, tmp_path):
        """A link in its place is replaced and not followed, and the mode is 0600."""
        other = tmp_path / "other"
        other.write_text("mine")
        other.chmod(0o644)
        (tmp_path / "key").symlink_to(other)
        with LocalStack(tmp_path, FAST).until_ready():
            key = tmp_path / "key"
            assert (key.is_symlink(), key.stat().st_mode & 0o777) == (False, 0o600)
            assert key.read_text().startswith("gw_")
            assert other.read_text() == "mine"
            assert {path.name for path in tmp_path.iterdir()} == {"env", "key", "other"}

    @row("M4")
    def test_no_file(self, tmp_path):
        """Something else in its place is an error that names the way out, and stays."""
        (tmp_path / "key").mkdir()
        with LocalStack(tmp_path, FAST) as stack:
            assert stack.process.wait(timeout=90) == 1
            error = (
                f"error: the demo key could not be written to {tmp_path}/key: this is not a file"
            )
            assert f"{error}; name another file with --key-file" in stack.log
            assert "Traceback" not in stack.log
        assert {path.name for path in tmp_path.iterdir()} == {"env", "key"}

    @row("M4")
    @pytest.mark.parametrize(
        "before",
        [
            lambda key: None,
            lambda key: key.touch(0o644),
            lambda key: key.touch(0o400),
            lambda key: key.symlink_to("nowhere"),
            lambda key: key.symlink_to("key"),
            lambda key: key.hardlink_to(key.with_name("other")),
        ],
        ids=["nothing", "readable", "not-writable", "dangling-link", "loop", "hard-link"],
    )
    @pytest.mark.parametrize("umask", [0, 0o077, 0o777], ids=oct)
    def test_new_file(self, tmp_path, before, umask):
        """It is a new file of mode 0600, whatever was there, and nothing else is left."""
        other, key = tmp_path / "other", tmp_path / "key"
        other.write_text("mine")
        before(key)
        inherited = os.umask(umask)
        try:
            write_private_file(key, b"secret", "--key-file")
        finally:
            os.umask(inherited)

        assert key.lstat().st_mode & 0o7777 == 0o600
        assert (key.read_bytes(), other.read_text()) == (b"secret", "mine")
        assert {path.name for path in tmp_path.iterdir()} == {"key", "other"}

    @row("M4")
    def test_foreseen_name(self, tmp_path):
        """A reader of the file that was there, and a link of a name like ours, see nothing."""
        other, key = tmp_path / "other", tmp_path / "key"
        key.write_text("old")
        for name in (f"key.{os.getpid()}", "key.new", ".key"):
            (tmp_path / name).symlink_to(other)
        with key.open() as opened_before:
            write_private_file(key, b"secret", "--key-file")
            assert opened_before.read() == "old"

        assert (key.read_bytes(), other.exists()) == (b"secret", False)

    def test_kept(self, tmp_path, sagemaker_local):
        """The key of the file is kept while it is good in the store, so keys do not pile up."""
        secret = {"GATEWAY_KEYS_SECRET": "kept/keys", **aws_variables(sagemaker_local.url)}
        key = tmp_path / "key"

        def issue():
            command = [sys.executable, "-m", "local_stack.demo_key", str(key)]
            subprocess.run(command, cwd=ROOT, env={**os.environ, **secret}, check=True)
            return key.read_text()

        first = issue()
        assert issue() == first
        store = KeyStore("kept/keys", sagemaker_local.client)
        (kept,) = store.read().keys.values()
        document = KeyDocument(store, now=0)
        document.save(replace(kept, disabled=True))
        second = issue()
        assert second != first
        key.write_text("gw_no key")
        assert issue() not in {first, second}
        assert len(store.read().keys) == 3


def test_ctrl_c(tmp_path):
    """Ctrl-C ends the program with code 0, and no child process is left."""
    with LocalStack(tmp_path, FAST).until_ready() as stack:
        children = stack.descendants()
        stack.process.send_signal(signal.SIGINT)

        assert stack.process.wait(timeout=30) == 0
        assert children
        assert gone(children)
        assert "Traceback" not in stack.log


@pytest.mark.parametrize("part", ["local_stack.gateway", "sagemaker_local"])
def test_one_part_ends(tmp_path, part):
    """If one part ends, the other is stopped, and the program ends with code 1 and an error."""
    with LocalStack(tmp_path, FAST).until_ready() as stack:
        children = stack.descendants()
        child(children, part).kill()

        assert stack.process.wait(timeout=30) == 1
        wait_until(lambda: gone(children))
        assert re.search(r"^error: the (gateway|local SageMaker) ended", stack.log, re.MULTILINE)


def test_worker_ends(tmp_path):
    """A worker that ends is started again, which two lines say; then it ends with the others."""
    with LocalStack(tmp_path, FAST).until_ready() as stack:
        first = child(stack.descendants(), "local_stack.worker")
        first.kill()
        stack.until("^the worker has ended, and is started again")
        stack.until("^the worker runs again; a job that it was at work on is tried again when")
        children = stack.descendants()
        assert child(children, "local_stack.worker").pid != first.pid

        stack.process.send_signal(signal.SIGINT)

        assert stack.process.wait(timeout=30) == 0
        wait_until(lambda: gone(children))


def test_sigkill(tmp_path):
    """The child processes end when the program is killed."""
    with LocalStack(tmp_path, FAST).until_ready() as stack:
        children = stack.descendants()
        stack.process.kill()

        wait_until(lambda: gone(children))


def test_make():
    """The variables of `make run` are options; paths are as the shell's folder needs them."""
    variables = ["PORT=1", "SAGEMAKER_LOCAL_PORT=2", "SEED=a.py b.py", "DATA=kept", "DEMO=off"]
    variables += ["LOG=json"]

    def options(folder):
        finished = subprocess.run(
            ["make", "--dry-run", "--directory", str(ROOT), "run", *variables],
            env={**os.environ, "PWD": str(folder)},
            check=True,
            capture_output=True,
            text=True,
        )
        command = finished.stdout.replace("\\\n", " ").partition("-m local_stack ")[2]
        return argument_parser().parse_args(shlex.split(command.partition("\n")[0]))

    made = options(ROOT)
    assert (made.port, made.sagemaker_port, made.no_demo, str(made.data)) == (1, 2, True, "kept")
    assert [str(path) for path in made.seed[-2:]] == ["a.py", "b.py"]
    assert (str(made.key_file), str(made.env_file)) == (".local/demo-key", ".local/env")
    assert options(ROOT.parent).env_file == ROOT / ".local/env"
    assert (made.log, made.gateway_alone) == ("json", False)


def test_port_in_use(tmp_path):
    """A port in use is an error at once, with the option that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with LocalStack(tmp_path, port=port) as stack:
            assert stack.process.wait(timeout=30) == 1
            advice = f"choose another with: make run PORT={port + 1}"
            assert f"error: port {port} is taken; {advice}" in stack.log


@pytest.mark.parametrize(
    ("ports", "error"),
    [
        (["--port", "99999"], "PORT=99999 is not a port; ports are 1 to 65535"),
        (["--sagemaker-port", "0"], "SAGEMAKER_LOCAL_PORT=0 is not a port; ports are 1 to 65535"),
        (["--port", "0"], "PORT=0 is not a port; ports are 1 to 65535"),
    ],
)
def test_ports_that_cannot_be(capsys, ports, error):
    """A number that is no port is an error at once, which names the variable of make."""
    assert main(["--port", str(free_port()), "--sagemaker-port", str(free_port()), *ports]) == 1
    assert capsys.readouterr().err == f"error: {error}\n"


def test_one_port_for_both(capsys):
    """Two equal ports are an error at once: the local SageMaker and the gateway need one each."""
    port = str(free_port())
    assert main(["--port", port, "--sagemaker-port", port]) == 1
    assert f"PORT and SAGEMAKER_LOCAL_PORT are both {port}; change one" in capsys.readouterr().err


def test_settings_of_the_environment(tmp_path):
    """The environment's settings reach the gateway; a proxy is not asked for this machine.

    HEAD has the same CORS headers, and no body. Without the page there is no link to it.
    """
    origin = "http://localhost:5173"
    settings = {
        "GATEWAY_CORS_ORIGIN": origin,
        "GATEWAY_CORS_HEADERS": "X-Tenant",
        "GATEWAY_PAGE": "off",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    with LocalStack(tmp_path, FAST, **settings).until_ready() as stack:
        connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
        for method in ("OPTIONS", "HEAD", "GET"):
            connection.request(method, "/health")
            answer = connection.getresponse()

            assert (answer.status, bool(answer.read())) == (200, method == "GET")
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
            assert "X-Tenant" in answer.headers["Access-Control-Allow-Headers"].split(",")
        assert "#key=" not in stack.log
        connection.close()


def test_no_jobs(tmp_path):
    """With an empty GATEWAY_JOBS there is no worker, no route for jobs and no command for one."""
    with LocalStack(tmp_path, FAST, GATEWAY_JOBS="").until_ready() as stack:
        stack.until("^# Ctrl-C ends everything")
        parts = [" ".join(process.cmdline()) for process in stack.descendants()]

        assert not [part for part in parts if "local_stack.worker" in part]
        assert stack.call("/jobs/" + "0a" * 16).status == 404
        assert "$JOB" not in stack.log


def test_jobs_after_a_restart(tmp_path):
    """With a folder for data, the jobs of before are found, and new ones are taken."""
    data = ("--data", tmp_path / "data")

    def submit(stack):
        prediction = {"Prefer": "respond-async"}
        return stack.call("/predict/iris", {"instances": [[1, 2, 3, 4]]}, headers=prediction)

    with LocalStack(tmp_path, FAST, *data).until_ready() as stack:
        before = submit(stack)
        assert before.status == 202
    with LocalStack(tmp_path, FAST, *data).until_ready() as stack:
        assert stack.call(f"/jobs/{before.body['job']}").body["model"] == "iris"
        assert submit(stack).status == 202


def test_bad_setting(tmp_path):
    """A bad setting is a sentence at once, and nothing is started."""
    with LocalStack(tmp_path, GATEWAY_CORS_HEADERS="X-Tenant, *") as stack:
        assert stack.process.wait(timeout=30) == 1
        (line,) = stack.log.splitlines()
        assert line.startswith("error: GATEWAY_CORS_HEADERS is 'X-Tenant, *'; it must be names")
