"""Multi-model endpoints: loading models, unloading them for room, and losing them.

boto3 sends the requests, and `tests/containers/container.py` is the container. Both see what AWS's
documentation describes for real multi-model endpoints.
"""

import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from tests.containers.account import artifacts, image
from tests.containers.container import failing
from tests.support.stand_in import error_of, wait_until

TEN_MODELS = [f"m{number}.tar.gz" for number in range(10)]


def unloaded(container):
    names = container.target_models
    return [names[name] for event, name in container.history if event == "unload"]


def test_first_load(account, container):
    """The first request for a model loads it, and a new endpoint loads nothing."""
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz", "b.tar.gz")))
    assert not container.load_attempts

    account.invoke(endpoint, TargetModel="a.tar.gz")

    assert container.load_counts.total() == 1
    assert set(container.target_models.values()) == {"a.tar.gz"}


@pytest.mark.parametrize(
    "target_model", ["plain.tar.gz", "Houston_TX/0_(new).tar.gz", "-a/b/c/d!'~=+@,.tar.gz"]
)
def test_names_of_models(account, container, target_model):
    """The container gets an opaque name in the path, and TargetModel in a header."""
    endpoint = account.deploy(account.multi_model(container, artifacts(target_model)))

    response = account.invoke(endpoint, b"hello", TargetModel=target_model)

    (name,) = container.models
    assert re.fullmatch("[A-Za-z0-9_-]{8,}", name)
    assert name not in target_model
    request = container.invocations[-1]
    assert request.path == f"/models/{name}/invoke"
    assert request.headers["X-Amzn-SageMaker-Target-Model"] == target_model
    assert response["Body"] == b"hello"


def test_prefix_without_a_slash(account, container):
    """ModelDataUrl and TargetModel are joined as they are, so either has the slash between them."""
    definition = account.multi_model(container, artifacts("resnet_18.tar.gz", "eu/a.tar.gz"))
    definition["ModelDataUrl"] = definition["ModelDataUrl"].rstrip("/")
    endpoint = account.deploy(definition)

    for target_model in ("/resnet_18.tar.gz", "/eu/a.tar.gz"):
        account.invoke(endpoint, TargetModel=target_model)
        request = container.invocations[-1]
        assert request.headers["X-Amzn-SageMaker-Target-Model"] == target_model
    message = account.rejection(endpoint, TargetModel="resnet_18.tar.gz")
    assert "resnet_18.tar.gz)" in message
    assert "has no trailing slash, so TargetModel must begin with /" in message
    for target_model in ("//resnet_18.tar.gz", "/../resnet_18.tar.gz", "/eu//a.tar.gz"):
        assert "Failed to download" in account.rejection(endpoint, TargetModel=target_model)


def test_prefix_and_target_model_with_a_slash(account, container):
    """Two slashes are not one: the message says which of them is too many."""
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))

    message = account.rejection(endpoint, TargetModel="/a.tar.gz")

    assert "ends with a slash, so TargetModel must not begin with /" in message
    assert "slash" not in account.rejection(endpoint, TargetModel="b.tar.gz")


def test_artifact(account, container):
    """The url of a load is a folder with the unpacked files."""
    files = {"model.txt": b"weights", "code/inference.py": b"pass"}
    endpoint = account.deploy(account.multi_model(container, {"a.tar.gz": files}))

    account.invoke(endpoint, TargetModel="a.tar.gz")

    (url,) = container.models.values()
    folder = Path(url)
    assert folder.is_absolute()
    found = {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*.*")}
    assert found == files


def test_parallel_requests_share_a_load(account, container):
    """Requests that arrive during a load wait for that load."""
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))
    sent = Counter()
    account.runtime.meta.events.register(
        "before-send.sagemaker-runtime.InvokeEndpoint", lambda **_: sent.update(["sent"])
    )
    container.load_gate.clear()
    bodies = [f"caller {number}".encode() for number in range(12)]

    def call(body):
        return account.invoke(endpoint, body, TargetModel="a.tar.gz")["Body"]

    with ThreadPoolExecutor(len(bodies)) as threads:
        answers = [threads.submit(call, body) for body in bodies]
        wait_until(lambda: sent["sent"] == len(bodies) and container.load_attempts)
        container.load_gate.set()
        assert [answer.result() for answer in answers] == bodies

    assert container.load_attempts.total() == 1


