"""Any container that speaks SageMaker's contract can be put behind the local SageMaker.

boto3 on one side, `tests/containers/container.py` on the other; what the one sends, and what the
other sees, is what AWS's pages say about real endpoints.
"""

import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from botocore.exceptions import WaiterError

from tests.containers.account import Account, image
from tests.containers.container import (
    echo,
    failing,
    healthy,
    huge,
    resetting,
    truncated,
    with_headers,
    wrapping,
)
from tests.stand_in import StandIn, error_of, wait_until

TEN_MODELS = [f"m{number}.tar.gz" for number in range(10)]


@pytest.fixture(scope="module")
def impatient():
    """A local SageMaker that waits half a second for a model and one second for a container."""
    with StandIn("--load-budget", "0.5", "--startup-timeout", "1") as stand_in:
        yield stand_in


@pytest.fixture
def impatient_account(impatient, start_container):
    account = Account(impatient.session, impatient.url)
    yield account
    account.close()


def artifacts(*keys):
    return {key: {"model.txt": key.encode()} for key in keys}


def target_models(container):
    """What the container's opaque names stand for, as its invocations tell."""
    return {
        request.path.split("/")[2]: request.headers["X-Amzn-SageMaker-Target-Model"]
        for request in container.invocations
    }


def unloaded(container):
    names = target_models(container)
    return [names[name] for event, name in container.history if event == "unload"]


