"""Any container that speaks SageMaker's contract can be put behind the local SageMaker.

boto3 on one side, `tests/containers/container.py` on the other; what the one sends, and what the
other sees, is what AWS's pages say about real endpoints.
"""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import WaiterError

from tests.containers.account import image
from tests.containers.container import (
    echo,
    failing,
    healthy,
    huge,
    resetting,
    truncated,
    with_headers,
)
from tests.support.stand_in import error_of, wait_until


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
