"""Faults on demand: what a caller of the endpoint sees of each fault."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError, ResponseStreamingError

from tests.containers.account import artifacts, image
from tests.support.stand_in import error_of, wait_until
from tests.support.wire import connected, invocation, received, reset, send

BODY = bytes(range(256)) * 4


@pytest.fixture
def endpoint(account, container):
    return account.deploy(image(container))


@pytest.fixture
def put(sagemaker_local, endpoint):
    """Put a fault on the endpoint; it is removed after the test."""

    def put(fault, **members):
        body = json.dumps({"fault": fault, **members}).encode()
        return json.loads(sagemaker_local.fault("PUT", endpoint, body))

    yield put
    sagemaker_local.fault("DELETE", endpoint)


def current_fault(sagemaker_local, endpoint):
    return json.loads(sagemaker_local.fault("GET", endpoint))["fault"]


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
    def test_error_instead_of_a_response(self, account, container, endpoint, put, fault):
        """boto3 raises the typed error, and the container receives no request."""
        code, status, name = ERRORS[fault]
        put(fault)

        with pytest.raises(account.runtime.exceptions.ClientError) as caught:
            account.invoke(endpoint)

        assert type(caught.value).__name__ == name
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
        assert not container.invocations

    def test_rejected_request_does_not_use_up_the_count(self, account, endpoint, put):
        """`count` does not count invalid requests, which SageMaker rejects before."""
        put("throttle", count=1)

        account.rejection(endpoint, TargetModel="a.tar.gz" * 200)
        throttled = error_of(account.invoke, endpoint)

        assert throttled["Error"]["Code"] == "ThrottlingException"

    def test_throttling_has_a_null_message(self, account, endpoint, put):
        """The message is null, as SageMaker's is, so callers have to handle that."""
        put("throttle")

        error = error_of(account.invoke, endpoint)
        raw = send(account.url, f"/endpoints/{endpoint}/invocations")

        assert error["Error"]["Message"] is None
        assert (raw.status, raw.json()) == (400, {"message": None})
        assert raw.headers["x-amzn-ErrorType"] == "ThrottlingException"

    def test_members_of_a_model_error(self, account, endpoint, put):
        """The error looks like one of a container that responded 500."""
        put("model-error")

        error = error_of(account.invoke, endpoint)

        assert error["OriginalStatusCode"] == 500
        assert error["OriginalMessage"] == "fault on demand"
        assert error["LogStreamArn"].endswith(f"/aws/sagemaker/Endpoints/{endpoint}")

    @pytest.mark.parametrize("name", ["absent", "-"])
    def test_missing_endpoint(self, sagemaker_local, account, name):
        """A fault for an endpoint that does not exist has no effect."""
        sagemaker_local.fault("PUT", name, b'{"fault": "e500"}')

        account.rejection(name)

        sagemaker_local.fault("DELETE", name)


class TestShareAndCount:
    @pytest.mark.parametrize(("share", "affected"), [(0, 0), (1, 20)])
    def test_share_of_none_or_all(self, account, endpoint, put, share, affected):
        """A share of 0 affects no request, and a share of 1 affects every one."""
        put("e503", share=share)

        codes = [self.code(account, endpoint) for _ in range(20)]

        assert codes.count(503) == affected

    def test_share_of_one_half(self, account, endpoint, put):
        """About half of the requests are affected, at random."""
        put("e503", share=0.5)

        codes = [self.code(account, endpoint) for _ in range(100)]

        assert 20 < codes.count(503) < 80

    def test_count(self, sagemaker_local, account, endpoint, put):
        """`count` limits the number of affected requests, and GET shows how many are left."""
        put("e503", count=3)

        codes = [self.code(account, endpoint) for _ in range(2)]
        left = current_fault(sagemaker_local, endpoint)["count"]
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

    @pytest.fixture
    def hanging(self, sagemaker_local, account, endpoint, put, threads):
        """Send requests, and return their futures once all of them hang."""

        def hanging(requests):
            put("hang", seconds=3600, count=requests)
            calls = [threads.submit(account.invoke, endpoint, BODY) for _ in range(requests)]
            wait_until(lambda: current_fault(sagemaker_local, endpoint)["count"] == 0)
            assert not any(call.done() for call in calls)
            return calls

        return hanging

    def test_hang_ends_after_its_seconds(self, account, endpoint, put):
        """After `seconds` the caller receives the usual response."""
        put("hang", seconds=0.2)
        started = time.monotonic()

        assert account.invoke(endpoint, BODY)["Body"] == BODY
        assert time.monotonic() - started >= 0.2

    def test_hang_ends_when_the_fault_is_deleted(self, sagemaker_local, endpoint, hanging):
        """All hanging requests continue."""
        calls = hanging(4)

        sagemaker_local.fault("DELETE", endpoint)

        assert [call.result(timeout=10)["Body"] for call in calls] == [BODY] * 4

    def test_hang_ends_when_the_fault_is_replaced(self, account, endpoint, put, hanging):
        """A hanging request continues, and the next request is affected by the new fault."""
        (call,) = hanging(1)

        put("e500")

        assert call.result(timeout=10)["Body"] == BODY
        assert error_of(account.invoke, endpoint)["Error"]["Code"] == "InternalFailure"

    def test_hang_ends_when_the_caller_disconnects(self, sagemaker_local, container, endpoint, put):
        """The request continues to the container, as on SageMaker."""
        put("hang", seconds=3600)
        runtime = sagemaker_local.client("sagemaker-runtime", read_timeout=0.2)

        with pytest.raises(ReadTimeoutError):
            runtime.invoke_endpoint(EndpointName=endpoint, Body=BODY)

        runtime.close()
        wait_until(lambda: container.invocations, 10)

    def test_other_endpoints_respond(self, account, start_container, endpoint, put, hanging):
        """A fault affects one endpoint only."""
        other = account.deploy(image(start_container()))
        hanging(1)

        assert account.invoke(other, BODY)["Body"] == BODY
        put("e500")


