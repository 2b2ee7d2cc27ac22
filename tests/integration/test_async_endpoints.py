"""Asynchronous endpoints of the local SageMaker, as stock boto3 sees them."""

import uuid

import pytest
from botocore.exceptions import ClientError

from sagemaker_local.demo.endpoints import ASYNC_ENDPOINT, Deployment, endpoint_requests
from tests.containers.account import INSTANCES, VARIANT, artifacts, image
from tests.containers.async_caller import Caller
from tests.containers.container import Answer, failing, resetting, without_length
from tests.support.stand_in import error_of, wait_until
from tests.support.wire import connected, received

INLINE_LIMIT = 128_000
MIB = 1024 * 1024


@pytest.fixture
def caller(account, container):
    return Caller(account, container)


class TestAccepted:
    def test_answer(self, caller):
        """The answer is a 202 that names the inference and both locations."""
        accepted = caller.invoke(Body=b"x", InferenceId="mine")

        assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert accepted["InferenceId"] == "mine"
        assert accepted["OutputLocation"].startswith(caller.url("out/"))
        assert accepted["OutputLocation"].endswith(".out")
        assert accepted["FailureLocation"].startswith(caller.url("failed/"))
        assert caller.result(accepted) == b"x"

    def test_every_request_has_an_id_and_a_place_of_its_own(self, caller):
        """SageMaker makes the InferenceId and the name of the object."""
        first, second = caller.invoke(Body=b"1"), caller.invoke(Body=b"2")

        assert first["InferenceId"] != second["InferenceId"]
        assert caller.result(first) == b"1"
        assert caller.result(second) == b"2"

    def test_container_gets_the_callers_headers(self, caller, container):
        """Content-Type, Accept, custom attributes and the id go to the container."""
        accepted = caller.invoke(
            Body=b"1,2",
            ContentType="text/csv",
            Accept="application/json",
            CustomAttributes="trace=7",
            InferenceId="mine",
        )
        output = caller.object(accepted["OutputLocation"])
        headers = container.invocations[0].headers

        assert output["ContentType"] == "text/csv"
        assert headers["Content-Type"] == "text/csv"
        assert headers["Accept"] == "application/json"
        assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=7"
        assert headers["X-Amzn-SageMaker-Inference-Id"] == "mine"

    def test_path_and_file_name(self, caller):
        """S3OutputPathExtension and Filename name the object."""
        accepted = caller.invoke(Body=b"x", S3OutputPathExtension="a/b", Filename="c.json")

        assert accepted["OutputLocation"] == caller.url("out/a/b/c.json")
        assert caller.result(accepted) == b"x"

    def test_largest_inline_body(self, caller):
        """128,000 bytes are accepted inline."""
        accepted = caller.invoke(Body=bytes(INLINE_LIMIT))

        assert len(caller.result(accepted)) == INLINE_LIMIT

    def test_large_input_object(self, caller, container):
        """An input object of more than a real-time body is sent whole, with its length."""
        body = bytes(range(256)) * (30 * MIB // 256)
        caller.account.s3.put_object(Bucket=caller.bucket, Key="in", Body=body)

        accepted = caller.invoke(InputLocation=caller.url("in"), ContentType="image/tiff")

        assert caller.result(accepted) == body
        assert container.invocations[0].headers["Content-Length"] == str(len(body))
        assert container.invocations[0].headers["Content-Type"] == "image/tiff"

    def test_without_paths(self, account, container):
        """A configuration without S3FailurePath leaves out FailureLocation, and a failure ends."""
        caller = Caller(account, container, S3FailurePath=None)
        container.answer = failing(500)

        failed = caller.invoke(Body=b"x")
        wait_until(lambda: container.invocations)
        container.answer = lambda request: Answer(body=b"next")
        answered = caller.invoke(Body=b"y")

        assert "FailureLocation" not in failed
        assert caller.object(answered["OutputLocation"])["Body"].read() == b"next"
        assert caller.find(failed["OutputLocation"]) is None

    def test_encryption(self, account, container):
        """KmsKeyId encrypts the object."""
        caller = Caller(account, container, KmsKeyId="alias/results")
        output = caller.object(caller.invoke(Body=b"x")["OutputLocation"])

        assert output["ServerSideEncryption"] == "aws:kms"
        assert output["SSEKMSKeyId"] == "alias/results"

    def test_demo(self, account, container):
        """The demo's asynchronous endpoint is created with the requests that it lists."""
        url = account.upload({"model.tar.gz": {"x": b""}})
        bucket = url.removeprefix("s3://").split("/")[0]
        account.s3.copy_object(
            Bucket=bucket,
            Key=ASYNC_ENDPOINT.containers[0].artifact,
            CopySource=f"{url.removeprefix('s3://')}model.tar.gz",
        )
        deployment = Deployment(bucket=bucket, images={"sklearn": container.url})
        for request in endpoint_requests(ASYNC_ENDPOINT, deployment):
            getattr(account.sagemaker, f"create_{request.resource}")(**request.arguments)
        account.wait_for(ASYNC_ENDPOINT.name, "endpoint_in_service")
        accepted = account.runtime.invoke_endpoint_async(
            EndpointName=ASYNC_ENDPOINT.name, Body=b"1"
        )
        account.delete_endpoint(ASYNC_ENDPOINT.name)
        account.sagemaker.delete_endpoint_config(EndpointConfigName=ASYNC_ENDPOINT.name)
        account.sagemaker.delete_model(ModelName=ASYNC_ENDPOINT.name)

        assert accepted["FailureLocation"].startswith(f"s3://{bucket}/digit-reader-async/failure/")


REFUSED = {
    "no input": ({}, "are both missing"),
    "two inputs": ({"Body": b"x", "InputLocation": "s3://b/k"}, "are mutually exclusive"),
    "inline body": ({"Body": bytes(INLINE_LIMIT + 1)}, "less than or equal to 128000"),
    "location": ({"InputLocation": "ftp://b/k"}, "'inputLocation' failed"),
    "long TTL": ({"Body": b"x", "RequestTTLSeconds": 21_601}, "'requestTTLSeconds' failed"),
    "time-out": ({"Body": b"x", "InvocationTimeoutSeconds": 3601}, "less than or equal to 3600"),
    "file name": ({"Body": b"x", "Filename": "a.b.c"}, "'filename' failed"),
    "extension": ({"Body": b"x", "S3OutputPathExtension": "s3://b"}, "'s3OutputPathExtension'"),
    "id": ({"Body": b"x", "InferenceId": "i" * 65}, "'inferenceId' failed"),
    "endpoint": ({"Body": b"x", "EndpointName": "nowhere"}, "Endpoint nowhere of account"),
}


class TestRefused:
    @pytest.mark.parametrize("name", REFUSED)
    def test_call(self, caller, container, name):
        """A call that does not fit is a ValidationError, and nothing is queued."""
        members, text = REFUSED[name]
        error = caller.error(**members)

        assert error["Code"] == "ValidationError"
        assert text in error["Message"]
        assert not container.invocations

    def test_number_that_is_none(self, caller):
        """boto3 sends numbers alone; other clients get an error that names the header."""
        head = (
            f"POST /endpoints/{caller.endpoint}/async-invocations HTTP/1.1\r\n"
            "Host: localhost\r\nConnection: close\r\n"
            "X-Amzn-SageMaker-RequestTTLSeconds: soon\r\nContent-Length: 1\r\n\r\nx"
        )
        with connected(caller.account.url, head.encode()) as connection:
            answer = received(connection)

        assert b" 400 " in answer
        assert b"X-Amzn-SageMaker-RequestTTLSeconds is not a whole number" in answer

    def test_web_page(self, caller):
        """A request with Origin is refused before it is queued."""
        head = (
            f"POST /endpoints/{caller.endpoint}/async-invocations HTTP/1.1\r\n"
            "Host: localhost\r\nConnection: close\r\n"
            "Origin: http://example.com\r\nContent-Length: 1\r\n\r\nx"
        )
        with connected(caller.account.url, head.encode()) as connection:
            assert b" 403 " in received(connection)

    def test_wrong_kind_of_call(self, caller, account, container):
        """An endpoint takes either synchronous calls or asynchronous ones."""
        synchronous = account.deploy(image(container))

        assert "does not support synchronous" in account.rejection(caller.endpoint)
        error = caller.error(EndpointName=synchronous, Body=b"x")
        assert error["Code"] == "ValidationError"
        assert "does not support asynchronous" in error["Message"]

    @pytest.mark.parametrize("kind", ["multi-model", "containers", "component", "variants"])
    def test_configuration(self, account, container, kind):
        """A configuration whose target InvokeEndpointAsync could not name is refused."""
        single = account.create_model(image(container))
        models = {
            "multi-model": lambda: account.create_model(
                account.multi_model(container, artifacts("a.tar.gz"))
            ),
            "containers": lambda: account.create_model(image(container), image(container)),
        }
        variant = {"VariantName": VARIANT, **INSTANCES}
        if kind != "component":
            variant["ModelName"] = models.get(kind, lambda: single)()
        variants = [variant, {**variant, "VariantName": "B"}] if kind == "variants" else [variant]
        with pytest.raises(ClientError) as caught:
            account.create_config(
                *variants, AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://b/o"}}
            )

        error = caught.value.response["Error"]
        assert error["Code"] == "ValidationException"
        assert error["Message"].endswith("not supported when specifying an AsyncInferenceConfig.")

    @pytest.mark.parametrize(
        "output",
        [
            {"S3OutputPath": "bucket/key"},
            {"S3OutputPath": "s3://b/o", "NotificationConfig": {"ErrorTopic": "mine"}},
        ],
    )
    def test_output(self, account, container, output):
        """Paths and topics have to have the form of the service model."""
        model = account.create_model(image(container))
        with pytest.raises(ClientError, match="failed to satisfy constraint"):
            account.create_config(
                {"VariantName": VARIANT, "ModelName": model, **INSTANCES},
                AsyncInferenceConfig={"OutputConfig": output},
            )

    def test_update_to_a_synchronous_endpoint(self, caller, account):
        """UpdateEndpoint cannot remove AsyncInferenceConfig."""
        config = account.create_config(
            {"VariantName": VARIANT, "ModelName": caller.model, **INSTANCES}
        )
        error = error_of(
            account.sagemaker.update_endpoint,
            EndpointName=caller.endpoint,
            EndpointConfigName=config,
        )

        assert "AsyncInferenceConfig parameter cannot be removed" in error["Error"]["Message"]


class TestFailed:
    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            (failing(500, "no memory"), 'server error (500) from primary with message "no memory"'),
            (failing(400, "3 columns"), 'client error (400) from primary with message "3 columns"'),
            (resetting, "could not get a response"),
            (without_length, "did not specify the required Content-Length header"),
        ],
    )
    def test_container(self, caller, container, answer, text):
        """What the container did is in the failure object, and it is not called again."""
        container.answer = answer
        accepted = caller.invoke(Body=b"x")

        assert text in caller.failure(accepted)
        assert len(container.invocations) == 1

    def test_invocation_timeout(self, caller, container):
        """InvocationTimeoutSeconds ends an invocation."""
        container.answer = container.hang
        accepted = caller.invoke(Body=b"x", InvocationTimeoutSeconds=1)

        assert "invocation timed out" in caller.failure(accepted)

    def test_input_that_is_not_there(self, caller, container):
        """The call is accepted; the failure object names bucket and key."""
        accepted = caller.invoke(InputLocation=caller.url("nothing"))

        assert f"bucket: {caller.bucket}, key: nothing" in caller.failure(accepted)
        assert not container.invocations

    def test_output_that_cannot_be_written(self, account, container):
        """A bucket that is not there is a failure."""
        caller = Caller(account, container, S3OutputPath=f"s3://none-{uuid.uuid4().hex}/o")
        accepted = caller.invoke(Body=b"x")
        failure = caller.object(accepted["FailureLocation"])["Body"].read().decode()

        assert accepted["OutputLocation"] in failure
