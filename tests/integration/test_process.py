"""`python -m sagemaker_local` as a process: what it prints, and how it and its servers end."""

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

from tests.containers.account import Account, image
from tests.containers.container import Container
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
endpoint       kind                  status     containers
tabular        multi-model           InService  primary
digits         multi-model           InService  primary
digit-reader   single model          InService  primary
diabetes       multi-container       InService  sklearn, lightgbm
wine-pipeline  pipeline              InService  preprocess, grade
shared         inference components  InService  diabetes-component
"""


def account_of(stand_in):
    return Account(stand_in.session, stand_in.url)


def deploy_model_servers(stand_in):
    """Two endpoints with a process of ours each; the processes."""
    account = account_of(stand_in)
    for framework in ("sklearn", "lightgbm"):
        many = {"Mode": "MultiModel", "ModelDataUrl": "s3://bucket/"}
        account.deploy({"Image": f"local/{framework}", **many})
    servers = stand_in.descendants()
    assert len(servers) == 2
    return servers


@pytest.fixture
def own(tmp_path):
    """A local SageMaker for one test, all of whose files lie in `tmp_path`."""
    with StandIn("--creating-seconds", "0", environment={"TMPDIR": str(tmp_path)}) as stand_in:
        yield stand_in


class Loud:
    """An estimator that prints when it is loaded, and then is none."""

    def __reduce__(self):
        return print, ("x" * 300_000 + "\nthe end",)


def run(*arguments):
    """A start that should not get far."""
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
    def test_what_it_prints(self, own):
        """That it starts, how to use it, and that it is ready; nothing else."""
        assert re.fullmatch(
            r"starting the local SageMaker …\n"
            rf"use it with: export AWS_ENDPOINT_URL={own.url} AWS_DEFAULT_REGION=us-east-1\n"
            rf"ready: {own.url}\n",
            own.log,
        )

    def test_what_the_demo_prints(self, demo):
        """Its progress, and a table of its endpoints before it is ready."""
        lines = demo.log.splitlines()

        assert "created endpoint diabetes" in lines
        assert "inference component diabetes-component is in service" in lines
        assert f"{TABLE}use it with: " in demo.log

    def test_a_taken_port(self):
        """One clear line, and nothing has been started."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])

            ended = run("--port", port)

        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == (
            f"error: cannot listen on port {port}: Address already in use; choose another port"
            " with --port, or end the process that has this one\n"
        )

    @pytest.mark.parametrize(
        ("arguments", "code", "text"),
        [
            (["--port", "65536"], 1, "error: cannot listen on port 65536: ports end at 65535"),
            (["--port", "http"], 2, "argument --port: invalid int value: 'http'"),
            (["--load-budget", "nan"], 2, "nan is not a number of seconds"),
            (["--load-budget", "-1"], 2, "-1 is not a number of seconds"),
            (["--load-budget", "soon"], 2, "argument --load-budget"),
            (["--max-body-bytes", "-1"], 2, "-1 is not a number of bytes"),
            (["--cache"], 2, "argument --cache: expected one argument"),
            (["--unheard-of"], 2, "unrecognized arguments: --unheard-of"),
        ],
    )
    def test_wrong_use(self, arguments, code, text):
        """Says what is wrong, without a traceback."""
        ended = run(*arguments)

        assert (ended.returncode, ended.stdout) == (code, "")
        assert text in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_a_demo_that_cannot_be_made(self):
        """Ends the process, with the reason before."""
        ended = run("--port", "0", "--demo", "--cache", "/dev/null/cache")

        assert ended.returncode == 1
        assert "ready:" not in ended.stdout
        first, second = ended.stderr.splitlines()
        assert first.startswith("error: ")
        assert "/dev/null/cache" in first
        assert second == ("error: the demo endpoints could not be created; the lines above say why")

    def test_nothing_of_its_callers_aws(self):
        """Neither a profile nor a proxy leads it, or its servers, anywhere but to itself."""
        with (
            StandIn("--creating-seconds", "0", environment={**AWS, **PROXIES}) as stand_in,
            Container() as container,
        ):
            account = account_of(stand_in)
            url = account.upload({"model.tar.gz": {"a": b""}})
            endpoint = account.deploy(image(container, ModelDataUrl=f"{url}model.tar.gz"))
            assert account.invoke(endpoint, b"x")["Body"] == b"x"

            for server in deploy_model_servers(stand_in):
                assert not [name for name in server.environ() if name.startswith("AWS_")]


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_when_it_is_told(self, own, tmp_path, number):
        """It ends every server, removes its files, and is done, whatever is under way."""
        servers = deploy_model_servers(own)
        account = account_of(own)
        with Container() as container, ThreadPoolExecutor(2) as threads:
            container.answer = container.hang
            hanging, slow = account.deploy(image(container)), account.deploy(image(container))
            own.fault("PUT", hanging, b'{"fault": "hang", "seconds": 3600}')
            calls = [threads.submit(account.invoke, name) for name in (hanging, slow)]
            wait_until(lambda: container.invocations)

            os.killpg(own.process.pid, number)
            code = own.process.wait(timeout=30)

        assert code == 0
        assert gone(servers)
        assert list(tmp_path.iterdir()) == []
        assert "stopping …\n" in own.log
        assert "Traceback" not in own.log
        assert all(call.exception() is not None for call in calls)

    def test_when_its_parent_ends(self, own, tmp_path):
        """--exit-with-parent is for those who cannot promise to say so."""
        servers = deploy_model_servers(own)

        own.process.stdin.close()

        assert own.process.wait(timeout=30) == 0
        assert gone(servers)
        assert list(tmp_path.iterdir()) == []

    def test_when_it_is_killed(self, own):
        """It can do nothing more, and yet its servers end."""
        servers = deploy_model_servers(own)

        own.process.kill()
        own.process.wait()

        wait_until(lambda: gone(servers), 10)

    def test_while_an_endpoint_comes_and_another_goes(self, own):
        """Servers that are starting or ending are not forgotten."""
        deploy_model_servers(own)
        account = account_of(own)
        for name in account.sagemaker.list_endpoints()["Endpoints"]:
            account.sagemaker.delete_endpoint(EndpointName=name["EndpointName"])
        many = {"Mode": "MultiModel", "ModelDataUrl": "s3://bucket/"}
        model = account.create_model({"Image": "local/sklearn", **many})
        account.create_endpoint({"AllTraffic": (model, 1)})
        servers = own.descendants()

        assert own.stop() == 0
        assert gone(servers)
        assert "Traceback" not in own.log


