"""`python -m sagemaker_local` as a process: its output, its model servers, and its end."""

import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from sklearn.dummy import DummyRegressor

from tests.containers.account import Account, artifacts, image
from tests.containers.container import Container
from tests.faults.rows import row
from tests.support.paths import ROOT
from tests.support.stand_in import StandIn, error_of, gone, wait_until
from tests.support.wire import connected, invocation

PROXIES = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
AWS = {
    "AWS_PROFILE": "absent",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_CA_BUNDLE": "/absent",
    "AWS_SECRET_ACCESS_KEY": "mine",
}
TABLE = """\
endpoint            kind                  status     containers
tabular             multi-model           InService  primary
digits              multi-model           InService  primary
digit-reader        single model          InService  primary
diabetes            multi-container       InService  sklearn, lightgbm
wine-pipeline       pipeline              InService  preprocess, grade
shared              inference components  InService  diabetes-component
digit-reader-async  single model          InService  primary
"""


@pytest.fixture
def own(tmp_path):
    """A local SageMaker for one test, with all of its files in `tmp_path`."""
    with StandIn("--creating-seconds", "0", environment={"TMPDIR": str(tmp_path)}) as stand_in:
        yield stand_in


@pytest.fixture
def account(own):
    return account_of(own)


@pytest.fixture
def server(own):
    """The process of a model server of `own`."""
    return deploy_model_server(own)


def account_of(stand_in):
    return Account(stand_in.session, stand_in.url)


def deploy_model_server(stand_in):
    """Deploy an endpoint, and return the process of its model server."""
    account = account_of(stand_in)
    account.deploy(multi_model_server(account))
    (server,) = stand_in.descendants()
    return server


def multi_model_server(account):
    """Describe a container that loads no model until it is invoked."""
    url = account.upload(artifacts("a.tar.gz"))
    return {"Image": "local/sklearn", "Mode": "MultiModel", "ModelDataUrl": url}


def run(*arguments):
    """Run a command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "sagemaker_local", *arguments],
        capture_output=True,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
    )


class TestStart:
    def test_output(self, own):
        """It prints that it starts, how to use it, and that it is ready."""
        credentials = "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local"
        assert re.fullmatch(
            r"starting the local SageMaker …\n"
            rf"use it with: export AWS_ENDPOINT_URL={own.url} {credentials}"
            r" AWS_DEFAULT_REGION=us-east-1\n"
            rf"ready: {own.url}\n",
            own.log,
        )

    def test_port_in_use(self):
        """A port in use is reported in one line, before anything is started."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])

            ended = run("--port", port)

        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == (
            f"error: cannot listen on port {port}: Address already in use; choose another port"
            " with --port, or end the process that uses this one\n"
        )

    @pytest.mark.parametrize(
        ("arguments", "code", "text"),
        [
            (
                ["--port", "65536"],
                1,
                "error: cannot listen on port 65536: the largest port is 65535",
            ),
            (["--port", "http"], 2, "argument --port: invalid int value: 'http'"),
            (["--load-budget", "nan"], 2, "nan is not a number of seconds"),
            (["--load-budget", "-1"], 2, "-1 is not a number of seconds"),
            (["--load-budget", "soon"], 2, "argument --load-budget"),
            (["--max-body-bytes", "-1"], 2, "-1 is not a number of bytes"),
            (["--cache"], 2, "argument --cache: expected one argument"),
            (["--unheard-of"], 2, "unrecognized arguments: --unheard-of"),
        ],
    )
    def test_wrong_arguments(self, arguments, code, text):
        """The error names the argument, without a traceback."""
        ended = run(*arguments)

        assert (ended.returncode, ended.stdout) == (code, "")
        assert text in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_environment_of_the_user(self):
        """Neither AWS settings nor proxies of the environment have an effect."""
        with (
            StandIn("--creating-seconds", "0", environment={**AWS, **PROXIES}) as stand_in,
            Container() as container,
        ):
            account = account_of(stand_in)
            url = account.upload({"model.tar.gz": {"a": b""}})
            endpoint = account.deploy(image(container, ModelDataUrl=f"{url}model.tar.gz"))
            assert account.invoke(endpoint, b"x")["Body"] == b"x"

            environment = deploy_model_server(stand_in).environ()
            assert not [name for name in environment if name.startswith("AWS_")]


class TestEnd:
    def test_interrupt(self, own, account, server, tmp_path):
        """Ctrl-C ends the process and its servers during requests, and removes its files."""
        with Container() as container, ThreadPoolExecutor(2) as threads:
            container.answer = container.hang
            hanging, slow = account.deploy(image(container)), account.deploy(image(container))
            own.fault("PUT", hanging, b'{"fault": "hang", "seconds": 3600}')
            calls = [threads.submit(account.invoke, name) for name in (hanging, slow)]
            wait_until(lambda: container.invocations)

            os.killpg(own.process.pid, signal.SIGINT)
            code = own.process.wait(timeout=30)

        assert code == 0
        assert gone([server])
        assert list(tmp_path.iterdir()) == []
        assert "stopping …\n" in own.log
        assert "Traceback" not in own.log
        assert all(call.exception() is not None for call in calls)

    def test_end_of_the_parent(self, own, server, tmp_path):
        """With --exit-with-parent it ends when its standard input closes."""
        own.process.stdin.close()

        assert own.process.wait(timeout=30) == 0
        assert gone([server])
        assert list(tmp_path.iterdir()) == []

    def test_kill(self, own, server):
        """Its servers also end when it is killed."""
        own.process.kill()
        own.process.wait()

        wait_until(lambda: gone([server]), 10)

    def test_terminate_while_endpoints_change(self, own, account, server):
        """SIGTERM also ends servers of endpoints that are Creating or Deleting."""
        (endpoint,) = account.sagemaker.list_endpoints()["Endpoints"]
        account.sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])
        model = account.create_model(multi_model_server(account))
        account.create_endpoint({"AllTraffic": (model, 1)})
        servers = [server, *own.descendants()]

        assert own.stop() == 0
        assert gone(servers)
        assert "Traceback" not in own.log