def test_least_recently_used_model_is_unloaded(account, container):
    """With a limit of three, a load unloads the model that was not invoked for longest."""
    models = account.multi_model(container, artifacts(*TEN_MODELS), max_loaded=3)
    endpoint = account.deploy(models)

    for target_model in TEN_MODELS:
        account.invoke(endpoint, TargetModel=target_model)
    account.invoke(endpoint, TargetModel=TEN_MODELS[7])
    account.invoke(endpoint, TargetModel=TEN_MODELS[0])

    assert unloaded(container) == [*TEN_MODELS[:7], TEN_MODELS[8]]
    assert container.most_models == 3
    assert container.load_counts.total() == 11


def test_limit_with_parallel_requests(account, container):
    """With a limit of three no fourth model is ever loaded, and every request succeeds."""
    models = account.multi_model(container, artifacts(*TEN_MODELS), max_loaded=3)
    endpoint = account.deploy(models)
    container.load_seconds = 0.01
    dice = random.Random(3)
    calls = [(dice.choice(TEN_MODELS), f"{number}".encode()) for number in range(80)]

    def call(pair):
        return account.invoke(endpoint, pair[1], TargetModel=pair[0])["Body"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(call, calls))

    assert answers == [body for _, body in calls]
    assert container.most_models == 3
    names = container.target_models
    served = Counter(names[r.path.split("/")[2]] for r in container.invocations)
    assert served.keys() == {target_model for target_model, _ in calls}


def test_model_in_use(account, container):
    """A model is not unloaded during a request; a load that needs its room waits."""
    models = account.multi_model(container, artifacts("a.tar.gz", "b.tar.gz"), max_loaded=1)
    endpoint = account.deploy(models)
    container.answer = container.hang

    def call(target_model):
        return account.invoke(endpoint, b"x", TargetModel=target_model)["Body"]

    with ThreadPoolExecutor() as threads:
        first = threads.submit(call, "a.tar.gz")
        wait_until(lambda: container.invocations)
        second = threads.submit(call, "b.tar.gz")
        assert not wait([second], timeout=0.3).done
        assert [event for event, _ in container.history] == ["load"]
        container.hang_gate.set()
        assert (first.result(), second.result()) == (b"x", b"x")
    assert [event for event, _ in container.history] == ["load", "unload", "load"]


def test_container_without_memory(account, start_container):
    """After a 507 the least recently used model is unloaded, and the load is repeated."""
    container = start_container(capacity=2)
    endpoint = account.deploy(account.multi_model(container, artifacts(*TEN_MODELS)))

    for target_model in TEN_MODELS[:4]:
        account.invoke(endpoint, TargetModel=target_model)

    assert unloaded(container) == TEN_MODELS[:2]
    attempts = {container.target_models[n]: c for n, c in container.load_attempts.items()}
    assert attempts == dict(zip(TEN_MODELS, [1, 1, 2, 2], strict=False))


def test_container_without_memory_and_parallel_requests(account, start_container):
    """A load that gets a 507 waits while other models are loading or in use."""
    container = start_container(capacity=3, load_seconds=0.01)
    endpoint = account.deploy(account.multi_model(container, artifacts(*TEN_MODELS)))
    calls = [(TEN_MODELS[n * 7 % 10], f"{n}".encode()) for n in range(40)]

    def call(pair):
        return account.invoke(endpoint, pair[1], TargetModel=pair[0])["Body"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(call, calls))

    assert answers == [body for _, body in calls]
    assert container.most_models == 3