class TestServers:
    def test_one_that_dies_is_restarted(self, demo):
        """The log says so, and the next call is answered as if nothing had happened."""
        runtime = demo.client("sagemaker-runtime")
        call = {"EndpointName": "digit-reader", "ContentType": "text/csv"}
        body = ",".join(["0"] * 64)
        expected = runtime.invoke_endpoint(**call, Body=body)["Body"].read()
        before, servers = len(demo.log), demo.descendants()

        for server in servers:
            server.kill()
        answers = [runtime.invoke_endpoint(**call, Body=body)["Body"].read() for _ in range(3)]

        wait_until(lambda: len(demo.descendants()) == len(servers))
        said = demo.log[before:]
        assert answers == [expected] * 3
        assert re.search(r"digit-reader/primary: process \d+ ended with code -9\n", said)
        assert "digit-reader/primary: restarting\n" in said
        assert "Traceback" not in said

    def test_models_come_back_with_it(self, demo):
        """A multi-model server that has lost them is told to load them again."""
        runtime = demo.client("sagemaker-runtime")
        call = {"EndpointName": "tabular", "TargetModel": "iris-v1.tar.gz"}
        body = {"Body": "5.1,3.5,1.4,0.2", "ContentType": "text/csv"}
        expected = runtime.invoke_endpoint(**call, **body)["Body"].read()

        for server in demo.descendants():
            server.kill()

        assert runtime.invoke_endpoint(**call, **body)["Body"].read() == expected

    def test_one_that_talks_a_lot(self, own):
        """Is heard out, however long its lines; the log has them, cut or whole."""
        account = account_of(own)
        url = account.upload({"loud.tar.gz": {"model.joblib": pickle.dumps(Loud())}})
        many = {"Mode": "MultiModel", "ModelDataUrl": url}
        endpoint = account.deploy({"Image": "local/sklearn", **many})

        for _ in range(2):
            error = error_of(account.invoke, endpoint, TargetModel="loud.tar.gz")
            assert error["Error"]["Code"] == "ModelError"

        wait_until(lambda: f"{endpoint}/primary | the end" in own.log, 10)

    def test_one_that_never_starts(self, own):
        """Is tried a few times; then its endpoint is Failed, and no process is left."""
        account = account_of(own)
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
        assert error_of(account.invoke, endpoint)["Error"]["Code"] == "ValidationError"


class TestDemo:
    def test_a_second_start_trains_nothing(self, demo):
        """The artifacts of the first are there; a proxy does not come between either."""
        assert demo.process.poll() is None
        with StandIn("--demo", environment=PROXIES) as again:
            servers = again.descendants()
            assert "trained" not in again.log
            assert f"{TABLE}use it with: " in again.log

            assert again.stop(signal.SIGINT) == 0
            assert gone(servers)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
    def test_a_training_that_is_broken_off(self, tmp_path, number):
        """Leaves no process; by Ctrl-C, no traceback either."""
        cache = ["--cache", str(tmp_path / "cache")]
        place = {"TMPDIR": str(tmp_path)}
        with StandIn("--demo", *cache, until="trained ", environment=place) as stand_in:
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


def test_callers_that_are_waiting_to_be_let_in(own):
    """A crowd at the door is served, one and all."""
    with Container() as container:
        endpoint = account_of(own).deploy(image(container))
        with ThreadPoolExecutor(64) as threads:
            requests = [invocation(endpoint, b"%d" % number) for number in range(200)]

            def answer(request):
                with connected(own.url, request) as connection:
                    return connection.recv(12)

            assert set(threads.map(answer, requests)) == {b"HTTP/1.1 200"}
    assert psutil.Process(own.process.pid).num_fds() < 200
