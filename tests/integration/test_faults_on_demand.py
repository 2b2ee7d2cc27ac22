"""What SageMaker does on its worst days, when a test asks for it."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor, wait

import psutil
import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from tests.containers.account import image
from tests.support.stand_in import error_of, wait_until
from tests.support.wire import connected, invocation, received, reset, send

BODY = bytes(range(256)) * 4


@pytest.fixture
def endpoint(account, container):
    return account.deploy(image(container))


@pytest.fixture
def put(sagemaker_local, endpoint):
    """Put a fault on the endpoint; it is taken away after the test."""

    def put(fault, **members):
        body = json.dumps({"fault": fault, **members}).encode()
        return json.loads(sagemaker_local.fault("PUT", endpoint, body))

    yield put
    sagemaker_local.fault("DELETE", endpoint)


ERRORS = {
    "throttle": ("ThrottlingException", 400, "ClientError"),
    "not-ready": ("ModelNotReadyException", 429, "ModelNotReadyException"),
    "e500": ("InternalFailure", 500, "InternalFailure"),
    "e503": ("ServiceUnavailable", 503, "ServiceUnavailable"),
    "e530": ("InternalDependencyException", 530, "InternalDependencyException"),
    "model-error": ("ModelError", 424, "ModelError"),
}


class TestErrors:
    @pytest.mark.parametrize("fault", ERRORS)
    def test_an_error_in_place_of_an_answer(self, account, container, endpoint, put, fault):
        """The typed one of boto3; no container hears of the call."""
        code, status, name = ERRORS[fault]
        put(fault)

        with pytest.raises(account.runtime.exceptions.ClientError) as caught:
            account.invoke(endpoint)

        assert type(caught.value).__name__ == name
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
        assert not container.invocations

    def test_a_refused_call_does_not_use_it_up(self, account, endpoint, put):
        """`count` is of calls that suffer; one that SageMaker refuses anyway does not."""
        put("throttle", count=1)

        refused = error_of(account.invoke, endpoint, TargetModel="a.tar.gz" * 200)
        throttled = error_of(account.invoke, endpoint)

        assert refused["Error"]["Code"] == "ValidationError"
        assert throttled["Error"]["Code"] == "ThrottlingException"

    def test_throttling_has_no_message(self, account, endpoint, put):
        """As SageMaker's has none; who looks into it must be ready for that."""
        put("throttle")

        error = error_of(account.invoke, endpoint)
        raw = send(account.url, f"/endpoints/{endpoint}/invocations")

        assert error["Error"]["Message"] is None
        assert (raw.status, raw.json()) == (400, {"message": None})
        assert raw.headers["x-amzn-ErrorType"] == "ThrottlingException"

    def test_a_model_error_has_its_members(self, account, endpoint, put):
        """As if a container had answered 500."""
        put("model-error")

        error = error_of(account.invoke, endpoint)

        assert error["OriginalStatusCode"] == 500
        assert error["OriginalMessage"] == "fault on demand"
        assert error["LogStreamArn"].endswith(f"/aws/sagemaker/Endpoints/{endpoint}")

    @pytest.mark.parametrize("name", ["absent", "-"])
    def test_what_would_be_refused_is_refused(self, sagemaker_local, account, name):
        """A fault does not make an endpoint of a name."""
        sagemaker_local.fault("PUT", name, b'{"fault": "e500"}')

        error = error_of(account.invoke, name)

        sagemaker_local.fault("DELETE", name)
        assert error["Error"]["Code"] == "ValidationError"