class TestSingleModel:
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(bytes(range(256)) * 4, id="every-byte"),
            pytest.param(b"", id="nothing"),
            pytest.param(b"\r\n\r\n0\r\n\r\n", id="like-http"),
            pytest.param(random.Random(7).randbytes(5 * 1024 * 1024), id="5-MiB"),
        ],
    )
    def test_bytes_in_are_bytes_out(self, account, container, body):
        """A body passes unread in both directions."""
        endpoint = account.deploy(image(container))

        response = account.invoke(endpoint, body, ContentType="application/x-npy")

        assert container.invocations[-1].body == body
        assert response["Body"] == body
        assert response["ContentType"] == "application/x-npy"

    @pytest.mark.parametrize(
        ("member", "header", "value"),
        [
            ("ContentType", "Content-Type", 'text/csv; charset="utf-8"; header=absent'),
            ("Accept", "Accept", "application/json;q=0.9, */*;q=0.1"),
            ("CustomAttributes", "X-Amzn-SageMaker-Custom-Attributes", "trace=1, tenant=blue"),
            ("InferenceId", "X-Amzn-SageMaker-Inference-Id", "order-4711"),
            ("SessionId", "X-Amzn-SageMaker-Session-Id", "NEW_SESSION"),
        ],
    )
    def test_what_a_caller_may_say_arrives(self, account, container, member, header, value):
        """The container sees each of the caller's headers exactly as it was given."""
        endpoint = account.deploy(image(container))

        account.invoke(endpoint, **{member: value})

        assert container.invocations[-1].headers.get_all(header) == [value]

    def test_nothing_else_a_caller_says_arrives(self, account, container):
        """Credentials, cookies, proxies' notes, the SDK's and unknown headers stay outside."""
        endpoint = account.deploy(image(container))
        intruders = {
            "Cookie": "session=1",
            "X-Forwarded-For": "203.0.113.9",
            "X-Forwarded-Proto": "https",
            "X-Unknown": "1",
            "X-Amzn-SageMaker-Unknown": "1",
        }
        account.runtime.meta.events.register(
            "before-send.sagemaker-runtime.InvokeEndpoint",
            lambda request, **_: request.headers.update(intruders),
        )

        account.invoke(endpoint, ContentType="text/csv", Accept="text/csv")

        seen = {name.lower() for name in container.invocations[-1].headers}
        of_http = {"host", "connection", "content-length", "transfer-encoding", "user-agent"}
        assert seen - of_http == {"content-type", "accept"}
        assert "boto" not in container.invocations[-1].headers.get("User-Agent", "").lower()

    def test_what_a_container_may_say_comes_back(self, account, container):
        """Custom attributes and session ids are the container's to set."""
        container.answer = with_headers(
            ("X-Amzn-SageMaker-Custom-Attributes", "version=3"),
            ("X-Amzn-SageMaker-New-Session-Id", "s-1; Expires=2030-01-01T00:00:00Z"),
            ("X-Amzn-SageMaker-Closed-Session-Id", "s-0"),
        )
        endpoint = account.deploy(image(container))

        response = account.invoke(endpoint)

        assert response["CustomAttributes"] == "version=3"
        assert response["NewSessionId"] == "s-1; Expires=2030-01-01T00:00:00Z"
        assert response["ClosedSessionId"] == "s-0"

    def test_a_silent_container_leaves_members_absent(self, account, container):
        """A header that the container does not set is not invented."""
        endpoint = account.deploy(image(container))

        response = account.invoke(endpoint)

        assert not response.keys() & {"CustomAttributes", "NewSessionId", "ClosedSessionId"}

    def test_nothing_else_a_container_says_comes_back(self, account, container):
        """A container cannot set a cookie, or claim another variant."""
        container.answer = with_headers(
            ("Set-Cookie", "a=1"),
            ("X-Internal", "10.0.0.7"),
            ("X-Amzn-Invoked-Production-Variant", "forged"),
            ("X-Amzn-ErrorType", "InternalFailure"),
        )
        endpoint = account.deploy(image(container))

        response = account.invoke(endpoint)

        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert not headers.keys() & {"set-cookie", "x-internal", "x-amzn-errortype"}
        assert response["InvokedProductionVariant"] == "AllTraffic"

    @pytest.mark.parametrize("status", [400, 404, 415, 422, 429, 500, 503, 507])
    def test_an_error_of_the_container_is_a_model_error(self, account, container, status):
        """424, with the container's own status and words, and where its log is."""
        container.answer = failing(status, "three columns, please")
        endpoint = account.deploy(image(container))

        error = error_of(account.invoke, endpoint)

        party = "client" if status < 500 else "server"
        assert error["Error"]["Code"] == "ModelError"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert error["OriginalStatusCode"] == status
        assert error["OriginalMessage"] == "three columns, please"
        assert (
            f'{party} error ({status}) from primary with message "three'
            in error["Error"]["Message"]
        )
        assert error["LogStreamArn"].startswith("arn:aws:logs:us-east-1:")
        assert f"/aws/sagemaker/Endpoints/{endpoint}" in error["LogStreamArn"]

    def test_a_model_error_is_the_typed_one(self, account, container):
        """boto3 raises the class that its service model declares."""
        container.answer = failing(500, "out of order")
        endpoint = account.deploy(image(container))

        with pytest.raises(account.runtime.exceptions.ModelError):
            account.invoke(endpoint)

    def test_a_long_message_is_cut(self, account, container):
        """SageMaker's messages have at most 2,048 characters."""
        container.answer = failing(400, "no" * 3000)
        endpoint = account.deploy(image(container))

        error = error_of(account.invoke, endpoint)

        assert len(error["OriginalMessage"]) == 2048

    @pytest.mark.parametrize(
        ("answer", "status", "text"),
        [
            pytest.param(resetting, 0, "could not get a response", id="reset"),
            pytest.param(truncated, 500, "could not load the entire response body", id="truncated"),
            pytest.param(huge(26), 500, "could not load the entire response body", id="too-large"),
        ],
    )
    def test_an_unusable_answer_is_a_model_error(self, account, container, answer, status, text):
        """A container that breaks off is told apart from one that says no."""
        container.answer = answer
        endpoint = account.deploy(image(container))

        error = error_of(account.invoke, endpoint)

        assert error["Error"]["Code"] == "ModelError"
        assert error["OriginalStatusCode"] == status
        assert text in error["Error"]["Message"]
        container.answer = echo
        assert account.invoke(endpoint, b"again")["Body"] == b"again"

    def test_one_caller_does_not_wait_for_another(self, account, container):
        """A container's answers come as they are ready, whatever else it is busy with."""
        endpoint = account.deploy(image(container))
        container.answer = container.hang
        with ThreadPoolExecutor() as threads:
            slow = threads.submit(account.invoke, endpoint, b"slow")
            wait_until(lambda: container.invocations)
            container.answer = echo

            assert account.invoke(endpoint, b"quick")["Body"] == b"quick"
            assert not slow.done()
            container.hang_gate.set()
            assert slow.result()["Body"] == b"slow"


