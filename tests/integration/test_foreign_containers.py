"""A container that implements SageMaker's contract works with the local SageMaker.

boto3 sends the requests, and `tests/containers/container.py` is the container. Both see what AWS's
documentation describes for real endpoints.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import WaiterError

from tests.containers.account import INSTANCES, VARIANT, image
from tests.containers.container import (
    Answer,
    echo,
    failing,
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
    def test_body_passes_unchanged(self, account, container, body):
        """Request and response bodies are not changed."""
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
    def test_request_headers_of_the_api(self, account, container, member, header, value):
        """The container receives each header of the API with its exact value."""
        endpoint = account.deploy(image(container))

        account.invoke(endpoint, **{member: value})

        assert container.invocations[-1].headers.get_all(header) == [value]

    def test_other_request_headers(self, account, container):
        """The container receives no credentials, cookies, proxy headers or unknown headers."""
        endpoint = account.deploy(image(container))
        others = {
            "Cookie": "session=1",
            "X-Forwarded-For": "203.0.113.9",
            "X-Forwarded-Proto": "https",
            "X-Unknown": "1",
            "X-Amzn-SageMaker-Unknown": "1",
        }
        account.runtime.meta.events.register(
            "before-send.sagemaker-runtime.InvokeEndpoint",
            lambda request, **_: request.headers.update(others),
        )

        account.invoke(endpoint, ContentType="text/csv", Accept="text/csv")

        seen = {name.lower() for name in container.invocations[-1].headers}
        of_http = {"host", "connection", "content-length", "transfer-encoding", "user-agent"}
        assert seen - of_http == {"content-type", "accept"}
        assert "boto" not in container.invocations[-1].headers.get("User-Agent", "").lower()

    def test_response_headers_of_the_api(self, account, container):
        """The caller receives custom attributes and session ids of the container."""
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

    def test_other_response_headers(self, account, container):
        """The caller receives no other headers, and the variant is SageMaker's."""
        container.answer = with_headers(
            ("Set-Cookie", "a=1"),
            ("X-Internal", "10.0.0.7"),
            ("X-Amzn-Invoked-Production-Variant", "forged"),
            ("X-Amzn-ErrorType", "InternalFailure"),
        )
        endpoint = account.deploy(image(container))

        response = account.invoke(endpoint)

        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert not response.keys() & {"CustomAttributes", "NewSessionId", "ClosedSessionId"}
        assert not headers.keys() & {"set-cookie", "x-internal", "x-amzn-errortype"}
        assert response["InvokedProductionVariant"] == "AllTraffic"

    @pytest.mark.parametrize("status", [400, 404, 415, 422, 429, 500, 503, 507])
    def test_error_of_the_container(self, account, container, status):
        """The caller gets a typed ModelError with the container's status, text and log."""
        container.answer = failing(status, "three columns, please")
        endpoint = account.deploy(image(container))

        with pytest.raises(account.runtime.exceptions.ModelError) as caught:
            account.invoke(endpoint)

        error = caught.value.response
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

    def test_long_error_text(self, account, container):
        """OriginalMessage is cut to 2,048 characters."""
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
    def test_unusable_response(self, account, container, answer, status, text):
        """A broken or oversize response is a ModelError with its own status and text."""
        container.answer = answer
        endpoint = account.deploy(image(container))

        error = error_of(account.invoke, endpoint)

        assert error["Error"]["Code"] == "ModelError"
        assert error["OriginalStatusCode"] == status
        assert text in error["Error"]["Message"]
        container.answer = echo
        assert account.invoke(endpoint, b"again")["Body"] == b"again"

    def test_parallel_requests(self, account, container):
        """A request does not wait for a slower one to the same container."""
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
    @pytest.mark.parametrize(
        "ping",
        [
            pytest.param(lambda container: failing(500), id="500"),
            pytest.param(lambda container: container.hang, id="no-response"),
        ],
    )
    def test_container_without_health(self, impatient_account, container, ping):
        """The endpoint fails if its container is not healthy within --startup-timeout."""
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
        assert "not found" in account.rejection(endpoint)

    def test_missing_container(self, impatient_account, container):
        """The endpoint fails if nothing listens at the container's address."""
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

    def test_startup_timeout_of_a_variant(self, impatient_account, container):
        """ContainerStartupHealthCheckTimeoutInSeconds overrides --startup-timeout, which is 1 s."""
        account, started = impatient_account, time.monotonic()
        container.ping = lambda request: Answer(200 if time.monotonic() > started + 1.2 else 503)
        variant = {"VariantName": VARIANT, "ModelName": account.create_model(image(container))}
        timeout = {"ContainerStartupHealthCheckTimeoutInSeconds": 60}
        endpoint = account.start_endpoint(account.create_config(variant | timeout | INSTANCES))

        account.wait_for(endpoint, "endpoint_in_service")

        assert account.invoke(endpoint, b"x")["Body"] == b"x"
