"""Requests that InvokeEndpoint rejects: missing artifacts, oversize bodies, and others."""

import contextlib
import json
import pickle

import pytest
from sklearn.dummy import DummyRegressor

from tests.containers.account import INSTANCES, VARIANT, Account, image
from tests.containers.container import huge
from tests.support.stand_in import StandIn, error_of, wait_until
from tests.support.wire import connected, invocation, received, send

MIB = 1024 * 1024
LIMIT = 1000


@pytest.fixture(scope="module")
def strict():
    """A local SageMaker with a short timeout and a small limit for bodies."""
    options = ["--invocation-timeout", "0.3", "--max-body-bytes", str(LIMIT)]
    with StandIn(*options, "--creating-seconds", "0") as stand_in:
        yield stand_in


@pytest.fixture
def strict_account(strict, start_container):
    with contextlib.closing(Account(strict.session, strict.url)) as account:
        yield account


def test_asynchronous_endpoint(account, container):
    """An asynchronous endpoint rejects InvokeEndpoint."""
    model = account.create_model(image(container))
    config = account.create_config(
        {"VariantName": VARIANT, "ModelName": model, **INSTANCES},
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://bucket/out"}},
    )
    endpoint = account.start_endpoint(config)
    account.wait_for(endpoint, "endpoint_in_service")
    described = account.sagemaker.describe_endpoint(EndpointName=endpoint)

    assert "does not support synchronous invocations" in account.rejection(endpoint)
    assert described["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"]
    assert not container.invocations


class TestArtifacts:
    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            pytest.param("deleted.tar.gz", "Failed to download model data", id="deleted"),
            pytest.param("text.tar.gz", "Failed to extract model data archive", id="text"),
        ],
    )
    def test_endpoint_without_its_artifact(self, account, key, reason):
        """The endpoint fails, and FailureReason names the container and the artifact."""
        url = account.upload({key: b"not an archive"}) + key
        model = account.create_model({"Image": "local/sklearn", "ModelDataUrl": url})
        if key == "deleted.tar.gz":
            account.delete_object(url)
        described = failed_endpoint(account, model)

        assert described["FailureReason"].startswith(reason)
        assert f'for container "primary" from URL: "{url}"' in described["FailureReason"]

    def test_artifact_of_plain_files(self, account):
        """CompressionType None copies the files below the prefix, and needs at least one."""
        pickled = pickle.dumps(DummyRegressor(strategy="constant", constant=7).fit([[0]], [7]))
        url = account.upload({"model.joblib": pickled})
        endpoint = account.deploy({"Image": "local/sklearn", "ModelDataSource": plain_files(url)})

        answer = account.invoke(endpoint, b"1", ContentType="text/csv")

        assert json.loads(answer["Body"])["predictions"] == [7]
        models = [
            account.create_model({"Image": image_, "ModelDataSource": plain_files(url)})
            for image_ in ("local/sklearn", account.url)
        ]
        account.delete_object(f"{url}model.joblib")
        for model in models:
            reason = failed_endpoint(account, model)["FailureReason"]
            assert reason.startswith("Failed to download model data")

    def test_target_model_without_its_artifact(self, account, container):
        """A TargetModel that leaves the prefix does not exist, even if an object has its key."""
        objects = {"outside.tar.gz": b"", "inside/text.tar.gz": b"not an archive"}
        url = account.upload(objects)
        endpoint = account.deploy(image(container, Mode="MultiModel", ModelDataUrl=f"{url}inside/"))
        not_found = "Failed to download model data(bucket: "
        texts = {
            "text.tar.gz": "Failed to extract model data archive from URL: ",
            "m\u00fcnchen.tar.gz": "Member must satisfy regular expression pattern: ",
            "a" * 1025: "Member must have length less than or equal to 1024",
            **dict.fromkeys(("absent.tar.gz", "../outside.tar.gz", "/outside.tar.gz"), not_found),
            **dict.fromkeys(("a/../../outside.tar.gz", "./text.tar.gz"), not_found),
            **dict.fromkeys(("..", "a/..", "//a", "a//b", "a/", "."), not_found),
        }

        for target_model, text in texts.items():
            assert text in account.rejection(endpoint, TargetModel=target_model)
        assert not container.load_attempts


def plain_files(url):
    """Build a ModelDataSource of files that are not in an archive."""
    source = {"S3Uri": url, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"S3DataSource": source}


