"""What InvokeEndpoint refuses, and in which words.

What needs no more than a container and a call is in test_foreign_containers.py.
"""

import contextlib

import pytest

from tests.containers.account import INSTANCES, VARIANT, Account, image
from tests.containers.container import failing, huge
from tests.support.stand_in import StandIn, error_of, wait_until
from tests.support.wire import connected, invocation, received, send

MIB = 1024 * 1024
LIMIT = 1000


@pytest.fixture(scope="module")
def strict():
    """A local SageMaker with little patience and little room."""
    options = ["--invocation-timeout", "0.3", "--max-body-bytes", str(LIMIT)]
    with StandIn(*options, "--creating-seconds", "0") as stand_in:
        yield stand_in


@pytest.fixture
def strict_account(strict, start_container):
    with contextlib.closing(Account(strict.session, strict.url)) as account:
        yield account


def refused(account, endpoint, *body, **members):
    """The text of a ValidationError."""
    error = error_of(account.invoke, endpoint, *body, **members)
    assert error["Error"]["Code"] == "ValidationError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Error"]["Message"]


def not_found(endpoint):
    return f"Endpoint {endpoint} of account 123456789012 not found."


class TestEndpointsThatDoNotServe:
    def test_an_unknown_one(self, account):
        """Not found, by name and account."""
        assert refused(account, "absent") == not_found("absent")

    def test_a_deleted_one(self, account, container):
        """Not found, as if it had never been."""
        endpoint = account.deploy(image(container))
        account.delete_endpoint(endpoint)

        assert refused(account, endpoint) == not_found(endpoint)

    def test_one_that_is_creating(self, account, start_container):
        """Not found, until it is in service."""
        container = start_container(ping=failing(503))
        model = account.create_model(image(container))
        endpoint = account.create_endpoint({VARIANT: (model, 1)})
        wait_until(lambda: container.requests)

        assert refused(account, endpoint) == not_found(endpoint)
        assert not container.invocations

    def test_one_that_has_failed(self, account):
        """Not found, whatever DescribeEndpoint knows of it."""
        model = account.create_model({"Image": "nobodys:1"})
        endpoint = account.create_endpoint({VARIANT: (model, 1)})
        describe = account.sagemaker.describe_endpoint
        wait_until(lambda: describe(EndpointName=endpoint)["EndpointStatus"] == "Failed")

        assert refused(account, endpoint) == not_found(endpoint)

    def test_an_asynchronous_one(self, account, container):
        """Serves, but not those who want to wait for the answer."""
        model = account.create_model(image(container))
        config = account.create_config(
            {"VariantName": VARIANT, "ModelName": model, **INSTANCES},
            AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://bucket/out"}},
        )
        endpoint = account.start_endpoint(config)
        account.wait_for(endpoint, "endpoint_in_service")
        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)

        assert "does not support synchronous invocations" in refused(account, endpoint)
        assert described["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"]
        assert not container.invocations


class TestArtifacts:
    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            pytest.param("{}absent.tar.gz", "Failed to download model data", id="absent"),
            pytest.param("{}text.tar.gz", "Failed to extract model data archive", id="text"),
            pytest.param("s3://absent-bucket/a.tar.gz", "Failed to download", id="no-bucket"),
            pytest.param("s3://no bucket!/a.tar.gz", "Failed to download", id="no-bucket-name"),
            pytest.param("s3://bucket", "Failed to download model data", id="no-key"),
        ],
    )
    def test_an_endpoint_without_its_artifact_fails(self, account, url, reason):
        """The reason names container and artifact."""
        url = url.format(account.upload({"text.tar.gz": b"not an archive"}))
        model = account.create_model({"Image": "local/sklearn", "ModelDataUrl": url})
        endpoint = account.create_endpoint({VARIANT: (model, 1)})
        describe = account.sagemaker.describe_endpoint
        wait_until(lambda: describe(EndpointName=endpoint)["EndpointStatus"] != "Creating")

        described = describe(EndpointName=endpoint)
        assert described["EndpointStatus"] == "Failed"
        assert described["FailureReason"].startswith(reason)
        assert f'for container "primary" from URL: "{url}"' in described["FailureReason"]

    @pytest.mark.parametrize(
        ("target_model", "text"),
        [
            ("absent.tar.gz", "Failed to download model data(bucket: "),
            ("text.tar.gz", "Failed to extract model data archive from URL: "),
            ("../outside.tar.gz", "Failed to download model data(bucket: "),
            ("a/../../outside.tar.gz", "Failed to download model data(bucket: "),
            ("/outside.tar.gz", "Failed to download model data(bucket: "),
            ("./text.tar.gz", "Failed to download model data(bucket: "),
            ("m\u00fcnchen.tar.gz", "Member must satisfy regular expression pattern: "),
            ("a" * 1025, "Member must have length less than or equal to 1024"),
        ],
    )
    def test_a_call_without_its_artifact_is_refused(self, account, container, target_model, text):
        """A model that leaves the prefix is not there, even where something lies."""
        url = account.upload({"outside.tar.gz": b"mine", "inside/text.tar.gz": b"not an archive"})
        endpoint = account.deploy(image(container, Mode="MultiModel", ModelDataUrl=f"{url}inside/"))

        assert text in refused(account, endpoint, TargetModel=target_model)
        assert not container.load_attempts