class TestBrokenResponses:
    def test_reset(self, account, container, endpoint, put):
        """The connection is reset before the first byte, after the container has responded."""
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
        """The caller receives half of the body, with the Content-Length of all of it."""
        put("truncate")

        with connected(account.url, invocation(endpoint, BODY)) as connection:
            head, _, body = received(connection).partition(b"\r\n\r\n")
        with pytest.raises(ResponseStreamingError):
            account.invoke(endpoint, BODY)

        assert b"Content-Length: 1024" in head
        assert body == BODY[:512]

    def test_drip(self, account, endpoint, put):
        """The caller receives the complete body in many small pieces."""
        put("drip", seconds=0.4)

        with connected(account.url, invocation(endpoint, BODY)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            pieces = list(iter(lambda: connection.recv(65536), b""))

        assert len(pieces) > 10
        assert b"".join(pieces).endswith(b"\r\n\r\n" + BODY)
        assert account.invoke(endpoint, BODY)["Body"] == BODY

    @pytest.mark.parametrize("fault", ["drip", "truncate", "reset"])
    def test_empty_response(self, account, container, endpoint, put, fault):
        """These faults also work for a response without a body."""
        put(fault, seconds=0.1)

        with connected(account.url, invocation(endpoint, b"")) as connection:
            if fault == "reset":
                with pytest.raises(ConnectionResetError):
                    received(connection)
            else:
                assert received(connection).startswith(b"HTTP/1.1 200 OK")

    def test_drip_ends_when_the_fault_is_deleted(self, sagemaker_local, account, endpoint, put):
        """The rest of the body follows at once."""
        put("drip", seconds=3600)

        with connected(account.url, invocation(endpoint, BODY)) as connection:
            first = connection.recv(65536)
            sagemaker_local.fault("DELETE", endpoint)

            assert (first + received(connection)).endswith(b"\r\n\r\n" + BODY)

    @pytest.mark.parametrize("fault", ["drip", "hang", "reset"])
    def test_caller_resets_the_connection(self, sagemaker_local, account, endpoint, put, fault):
        """Other requests are not affected, and nothing is logged as a failure."""
        put(fault, seconds=0.5)
        before = len(sagemaker_local.log)

        for _ in range(3):
            with connected(account.url, invocation(endpoint, BODY)) as connection:
                reset(connection)
        sagemaker_local.fault("DELETE", endpoint)
        assert account.invoke(endpoint, BODY)["Body"] == BODY

        assert "Traceback" not in sagemaker_local.log[before:]


def test_slow_load(sagemaker_local, account, container):
    """Cold loads take longer, until the fault is removed; loaded models respond as usual."""
    models = artifacts("cold.tar.gz", "colder.tar.gz", "warm.tar.gz")
    endpoint = account.deploy(account.multi_model(container, models))
    account.invoke(endpoint, TargetModel="warm.tar.gz")
    sagemaker_local.fault("PUT", endpoint, b'{"fault": "slow-load", "seconds": 3600, "count": 1}')

    with ThreadPoolExecutor(1) as threads:
        cold = threads.submit(account.invoke, endpoint, TargetModel="cold.tar.gz")
        wait_until(lambda: current_fault(sagemaker_local, endpoint)["count"] == 0)
        for _ in range(5):
            account.invoke(endpoint, TargetModel="warm.tar.gz")
        assert not cold.done()
        assert container.load_attempts.total() == 1
        sagemaker_local.fault("PUT", endpoint, b'{"fault": "slow-load", "seconds": 0.1}')
        assert cold.result(timeout=10)["Body"] == b"?"

    started = time.monotonic()
    account.invoke(endpoint, TargetModel="colder.tar.gz")
    assert time.monotonic() - started >= 0.1
    sagemaker_local.fault("DELETE", endpoint)


def test_connections_are_closed(sagemaker_local, account, endpoint, put):
    """Requests that hang, drip or have no caller any more leave no open connection."""
    process = psutil.Process(sagemaker_local.process.pid)
    before = process.num_fds()
    for fault in ("hang", "drip", "reset", "truncate"):
        put(fault, seconds=3600)
        for _ in range(5):
            with connected(account.url, invocation(endpoint, BODY)) as connection:
                reset(connection)

    sagemaker_local.fault("DELETE", endpoint)

    wait_until(lambda: process.num_fds() <= before, 10)