class TestStart:
    def test_an_endpoint_is_in_service_once_its_container_is_healthy(self, account, container):
        """Until /ping answers 200 the endpoint is Creating and cannot be called."""
        container.ping = failing(503)
        model = account.create_model(image(container))
        endpoint = account.create_endpoint({"AllTraffic": (model, 1)})
        wait_until(lambda: container.requests)

        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert described["EndpointStatus"] == "Creating"
        assert error_of(account.invoke, endpoint)["Error"]["Code"] == "ValidationError"

        container.ping = healthy
        account.wait_for(endpoint, "endpoint_in_service")
        assert account.invoke(endpoint, b"hello")["Body"] == b"hello"

    @pytest.mark.parametrize(
        "ping",
        [
            pytest.param(lambda container: failing(500), id="says-500"),
            pytest.param(lambda container: container.hang, id="says-nothing"),
        ],
    )
    def test_an_endpoint_of_a_sick_container_fails(self, impatient_account, container, ping):
        """A container that is not healthy in time is the reason that DescribeEndpoint gives."""
        account = impatient_account
        container.ping = ping(container)
        model = account.create_model(image(container))
        endpoint = account.create_endpoint({"AllTraffic": (model, 1)})

        with pytest.raises(WaiterError):
            account.wait_for(endpoint, "endpoint_in_service")

        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert described["EndpointStatus"] == "Failed"
        assert "did not pass the ping health check" in described["FailureReason"]
        assert "AllTraffic" in described["FailureReason"]
        assert error_of(account.invoke, endpoint)["Error"]["Code"] == "ValidationError"

    def test_an_endpoint_of_no_container_fails(self, impatient_account, container):
        """Nobody listening is the same as nobody healthy."""
        account = impatient_account
        model = account.create_model(image(container))
        container.stop()
        try:
            endpoint = account.create_endpoint({"AllTraffic": (model, 1)})
            with pytest.raises(WaiterError):
                account.wait_for(endpoint, "endpoint_in_service")
        finally:
            container.start()

        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert "did not pass the ping health check" in described["FailureReason"]


class TestMultiModel:
    def test_nothing_is_loaded_before_it_is_called(self, account, container):
        """Creating the endpoint loads no model; the first call loads the one it names."""
        endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz", "b.tar.gz")))
        assert not container.load_attempts

        account.invoke(endpoint, TargetModel="a.tar.gz")

        assert container.load_counts.total() == 1
        assert set(target_models(container).values()) == {"a.tar.gz"}

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
        names = target_models(container)
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
        attempts = {target_models(container)[n]: c for n, c in container.load_attempts.items()}
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


class TestDirect:
    @pytest.fixture
    def containers(self, start_container):
        return [start_container(answer=wrapping(name)) for name in ("first", "second")]

    @pytest.fixture
    def endpoint(self, account, containers):
        first, second = containers
        return account.deploy(
            image(first, ContainerHostname="first"),
            image(second, ContainerHostname="second"),
            mode="Direct",
        )

    def test_only_the_named_container_sees_the_call(self, account, containers, endpoint):
        """TargetContainerHostname chooses."""
        first, second = containers

        response = account.invoke(endpoint, b"x", TargetContainerHostname="second")

        assert response["Body"] == b"second(x)"
        assert [r.path for r in second.invocations] == ["/invocations"]
        assert not first.invocations

    def test_a_container_is_named_in_its_errors(self, account, containers, endpoint):
        """By its hostname, so that one knows whose log to read."""
        containers[1].answer = failing(500, "broken")

        error = error_of(account.invoke, endpoint, TargetContainerHostname="second")

        assert 'server error (500) from second with message "broken"' in error["Error"]["Message"]

    @pytest.mark.parametrize(
        "members",
        [
            pytest.param({}, id="no-hostname"),
            pytest.param({"TargetContainerHostname": "third"}, id="unknown-hostname"),
        ],
    )
    def test_a_call_that_names_no_container_is_refused(
        self, account, containers, endpoint, members
    ):
        """No container hears of it."""
        error = error_of(account.invoke, endpoint, **members)

        assert error["Error"]["Code"] == "ValidationError"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert not any(container.invocations for container in containers)

    @pytest.mark.parametrize("containers_in_model", [1, 2])
    def test_a_hostname_is_for_direct_endpoints(self, account, containers, containers_in_model):
        """A single model refuses it, and so does a pipeline."""
        endpoint = account.deploy(*map(image, containers[:containers_in_model]))

        error = error_of(account.invoke, endpoint, TargetContainerHostname="first")

        assert error["Error"]["Code"] == "ValidationError"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert not any(container.invocations for container in containers)