class TestHowOften:
    @pytest.mark.parametrize(("share", "struck"), [(0, 0), (1, 20)])
    def test_a_share_of_the_calls(self, account, endpoint, put, share, struck):
        """None, or all."""
        put("e503", share=share)

        codes = [self.code(account, endpoint) for _ in range(20)]

        assert codes.count(503) == struck

    def test_half_of_the_calls(self, account, endpoint, put):
        """Within what chance allows."""
        put("e503", share=0.5)

        codes = [self.code(account, endpoint) for _ in range(100)]

        assert 20 < codes.count(503) < 80

    def test_a_number_of_calls(self, sagemaker_local, account, endpoint, put):
        """Then all is well, and GET tells how many are left."""
        put("e503", count=3)

        codes = [self.code(account, endpoint) for _ in range(2)]
        left = json.loads(sagemaker_local.fault("GET", endpoint))["fault"]["count"]
        codes += [self.code(account, endpoint) for _ in range(3)]

        assert codes == [503, 503, 503, 200, 200]
        assert left == 1

    def code(self, account, endpoint):
        return send(account.url, f"/endpoints/{endpoint}/invocations").status


class TestHang:
    @pytest.fixture
    def threads(self):
        with ThreadPoolExecutor(4) as threads:
            yield threads

    def test_for_its_seconds(self, account, endpoint, put):
        """Then the call is answered as usual."""
        put("hang", seconds=0.2)

        assert account.invoke(endpoint, BODY)["Body"] == BODY

    def test_until_it_is_deleted(self, sagemaker_local, account, endpoint, put, threads):
        """All who hang are let go."""
        put("hang", seconds=3600)
        calls = [threads.submit(account.invoke, endpoint, BODY) for _ in range(4)]
        wait(calls, timeout=0.3)
        assert not any(call.done() for call in calls)

        sagemaker_local.fault("DELETE", endpoint)

        assert [call.result(timeout=10)["Body"] for call in calls] == [BODY] * 4

    def test_until_another_takes_its_place(self, account, container, endpoint, put, threads):
        """Who hangs is let go; who comes after gets the other."""
        put("hang", seconds=3600)
        call = threads.submit(account.invoke, endpoint, BODY)
        wait([call], timeout=0.2)

        put("e500")

        assert call.result(timeout=10)["Body"] == BODY
        assert error_of(account.invoke, endpoint)["Error"]["Code"] == "InternalFailure"

    def test_until_the_caller_leaves(self, sagemaker_local, container, endpoint, put):
        """Nobody holds on to what nobody waits for; a container is not told, as on SageMaker."""
        put("hang", seconds=3600)
        runtime = sagemaker_local.client("sagemaker-runtime", read_timeout=0.2)

        with pytest.raises(ReadTimeoutError):
            runtime.invoke_endpoint(EndpointName=endpoint, Body=BODY)

        runtime.close()
        wait_until(lambda: container.invocations, 10)

    def test_other_endpoints_go_on(self, account, start_container, endpoint, put, threads):
        """One that hangs holds up nobody else."""
        other = account.deploy(image(start_container()))
        put("hang", seconds=3600)
        threads.submit(account.invoke, endpoint, BODY)

        assert account.invoke(other, BODY)["Body"] == BODY
        put("e500")