def test_model_that_never_fits(account, start_container):
    """A 507 is a ModelError if no model is left to unload."""
    container = start_container(capacity=0)
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))

    error = error_of(account.invoke, endpoint, TargetModel="a.tar.gz")

    assert error["Error"]["Code"] == "ModelError"
    assert error["OriginalStatusCode"] == 507


def test_load_budget(impatient_account, container):
    """Requests get a 429 after --load-budget; the load continues, and then requests succeed."""
    account = impatient_account
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))
    not_ready = account.runtime.exceptions.ModelNotReadyException
    container.load_gate.clear()

    for _ in range(2):
        with pytest.raises(not_ready) as caught:
            account.invoke(endpoint, TargetModel="a.tar.gz")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    container.load_gate.set()
    wait_until(lambda: container.models)

    assert account.invoke(endpoint, b"x", TargetModel="a.tar.gz")["Body"] == b"x"
    assert container.load_attempts.total() == 1


def test_delete_during_a_load(account, container):
    """A model that is loading is unloaded before the endpoint is deleted."""
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))
    container.load_gate.clear()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(account.invoke, endpoint, TargetModel="a.tar.gz")
        wait_until(lambda: container.load_attempts)
        account.sagemaker.delete_endpoint(EndpointName=endpoint)
        container.load_gate.set()
        account.wait_for(endpoint, "endpoint_deleted")
        wait([call])

    assert container.models == {}


def test_disabled_cache(account, container):
    """With ModelCacheSetting Disabled, models are unloaded after each use; requests may overlap."""
    two = ["a.tar.gz", "b.tar.gz"]
    definition = account.multi_model(container, artifacts(*two))
    definition["MultiModelConfig"] = {"ModelCacheSetting": "Disabled"}
    endpoint = account.deploy(definition)
    container.load_seconds = 0.01

    def call(target_model):
        return account.invoke(endpoint, b"x", TargetModel=target_model)["Body"]

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(call, two * 20)) == {b"x"}
    wait_until(lambda: container.models == {})


def test_lost_model(account, container):
    """After a restart, a 404 from the container leads to a load and a second invoke."""
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))
    account.invoke(endpoint, TargetModel="a.tar.gz")
    (name,) = container.models
    container.stop()
    container.start()
    before = len(container.requests)

    response = account.invoke(endpoint, b"hello", TargetModel="a.tar.gz")

    assert response["Body"] == b"hello"
    posts = [r.path for r in container.requests[before:] if r.method == "POST"]
    assert posts == [f"/models/{name}/invoke", "/models", f"/models/{name}/invoke"]


def test_lost_model_and_parallel_requests(account, container):
    """Parallel requests after a restart share one load, and all succeed."""
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))
    account.invoke(endpoint, TargetModel="a.tar.gz")
    container.stop()
    container.start()

    def call(body):
        return account.invoke(endpoint, body, TargetModel="a.tar.gz")["Body"]

    bodies = [f"caller {number}".encode() for number in range(40)]
    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(call, bodies)) == bodies
    assert container.load_counts.total() == 2


def test_404_of_a_model(account, container):
    """A 404 from a loaded model is a ModelError, and does not load the model again."""
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))
    container.answer = failing(404, "no such customer")

    error = error_of(account.invoke, endpoint, TargetModel="a.tar.gz")

    assert error["OriginalStatusCode"] == 404
    assert error["OriginalMessage"] == "no such customer"
    assert container.load_counts.total() == 1


def test_missing_target_model(account, container):
    """A request without TargetModel is a ValidationError, and nothing is loaded."""
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))

    assert "missing a target model header" in account.rejection(endpoint)
    assert not container.load_attempts


def test_target_model_without_multi_model(account, container):
    """A single-model endpoint rejects TargetModel."""
    endpoint = account.deploy(image(container))

    message = account.rejection(endpoint, TargetModel="a.tar.gz")

    assert "is not a multi-model endpoint" in message
    assert not container.invocations