class Loud:
    """Unpickling this object prints long lines and escape sequences, and gives no model."""

    def __reduce__(self):
        return print, ("x" * 300_000 + "\n\x1b[2J\rready: \u202ethe end",)


class TestModelServers:
    def test_restart(self, own, account):
        """A server that ends is restarted and gets its models again; callers do not notice it."""
        regressor = DummyRegressor(strategy="constant", constant=7).fit([[0]], [7])
        url = account.upload({"model.tar.gz": {"model.joblib": pickle.dumps(regressor)}})
        many = {"Mode": "MultiModel", "ModelDataUrl": url}
        endpoint = account.deploy({"Image": "local/sklearn", **many})
        members = {"ContentType": "text/csv", "TargetModel": "model.tar.gz"}
        prediction = account.invoke(endpoint, b"1", **members)["Body"]
        assert json.loads(prediction)["predictions"] == [7]

        (server,) = own.descendants()
        server.kill()

        assert account.invoke(endpoint, b"1", **members)["Body"] == prediction
        assert re.search(rf"{endpoint}/primary: process \d+ ended with code -9\n", own.log)
        assert f"{endpoint}/primary: restarting\n" in own.log
        assert "Traceback" not in own.log

    @row("M5")
    def test_long_lines(self, own, account):
        """All that a server prints is in the log: lines of any length, and escapes for controls."""
        url = account.upload({"loud.tar.gz": {"model.joblib": pickle.dumps(Loud())}})
        many = {"Mode": "MultiModel", "ModelDataUrl": url}
        endpoint = account.deploy({"Image": "local/sklearn", **many})

        for _ in range(2):
            error = error_of(account.invoke, endpoint, TargetModel="loud.tar.gz")
            assert error["Error"]["Code"] == "ModelError"

        end = rf"{endpoint}/primary | \x1b[2J\rready: \u202ethe end"
        wait_until(lambda: end in own.log, 10)

    def test_server_that_cannot_start(self, own, account):
        """After three starts the endpoint is Failed, and no process is left."""
        url = account.upload({"model.tar.gz": {"no-model.txt": b""}})
        model = account.create_model(
            {"Image": "local/sklearn", "ModelDataUrl": f"{url}model.tar.gz"}
        )
        endpoint = account.create_endpoint({"AllTraffic": (model, 1)})
        describe = account.sagemaker.describe_endpoint
        wait_until(lambda: describe(EndpointName=endpoint)["EndpointStatus"] != "Creating")

        reason = describe(EndpointName=endpoint)["FailureReason"]
        assert reason.startswith("The primary container for production variant AllTraffic did not")
        assert f"{endpoint}/primary | error: " in own.log
        assert own.descendants() == []
        assert "not found" in account.rejection(endpoint)


class TestDemo:
    def test_output(self):
        """It prints its progress, and a table of its endpoints; proxies have no effect."""
        with StandIn("--demo", "--creating-seconds", "0.05", environment=PROXIES) as stand_in:
            lines = stand_in.log.splitlines()
            assert "created endpoint diabetes" in lines
            assert "inference component diabetes-component is in service" in lines
            assert f"{TABLE}use it with: " in stand_in.log

            servers = stand_in.descendants()
            assert stand_in.stop(signal.SIGINT) == 0
            assert gone(servers)

    def test_failure(self, tmp_path):
        """If the demo cannot be created the process ends, and the first error says why."""
        file = tmp_path / "file"
        file.touch()

        ended = run("--port", "0", "--demo", "--cache", f"{file}/cache")

        assert ended.returncode == 1
        assert "ready:" not in ended.stdout
        first, second = ended.stderr.splitlines()
        assert first.startswith("error: ")
        assert f"{file}/cache" in first
        assert second == ("error: the demo endpoints could not be created; the lines above say why")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
    def test_end_during_the_training(self, tmp_path, number):
        """No process is left, and Ctrl-C prints no traceback."""
        cache = ["--cache", str(tmp_path / "cache")]
        environment = {"TMPDIR": str(tmp_path)}
        with StandIn("--demo", *cache, until="trained ", environment=environment) as stand_in:
            processes = stand_in.descendants()
            assert processes

            if number == signal.SIGINT:
                os.killpg(stand_in.process.pid, number)
            else:
                stand_in.process.kill()
            code = stand_in.process.wait(timeout=30)

            wait_until(lambda: gone(processes), 10)
            assert code == (0 if number == signal.SIGINT else -number)
            assert "Traceback" not in stand_in.log
            assert "ready:" not in stand_in.log


def test_many_connections(own, account):
    """Connections that wait to be accepted are served, and then closed."""
    with Container() as container:
        endpoint = account.deploy(image(container))
        with ThreadPoolExecutor(64) as threads:
            requests = [invocation(endpoint, b"%d" % number) for number in range(200)]

            def status_line(request):
                with connected(own.url, request) as connection:
                    return connection.recv(12)

            assert set(threads.map(status_line, requests)) == {b"HTTP/1.1 200"}
    assert psutil.Process(own.process.pid).num_fds() < 200