def failed_endpoint(account, model):
    """Create an endpoint that cannot start, and return its description."""
    endpoint = account.create_endpoint({VARIANT: (model, 1)})
    describe = account.sagemaker.describe_endpoint
    wait_until(lambda: describe(EndpointName=endpoint)["EndpointStatus"] != "Creating")
    described = describe(EndpointName=endpoint)
    assert described["EndpointStatus"] == "Failed"
    return described


class TestBodies:
    def test_largest_body(self, account, container):
        """A real-time endpoint accepts 25 MiB."""
        endpoint = account.deploy(image(container))

        assert len(account.invoke(endpoint, bytes(25 * MIB))["Body"]) == 25 * MIB
        assert "has oversize body" in account.rejection(endpoint, bytes(25 * MIB + 1))
        assert len(container.invocations) == 1

    def test_largest_serverless_body(self, account, container):
        """A serverless endpoint accepts and returns 4 MiB."""
        model = account.create_model(image(container))
        serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
        endpoint = account.start_endpoint(
            account.create_config(
                {"VariantName": VARIANT, "ModelName": model, "ServerlessConfig": serverless}
            )
        )
        account.wait_for(endpoint, "endpoint_in_service")
        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)

        assert len(account.invoke(endpoint, bytes(4 * MIB))["Body"]) == 4 * MIB
        assert "has oversize body" in account.rejection(endpoint, bytes(4 * MIB + 1))
        container.answer = huge(5)
        too_much = error_of(account.invoke, endpoint)
        assert "could not load the entire response body" in too_much["Error"]["Message"]
        (variant,) = described["ProductionVariants"]
        assert variant["CurrentServerlessConfig"] == serverless

    def test_max_body_bytes(self, strict_account, container):
        """--max-body-bytes sets the limit."""
        endpoint = strict_account.deploy(image(container))

        assert len(strict_account.invoke(endpoint, bytes(LIMIT))["Body"]) == LIMIT
        assert "has oversize body" in strict_account.rejection(endpoint, bytes(LIMIT + 1))

    @pytest.mark.parametrize("endpoint", ["absent", "-"])
    def test_rejected_body_is_read_completely(self, strict, endpoint):
        """A caller that is still sending gets the response, not a reset."""
        request = invocation(endpoint, bytes(20 * MIB))
        for _ in range(3):
            with connected(strict.url, request) as connection:
                assert b"ValidationError" in received(connection)

    def test_chunked_body(self, strict_account, strict, container):
        """The limit also applies to a body without Content-Length."""
        endpoint = strict_account.deploy(image(container))
        head = (
            f"POST /endpoints/{endpoint}/invocations HTTP/1.1\r\nHost: localhost\r\n"
            "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        ).encode()
        small, large = b"5\r\nhello\r\n0\r\n\r\n", b"400\r\n" + bytes(1024) + b"\r\n0\r\n\r\n"

        with connected(strict.url, head + small) as connection:
            assert received(connection).endswith(b"hello")
        with connected(strict.url, head + large) as connection:
            assert b"has oversize body" in received(connection)

    def test_caller_disconnects_while_sending(self, strict):
        """A caller that disconnects is not logged as a failure."""
        head = invocation("absent", bytes(10))[:-5]

        with connected(strict.url, head):
            pass
        send(strict.url, "/endpoints/absent/invocations")

        assert "Traceback" not in strict.log

    def test_malformed_http(self, strict):
        """Malformed HTTP gets a 400, and is not logged as a failure."""
        with connected(strict.url, b"GARBAGE\r\n\r\n") as connection:
            assert b" 400 Bad Request" in received(connection)

        assert "Traceback" not in strict.log


@pytest.mark.parametrize(
    ("call", "members", "operation"),
    [
        (
            "invoke_endpoint_with_response_stream",
            {"Body": b"x"},
            "InvokeEndpointWithResponseStream",
        ),
    ],
)
def test_operation_that_is_not_offered(account, call, members, operation):
    """The error names the operation."""
    error = error_of(getattr(account.runtime, call), EndpointName="any", **members)

    assert error["Error"]["Code"] == "ValidationError"
    assert f"does not offer {operation}" in error["Error"]["Message"]


def test_invocation_timeout(strict_account, container):
    """A container that does not respond within --invocation-timeout is a ModelError, status 0."""
    endpoint = strict_account.deploy(image(container, ContainerHostname="slow"))
    container.answer = container.hang

    error = error_of(strict_account.invoke, endpoint)

    assert error["Error"]["Code"] == "ModelError"
    assert error["OriginalStatusCode"] == 0
    assert error["OriginalMessage"] == ""
    assert error["Error"]["Message"].startswith(
        'Received server error (0) from slow with message "Your invocation timed out while'
        " waiting for a response from container slow."
    )