class TestBrokenAnswers:
    def test_reset(self, account, container, endpoint, put):
        """The connection is gone before a byte of the answer; the container had its say."""
        put("reset")

        with (
            connected(account.url, invocation(endpoint, BODY)) as connection,
            pytest.raises(ConnectionResetError),
        ):
            received(connection)
        with pytest.raises(ConnectionClosedError):
            account.invoke(endpoint, BODY)
        assert len(container.invocations) == 2

    def test_truncate(self, account, endpoint, put):
        """Half of the answer under the length of all of it."""
        put("truncate")

        with connected(account.url, invocation(endpoint, BODY)) as connection:
            head, _, body = received(connection).partition(b"\r\n\r\n")
        with pytest.raises(ResponseStreamingError):
            account.invoke(endpoint, BODY)

        assert b"Content-Length: 1024" in head
        assert body == BODY[:512]

    def test_drip(self, account, endpoint, put):
        """The whole answer, in many small pieces."""
        put("drip", seconds=0.4)

        with connected(account.url, invocation(endpoint, BODY)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            pieces = list(iter(lambda: connection.recv(65536), b""))

        assert len(pieces) > 10
        assert b"".join(pieces).endswith(b"\r\n\r\n" + BODY)
        assert account.invoke(endpoint, BODY)["Body"] == BODY

    @pytest.mark.parametrize("fault", ["drip", "truncate", "reset"])
    def test_of_an_empty_answer(self, account, container, endpoint, put, fault):
        """There is little to break, and nothing to fail at."""
        put(fault, seconds=0.1)

        with connected(account.url, invocation(endpoint, b"")) as connection:
            if fault == "reset":
                with pytest.raises(ConnectionResetError):
                    received(connection)
            else:
                assert received(connection).startswith(b"HTTP/1.1 200 OK")

    def test_a_drip_ends_when_it_is_deleted(self, sagemaker_local, account, endpoint, put):
        """The rest comes at once."""
        put("drip", seconds=3600)

        with connected(account.url, invocation(endpoint, BODY)) as connection:
            first = connection.recv(65536)
            sagemaker_local.fault("DELETE", endpoint)

            assert (first + received(connection)).endswith(b"\r\n\r\n" + BODY)

    @pytest.mark.parametrize("fault", ["drip", "hang", "reset"])
    def test_a_caller_that_leaves(self, sagemaker_local, account, endpoint, put, fault):
        """Takes nothing along; the log has no word of failure."""
        put(fault, seconds=0.5)
        before = len(sagemaker_local.log)

        for _ in range(3):
            with connected(account.url, invocation(endpoint, BODY)) as connection:
                reset(connection)
        sagemaker_local.fault("DELETE", endpoint)
        assert account.invoke(endpoint, BODY)["Body"] == BODY

        assert "Traceback" not in sagemaker_local.log[before:]


class TestSlowLoad:
    def test_cold_models_alone_are_slow(self, sagemaker_local, account, container):
        """Those that are in memory answer as ever."""
        artifacts = {"cold.tar.gz": {"a": b""}, "warm.tar.gz": {"a": b""}}
        endpoint = account.deploy(account.multi_model(container, artifacts))
        account.invoke(endpoint, TargetModel="warm.tar.gz")
        sagemaker_local.fault("PUT", endpoint, b'{"fault": "slow-load", "seconds": 1.0}')

        with ThreadPoolExecutor(1) as threads:
            cold = threads.submit(account.invoke, endpoint, TargetModel="cold.tar.gz")
            for _ in range(5):
                account.invoke(endpoint, TargetModel="warm.tar.gz")
            assert not cold.done()
            assert cold.result()["Body"] == b"?"

        sagemaker_local.fault("DELETE", endpoint)

    def test_it_ends_when_it_is_deleted(self, sagemaker_local, account, container):
        """Loads that wait go on."""
        artifacts = {"cold.tar.gz": {"a": b""}}
        endpoint = account.deploy(account.multi_model(container, artifacts))
        sagemaker_local.fault("PUT", endpoint, b'{"fault": "slow-load", "seconds": 300}')

        with ThreadPoolExecutor(1) as threads:
            cold = threads.submit(account.invoke, endpoint, TargetModel="cold.tar.gz")
            wait([cold], timeout=0.3)
            assert not container.load_attempts
            sagemaker_local.fault("DELETE", endpoint)

            assert cold.result(timeout=10)["Body"] == b"?"


def test_nothing_is_left_hanging(sagemaker_local, account, endpoint, put):
    """Calls that hang, drip or have lost their caller leave no connection behind."""
    process = psutil.Process(sagemaker_local.process.pid)
    before = process.num_fds()
    for fault in ("hang", "drip", "reset", "truncate"):
        put(fault, seconds=3600)
        for _ in range(5):
            with connected(account.url, invocation(endpoint, BODY)) as connection:
                reset(connection)

    sagemaker_local.fault("DELETE", endpoint)

    wait_until(lambda: process.num_fds() <= before, 10)