class TestPipeline:
    @pytest.fixture
    def containers(self, start_container):
        return [start_container(answer=wrapping(name, f"text/{name}")) for name in ("a", "b", "c")]

    @pytest.fixture
    def endpoint(self, account, containers):
        named = zip(containers, ("first", "second", "third"), strict=True)
        return account.deploy(*(image(c, ContainerHostname=name) for c, name in named))

    def test_each_answer_is_the_next_request(self, account, containers, endpoint):
        """Containers are called in the order of the model; the last one's answer is the answer."""
        response = account.invoke(endpoint, b"x", ContentType="text/csv")

        assert response["Body"] == b"c(b(a(x)))"
        assert response["ContentType"] == "text/c"
        assert [[r.body for r in c.invocations] for c in containers] == [
            [b"x"],
            [b"a(x)"],
            [b"b(a(x))"],
        ]

    def test_a_content_type_belongs_to_its_body(self, account, containers, endpoint):
        """A container is told the type that the one before it gave."""
        account.invoke(endpoint, b"x", ContentType="text/csv")

        seen = [c.invocations[0].headers["Content-Type"] for c in containers]
        assert seen == ["text/csv", "text/a", "text/b"]

    def test_an_error_ends_it(self, account, containers, endpoint):
        """The failing container is named, and those after it are not called."""
        containers[1].answer = failing(400, "not so")

        error = error_of(account.invoke, endpoint)

        assert error["Error"]["Code"] == "ModelError"
        assert error["OriginalStatusCode"] == 400
        assert 'client error (400) from second with message "not so"' in error["Error"]["Message"]
        assert not containers[2].invocations

    def test_five_megabytes_pass_between_containers(self, account, containers, endpoint):
        """More is a model error that names both containers; the answer itself may be larger."""
        containers[0].answer = huge(6)
        error = error_of(account.invoke, endpoint)
        assert error["Error"]["Code"] == "ModelError"
        assert "from first to second" in error["Error"]["Message"]
        assert "exceeded the maximum limit of 5 MB" in error["Error"]["Message"]
        assert not containers[1].invocations

        containers[0].answer = huge(4)
        containers[2].answer = huge(6)
        assert len(account.invoke(endpoint)["Body"]) == 6 * 1024 * 1024
        assert len(containers[1].invocations[0].body) == 4 * 1024 * 1024

    def test_one_of_its_containers_may_be_multi_model(self, account, containers):
        """TargetModel is that container's; the others are called as ever."""
        endpoint = account.deploy(
            image(containers[0]), account.multi_model(containers[1], artifacts("a.tar.gz"))
        )

        response = account.invoke(endpoint, b"x", TargetModel="a.tar.gz")

        assert response["Body"] == b"b(a(x))"
        assert [r.path for r in containers[0].invocations] == ["/invocations"]
        assert list(target_models(containers[1]).values()) == ["a.tar.gz"]


class TestVariants:
    @pytest.fixture
    def models(self, account, start_container):
        names = ("old", "new")
        containers = [start_container(answer=wrapping(name)) for name in names]
        return [account.create_model(image(container)) for container in containers]

    def test_weights_share_the_calls_out(self, account, models):
        """Nine to one, within what chance allows."""
        old, new = models
        endpoint = account.deploy_variants({"old": (old, 9), "new": (new, 1)})

        responses = [account.invoke(endpoint, b"x") for _ in range(200)]

        shares = Counter(response["InvokedProductionVariant"] for response in responses)
        assert 150 < shares["old"] < 200
        assert shares["old"] + shares["new"] == 200
        assert {r["InvokedProductionVariant"] + "(x)" for r in responses} == {
            r["Body"].decode() for r in responses
        }

    def test_a_caller_may_choose_the_variant(self, account, models):
        """TargetVariant overrides the weights, even a weight of nothing."""
        old, new = models
        endpoint = account.deploy_variants({"old": (old, 1), "new": (new, 0)})

        chosen = account.invoke(endpoint, b"x", TargetVariant="new")
        by_weight = [account.invoke(endpoint, b"x") for _ in range(20)]

        assert (chosen["InvokedProductionVariant"], chosen["Body"]) == ("new", b"new(x)")
        assert {response["InvokedProductionVariant"] for response in by_weight} == {"old"}

    def test_an_unknown_variant_is_refused(self, account, models):
        """It is a mistake in the address."""
        endpoint = account.deploy_variants({"old": (models[0], 1)})

        error = error_of(account.invoke, endpoint, TargetVariant="newest")

        assert error["Error"]["Code"] == "ValidationError"