class TestComponents:
    @pytest.fixture
    def endpoint(self, account):
        return account.deploy_for_components()

    def test_a_name_is_needed(self, account, endpoint):
        """Where components live, one of them is to be named."""
        message = refused(account, endpoint)

        assert message.startswith("Inference Component Name header is required for endpoints to")

    def test_the_name_is_to_be_known(self, account, endpoint):
        """On this endpoint."""
        message = refused(account, endpoint, InferenceComponentName="absent")

        assert message == f"Inference Component absent not found in endpoint {endpoint}."

    def test_a_component_of_another_endpoint(self, account, container, endpoint):
        """Is unknown on this one."""
        other = account.deploy_for_components()
        component = account.create_component(other, {"Container": image(container)})

        assert "not found" in refused(account, endpoint, InferenceComponentName=component)

    def test_a_variant_that_the_component_is_not_on(self, account, container, endpoint):
        """TargetVariant is looked at here as on every endpoint."""
        component = account.create_component(endpoint, {"Container": image(container)})

        message = refused(
            account, endpoint, InferenceComponentName=component, TargetVariant="absent"
        )

        assert message == f"Variant absent not found in endpoint {endpoint}."

    def test_no_copies(self, account, container, endpoint):
        """Is no capacity, in SageMaker's words."""
        specification = {"Container": image(container)}
        component = account.create_component(endpoint, specification, copies=0)
        describe = account.sagemaker.describe_inference_component
        wait_until(
            lambda: (
                describe(InferenceComponentName=component)["InferenceComponentStatus"]
                == "InService"
            )
        )

        message = refused(account, endpoint, InferenceComponentName=component)

        assert message.startswith("Inference Component has no capacity to process this request.")

    def test_a_component_where_models_are(self, account, container):
        """An endpoint whose variants have models has no components."""
        endpoint = account.deploy(image(container))

        message = refused(account, endpoint, InferenceComponentName="any")

        assert "does not host inference components" in message
        assert not container.invocations


class TestBodies:
    def test_25_mib_pass(self, account, container):
        """And not a byte more."""
        endpoint = account.deploy(image(container))

        assert len(account.invoke(endpoint, bytes(25 * MIB))["Body"]) == 25 * MIB
        assert "has oversize body" in refused(account, endpoint, bytes(25 * MIB + 1))
        assert len(container.invocations) == 1

    def test_4_mib_pass_where_there_is_no_server(self, account, container):
        """Serverless endpoints take less."""
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
        assert "has oversize body" in refused(account, endpoint, bytes(4 * MIB + 1))
        container.answer = huge(5)
        too_much = error_of(account.invoke, endpoint)
        assert "could not load the entire response body" in too_much["Error"]["Message"]
        (variant,) = described["ProductionVariants"]
        assert variant["CurrentServerlessConfig"] == serverless

    def test_the_limit_can_be_set(self, strict_account, container):
        """--max-body-bytes is for those who want to see it without sending megabytes."""
        endpoint = strict_account.deploy(image(container))

        assert len(strict_account.invoke(endpoint, bytes(LIMIT))["Body"]) == LIMIT
        assert "has oversize body" in refused(strict_account, endpoint, bytes(LIMIT + 1))

    @pytest.mark.parametrize("endpoint", ["absent", "-"])
    def test_a_refused_body_is_read_to_its_end(self, strict, endpoint):
        """A caller that has not finished sending sees the answer and not a reset."""
        request = invocation(endpoint, bytes(40 * MIB))
        for _ in range(3):
            with connected(strict.url, request) as connection:
                assert b"ValidationError" in received(connection)

    def test_a_body_in_chunks(self, strict_account, strict, container):
        """Counts as much as one whose length is told before."""
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

    def test_a_caller_that_leaves_while_it_sends(self, strict):
        """Is no failure of anybody's."""
        head = invocation("absent", bytes(10))[:-5]

        with connected(strict.url, head):
            pass
        send(strict.url, "/endpoints/absent/invocations")

        assert "Traceback" not in strict.log

    def test_what_is_not_http(self, strict):
        """Is refused without much ado."""
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
        ("invoke_endpoint_async", {"InputLocation": "s3://bucket/key"}, "InvokeEndpointAsync"),
    ],
)
def test_an_operation_that_is_not_offered(account, call, members, operation):
    """Says so, by its name."""
    error = error_of(getattr(account.runtime, call), EndpointName="any", **members)

    assert error["Error"]["Code"] == "ValidationError"
    assert f"does not offer {operation}" in error["Error"]["Message"]


class TestSlowContainers:
    def test_a_container_has_its_time(self, strict_account, container):
        """Then the caller hears of a model error with status 0."""
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
