"""The demo endpoints with many callers at once, and with more models than fit into memory."""

import json
import random
import re
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.containers.account import Account
from tests.support.stand_in import wait_until

MIB = 1024 * 1024
TEN_MODELS = [f"is-{digit}-v1.tar.gz" for digit in range(10)]


def csv(width):
    """The arguments for one row of numbers."""
    return {"ContentType": "text/csv", "Body": ",".join(str(n % 17) for n in range(width))}


DETECTORS = [{"EndpointName": "digits", "TargetModel": name, **csv(64)} for name in TEN_MODELS]
TABULAR = [
    {"EndpointName": "tabular", "TargetModel": f"{name}-v1.tar.gz", **csv(width)}
    for name, width in (("iris", 4), ("wine", 13), ("breast-cancer", 30))
]
CONTAINERS = [
    {"EndpointName": "diabetes", "TargetContainerHostname": hostname, **csv(10)}
    for hostname in ("sklearn", "lightgbm")
]
COMPONENT = {
    "EndpointName": "shared",
    "InferenceComponentName": "diabetes-component",
    **csv(10),
}
CALLS = [
    *DETECTORS,
    *TABULAR,
    *CONTAINERS,
    COMPONENT,
    {"EndpointName": "digit-reader", **csv(64)},
    {"EndpointName": "wine-pipeline", **csv(13)},
]


@pytest.fixture
def account(demo):
    account = Account(demo.session, demo.url)
    yield account
    account.close()


@pytest.fixture
def runtime(demo):
    client = demo.client("sagemaker-runtime", max_pool_connections=16)
    yield client
    client.close()


class SmallServer:
    """An endpoint of the ten `digits` models whose container has room for three."""

    def __init__(self, demo, account):
        self._demo, self._account = demo, account
        before = set(demo.descendants())
        self.endpoint = account.deploy(
            {
                "Image": "local/sklearn",
                "Mode": "MultiModel",
                "ModelDataUrl": "s3://inference-gateway-demo/digits/",
                "Environment": {"SAGEMAKER_LOCAL_MAX_LOADED_MODELS": "3"},
            }
        )
        (process,) = set(demo.descendants()) - before
        (listener,) = [c for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        self._url = f"http://127.0.0.1:{listener.laddr.port}"

    def invoke(self, target_model):
        members = {"TargetModel": target_model, "ContentType": "text/csv", "Accept": "text/csv"}
        return self._account.invoke(self.endpoint, csv(64)["Body"], **members)["Body"]

    def models_in_memory(self):
        with urllib.request.urlopen(f"{self._url}/models", timeout=10) as response:
            return len(json.load(response)["models"])

    def history(self):
        """The models that were loaded and unloaded, in order."""
        return re.findall(rf"{self.endpoint}/primary: (loaded|unloaded) (\S+)", self._demo.log)


class TestTenModelsInRoomForThree:
    @pytest.fixture
    def server(self, demo, account):
        return SmallServer(demo, account)

    def test_the_least_recently_used_model_is_unloaded(self, server):
        """A full container unloads the least recently used model."""
        for number in [0, 1, 2, 0, 3, 0, 4, 2, 3]:
            assert server.invoke(TEN_MODELS[number]) in (b"0\n", b"1\n")
            assert server.models_in_memory() <= 3

        unloaded = [name for event, name in server.history() if event == "unloaded"]
        assert unloaded == [TEN_MODELS[number] for number in (1, 2, 3, 0)]
        assert server.models_in_memory() == 3

    def test_never_more_than_three(self, server):
        """Concurrent requests get correct responses, with three models in memory at most."""
        expected = {name: server.invoke(name) for name in TEN_MODELS}
        dice = random.Random(5)
        calls = [dice.choice(TEN_MODELS) for _ in range(120)]
        with ThreadPoolExecutor(9) as threads:
            responses = threads.map(server.invoke, calls)
            done = threads.submit(list, responses)
            counts = {server.models_in_memory()}
            while not done.done():
                counts.add(server.models_in_memory())

        assert done.result() == [expected[name] for name in calls]
        assert max(counts) == 3
        in_memory = set()
        for event, name in server.history():
            (in_memory.add if event == "loaded" else in_memory.discard)(name)
            assert len(in_memory) <= 3


class Footprint:
    """The processes, open files and memory of the local SageMaker and its model servers."""

    def __init__(self, demo):
        processes = [psutil.Process(demo.process.pid), *demo.descendants()]
        self.processes = len(processes)
        self.files = Counter({process.pid: process.num_fds() for process in processes})
        self.memory = sum(process.memory_info().rss for process in processes)


def test_a_thousand_requests(demo, runtime):
    """A thousand requests from 16 threads get correct responses and leak no resources."""

    def call(members):
        with runtime.invoke_endpoint(**members)["Body"] as stream:
            return stream.read()

    calls = random.Random(1).choices(CALLS, k=1000)
    with ThreadPoolExecutor(16) as threads:
        log_start = len(demo.log)
        warm = list(threads.map(call, [*CALLS, *calls[:200]]))
        before = Footprint(demo)
        responses = list(threads.map(call, calls))
        runtime.close()

    expected = dict(zip(map(str, CALLS), warm, strict=False))
    assert responses == [expected[str(members)] for members in calls]
    wait_until(lambda: Footprint(demo).files <= before.files, 10)
    after = Footprint(demo)
    assert after.processes == before.processes
    assert after.memory - before.memory < 40 * MIB
    assert "Traceback" not in demo.log[log_start:]
