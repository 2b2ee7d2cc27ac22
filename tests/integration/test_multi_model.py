"""Many models in one container: loaded when called, unloaded for room, told from each other.

boto3 on one side, a container that is not ours on the other; AWS's pages say what each must see.
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


class TestMultiModel:
    def test_nothing_is_loaded_before_it_is_called(self, account, container):
        """Creating the endpoint loads no model; the first call loads the one it names."""
        endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz", "b.tar.gz")))
        assert not container.load_attempts

        account.invoke(endpoint, TargetModel="a.tar.gz")

        assert container.load_counts.total() == 1
        assert set(container.target_models.values()) == {"a.tar.gz"}

    @pytest.mark.parametrize(
        "target_model", ["plain.tar.gz", "Houston_TX/0_(new).tar.gz", "-a/b/c/d!'~=+@,.tar.gz"]
    )
    def test_a_container_knows_models_by_opaque_names(self, account, container, target_model):
        """The name is safe in a path and not the TargetModel, which comes as a header."""
        endpoint = account.deploy(account.multi_model(container, artifacts(target_model)))

        response = account.invoke(endpoint, b"hello", TargetModel=target_model)

        (name,) = container.models
        assert re.fullmatch("[A-Za-z0-9_-]{8,}", name)
        assert name not in target_model
        request = container.invocations[-1]
        assert request.path == f"/models/{name}/invoke"
        assert request.headers["X-Amzn-SageMaker-Target-Model"] == target_model
        assert response["Body"] == b"hello"

    def test_a_container_finds_the_artifact_unpacked(self, account, container):
        """The url of a load names a folder that holds the artifact's files."""
        files = {"model.txt": b"weights", "code/inference.py": b"pass"}
        endpoint = account.deploy(account.multi_model(container, {"a.tar.gz": files}))

        account.invoke(endpoint, TargetModel="a.tar.gz")

        (url,) = container.models.values()
        folder = Path(url)
        assert folder.is_absolute()
        found = {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*.*")}
        assert found == files

    def test_a_model_is_loaded_once_for_all_callers(self, account, container):
        """Callers that come while a model is being loaded wait for that load."""
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

    def test_the_least_recently_used_model_goes_first(self, account, container):
        """With a limit of three, the one nobody has called for longest makes room."""
        models = account.multi_model(container, artifacts(*TEN_MODELS), max_loaded=3)
        endpoint = account.deploy(models)

        for target_model in TEN_MODELS:
            account.invoke(endpoint, TargetModel=target_model)
        account.invoke(endpoint, TargetModel=TEN_MODELS[7])
        account.invoke(endpoint, TargetModel=TEN_MODELS[0])

        assert unloaded(container) == [*TEN_MODELS[:7], TEN_MODELS[8]]
        assert container.most_models == 3
        assert container.load_counts.total() == 11

    def test_the_limit_holds_among_parallel_callers(self, account, container):
        """Ten models, eight callers at once, room for three: all are answered, never a fourth."""
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

    def test_a_model_in_use_stays(self, account, container):
        """A call under way keeps its model; who needs the room waits for the answer."""
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

    def test_a_full_container_is_relieved_and_asked_again(self, account, start_container):
        """On 507 the least recently used model is unloaded and the load tried again."""
        container = start_container(capacity=2)
        endpoint = account.deploy(account.multi_model(container, artifacts(*TEN_MODELS)))

        for target_model in TEN_MODELS[:4]:
            account.invoke(endpoint, TargetModel=target_model)

        assert unloaded(container) == TEN_MODELS[:2]
        attempts = {container.target_models[n]: c for n, c in container.load_attempts.items()}
        assert attempts == dict(zip(TEN_MODELS, [1, 1, 2, 2], strict=False))

    def test_a_full_container_answers_parallel_callers(self, account, start_container):
        """A 507 while other models are being loaded or used is a reason to wait for them."""
        container = start_container(capacity=3, load_seconds=0.01)
        endpoint = account.deploy(account.multi_model(container, artifacts(*TEN_MODELS)))
        calls = [(TEN_MODELS[n * 7 % 10], f"{n}".encode()) for n in range(40)]

        def call(pair):
            return account.invoke(endpoint, pair[1], TargetModel=pair[0])["Body"]

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(call, calls))

        assert answers == [body for _, body in calls]
        assert container.most_models == 3

    def test_a_model_that_never_fits_is_a_model_error(self, account, start_container):
        """507 with nothing left to unload is the caller's to know."""
        container = start_container(capacity=0)
        endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))

        error = error_of(account.invoke, endpoint, TargetModel="a.tar.gz")

        assert error["Error"]["Code"] == "ModelError"
        assert error["OriginalStatusCode"] == 507

    def test_a_load_past_the_budget_is_not_ready_yet(self, impatient_account, container):
        """Callers are sent away with 429 while the one load goes on; then they are served."""
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

    def test_an_endpoint_deleted_during_a_load_leaves_nothing(self, account, container):
        """What the container has begun to load for it is unloaded before it is gone."""
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

    def test_models_that_are_not_kept_do_not_lose_their_files(self, account, container):
        """With the cache disabled each load has files of its own, however calls overlap."""
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

    def test_lost_models_are_loaded_again(self, account, container):
        """After a container's restart an invoke's 404 leads to a load and a second invoke."""
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

    def test_lost_models_are_loaded_once_for_all_callers(self, account, container):
        """Nobody who calls in parallel after a restart notices it."""
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

    def test_a_model_may_answer_404_itself(self, account, container):
        """A loaded model's own 404 is a model error, not a reason to load it again."""
        endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))
        container.answer = failing(404, "no such customer")

        error = error_of(account.invoke, endpoint, TargetModel="a.tar.gz")

        assert error["OriginalStatusCode"] == 404
        assert error["OriginalMessage"] == "no such customer"
        assert container.load_counts.total() == 1

    @pytest.mark.parametrize(
        "members",
        [
            pytest.param({}, id="no-target-model"),
            pytest.param({"TargetModel": "absent.tar.gz"}, id="no-such-artifact"),
            pytest.param({"TargetModel": "../a.tar.gz"}, id="outside-the-prefix"),
        ],
    )
    def test_a_call_that_names_no_artifact_is_refused(self, account, container, members):
        """The container does not hear of it."""
        endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))

        error = error_of(account.invoke, endpoint, **members)

        assert error["Error"]["Code"] == "ValidationError"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert not container.load_attempts

    def test_target_model_is_for_multi_model_endpoints(self, account, container):
        """A single-model endpoint refuses it."""
        endpoint = account.deploy(image(container))

        error = error_of(account.invoke, endpoint, TargetModel="a.tar.gz")

        assert error["Error"]["Code"] == "ValidationError"
        assert "is not a multi-model endpoint" in error["Error"]["Message"]
        assert not container.invocations
