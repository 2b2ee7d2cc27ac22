"""Asynchronous endpoints of the local SageMaker, as stock boto3 sees them."""

import contextlib
import json
import pickle
import uuid

import pytest
from botocore.exceptions import ClientError
from sklearn.dummy import DummyRegressor

from sagemaker_local.demo.endpoints import ASYNC_ENDPOINT, Deployment, endpoint_requests
from tests.containers.account import INSTANCES, VARIANT, Account, artifacts, image
from tests.containers.container import Answer, failing, resetting, without_length
from tests.support.stand_in import StandIn, error_of, gone, wait_until
from tests.support.wire import connected, received

INLINE_LIMIT = 128_000
MIB = 1024 * 1024
TOPICS = {"SuccessTopic": "arn:aws:sns:us-east-1:123456789012:done"}


class Caller:
    """A caller of one asynchronous endpoint, whose results are in a bucket of its own."""

    def __init__(self, account, container, *, instances=1, concurrent=None, **output):
        self.account = account
        self.bucket = f"async-{uuid.uuid4().hex}"
        account.s3.create_bucket(Bucket=self.bucket)
        paths = {"S3OutputPath": self.url("out/"), "S3FailurePath": self.url("failed")}
        given = {**paths, **output}
        config = {"OutputConfig": {k: v for k, v in given.items() if v is not None}}
        if concurrent:
            config["ClientConfig"] = {"MaxConcurrentInvocationsPerInstance": concurrent}
        self.config = config
        self.model = account.create_model(image(container))
        self.endpoint = account.start_endpoint(self.new_config(instances))
        account.wait_for(self.endpoint, "endpoint_in_service")

    def url(self, key):
        return f"s3://{self.bucket}/{key}"

    def new_config(self, instances=1):
        variant = {"VariantName": VARIANT, "ModelName": self.model, **INSTANCES}
        variant["InitialInstanceCount"] = instances
        return self.account.create_config(variant, AsyncInferenceConfig=self.config)

    def invoke(self, **members):
        return self.account.runtime.invoke_endpoint_async(EndpointName=self.endpoint, **members)

    def error(self, **members):
        call = self.account.runtime.invoke_endpoint_async
        return error_of(call, **{"EndpointName": self.endpoint, **members})["Error"]

    def find(self, url):
        bucket, _, key = url.removeprefix("s3://").partition("/")
        try:
            return self.account.s3.get_object(Bucket=bucket, Key=key)
        except self.account.s3.exceptions.NoSuchKey:
            return None

    def object(self, url):
        """Wait until the object exists."""
        wait_until(lambda: self.find(url) is not None)
        return self.find(url)

    def result(self, accepted):
        assert self.find(accepted["FailureLocation"]) is None
        return self.object(accepted["OutputLocation"])["Body"].read()

    def failure(self, accepted):
        text = self.object(accepted["FailureLocation"])["Body"].read().decode()
        assert self.find(accepted["OutputLocation"]) is None
        return text


@pytest.fixture(scope="module")
def dummy_model():
    """The files of an artifact whose model answers 7 to everything."""
    model = DummyRegressor(strategy="constant", constant=7.0).fit([[0.0]], [7.0])
    return {"model.joblib": pickle.dumps(model)}


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
            f"POST /endpoints/{caller.endpoint}/async-invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            "X-Amzn-SageMaker-RequestTTLSeconds: soon\r\nContent-Length: 1\r\n\r\nx"
        )
        with connected(caller.account.url, head.encode()) as connection:
            answer = received(connection)

        assert b" 400 " in answer
        assert b"X-Amzn-SageMaker-RequestTTLSeconds is not a whole number" in answer

    def test_web_page(self, caller):
        """A request with Origin is refused before it is queued."""
        head = (
            f"POST /endpoints/{caller.endpoint}/async-invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
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


class TestQueue:
    def test_order_and_concurrency(self, account, container):
        """Requests start in their order, and not more at once than the configuration says."""
        caller = Caller(account, container, concurrent=2, instances=1)
        container.answer = container.hang
        accepted = [caller.invoke(Body=b"%d" % number) for number in range(5)]
        wait_until(lambda: len(container.invocations) == 2)
        status = account.sagemaker.describe_endpoint(EndpointName=caller.endpoint)

        assert {r.body for r in container.invocations} == {b"0", b"1"}
        assert status["EndpointStatus"] == "InService"
        container.hang_gate.set()
        assert [caller.result(one) for one in accepted] == [b"%d" % n for n in range(5)]

    def test_no_instance(self, caller, container):
        """Without an instance requests wait, and are answered when there is one."""
        scale = caller.account.sagemaker.update_endpoint_weights_and_capacities
        for count in (0, 1):
            scale(
                EndpointName=caller.endpoint,
                DesiredWeightsAndCapacities=[
                    {"VariantName": VARIANT, "DesiredInstanceCount": count}
                ],
            )
            caller.account.wait_for(caller.endpoint, "endpoint_in_service")
            if count == 0:
                accepted = caller.invoke(Body=b"x")
                assert not container.invocations

        assert caller.result(accepted) == b"x"

    def test_update(self, account, container, start_container):
        """Requests that wait go to the new model; one that is at work ends with the old one."""
        caller = Caller(account, container, concurrent=1)
        container.answer = container.hang
        first, second = caller.invoke(Body=b"1"), caller.invoke(Body=b"2")
        wait_until(lambda: container.invocations)
        other = start_container(answer=lambda request: Answer(body=b"new"))
        caller.model = account.create_model(image(other))
        account.sagemaker.update_endpoint(
            EndpointName=caller.endpoint, EndpointConfigName=caller.new_config()
        )
        account.wait_for(caller.endpoint, "endpoint_in_service")
        container.hang_gate.set()

        assert caller.result(first) == b"1"
        assert caller.result(second) == b"new"

    def test_delete(self, account, container):
        """DeleteEndpoint drops what is queued and at work, and leaves no object."""
        caller = Caller(account, container, concurrent=1)
        container.answer = container.hang
        accepted = [caller.invoke(Body=b"x") for _ in range(3)]
        wait_until(lambda: container.invocations)
        account.delete_endpoint(caller.endpoint)
        container.hang_gate.set()

        assert len(container.invocations) == 1
        for one in accepted:
            assert caller.find(one["OutputLocation"]) is caller.find(one["FailureLocation"]) is None
        assert caller.error(Body=b"x")["Message"].endswith("not found.")

    def test_many(self, caller):
        """None of 200 requests is lost, and each result is that of its own request."""
        accepted = {b"%d" % number: caller.invoke(Body=b"%d" % number) for number in range(200)}

        assert all(caller.result(one) == body for body, one in accepted.items())


class TestFaults:
    @pytest.fixture
    def put(self, sagemaker_local, caller):
        def put(fault, **members):
            body = json.dumps({"fault": fault, **members}).encode()
            sagemaker_local.fault("PUT", caller.endpoint, body)

        yield put
        sagemaker_local.fault("DELETE", caller.endpoint)

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ("throttle", "ThrottlingException"),
            ("e500", "InternalFailure"),
            ("e503", "ServiceUnavailable"),
        ],
    )
    def test_call(self, caller, container, put, fault, code):
        """The call fails, and nothing is queued."""
        put(fault, count=1)

        assert caller.error(Body=b"x")["Code"] == code
        assert caller.result(caller.invoke(Body=b"y")) == b"y"
        assert [request.body for request in container.invocations] == [b"y"]

    @pytest.mark.parametrize(
        ("fault", "text"), [("model-error", "fault on demand"), ("expired", "expired in the queue")]
    )
    def test_result(self, caller, container, put, fault, text):
        """The call is accepted, and the failure object says why it failed."""
        put(fault, count=1)

        assert text in caller.failure(caller.invoke(Body=b"x"))
        assert not container.invocations

    def test_lost(self, caller, put):
        """A lost request leaves nothing, and the next one is answered."""
        put("lost", count=1)
        lost, answered = caller.invoke(Body=b"1"), caller.invoke(Body=b"2")

        assert caller.result(answered) == b"2"
        assert caller.find(lost["OutputLocation"]) is caller.find(lost["FailureLocation"]) is None


class TestNotifications:
    @pytest.fixture
    def topic(self, sagemaker_local):
        """A topic, and a function that returns the messages of a queue that has subscribed."""
        sns, sqs = sagemaker_local.client("sns"), sagemaker_local.client("sqs")
        name = f"done-{uuid.uuid4().hex}"
        arn = sns.create_topic(Name=name)["TopicArn"]
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue["QueueArn"])
        messages = {}

        def received(name):
            for found in sqs.receive_message(QueueUrl=url).get("Messages", ()):
                message = json.loads(json.loads(found["Body"])["Message"])
                messages[message["eventName"]] = message
            return messages.get(name)

        return arn, received

    def test_success(self, account, container, topic):
        """A finished request is notified, with its response if the configuration says so."""
        arn, received = topic
        config = {
            "SuccessTopic": arn,
            "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
        }
        caller = Caller(account, container, NotificationConfig=config)
        wait_until(lambda: received("TestNotification"))
        accepted = caller.invoke(Body=b"x", ContentType="text/plain")
        wait_until(lambda: received("InferenceResult"))
        message = received("InferenceResult")

        assert message["invocationStatus"] == "Completed"
        assert message["inferenceId"] == accepted["InferenceId"]
        assert message["requestParameters"]["endpointName"] == caller.endpoint
        assert message["responseParameters"]["outputLocation"] == accepted["OutputLocation"]
        assert message["responseParameters"]["responseBody"]["content"] == "x"

    def test_failure(self, account, container, topic):
        """A failed request is notified to the other topic, with the reason."""
        arn, received = topic
        caller = Caller(account, container, NotificationConfig={"ErrorTopic": arn})
        container.answer = failing(500, "no memory")
        caller.invoke(Body=b"x")
        wait_until(lambda: received("InferenceResult"))

        assert received("InferenceResult")["invocationStatus"] == "Failed"
        assert "no memory" in received("InferenceResult")["failureReason"]

    def test_topic_that_is_not_there(self, account, container):
        """The result is written all the same."""
        caller = Caller(account, container, NotificationConfig=TOPICS)

        assert caller.result(caller.invoke(Body=b"x")) == b"x"


class TestProcess:
    """A local SageMaker with a child process as the container."""

    ARTIFACT = "model.tar.gz"

    def deploy(self, account, model):
        url = account.upload({self.ARTIFACT: model}) + self.ARTIFACT
        name = account.create_model({"Image": "local/sklearn", "ModelDataUrl": url})
        bucket = url.removeprefix("s3://").split("/")[0]
        endpoint = account.start_endpoint(
            account.create_config(
                {"VariantName": VARIANT, "ModelName": name, **INSTANCES},
                AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"s3://{bucket}/out"}},
            )
        )
        account.wait_for(endpoint, "endpoint_in_service")
        return endpoint

    def test_container_restarts(self, sagemaker_local, account, dummy_model):
        """A request that is queued while the container restarts is answered after that."""
        endpoint = self.deploy(account, dummy_model)
        before = [p for p in sagemaker_local.descendants() if "modelserver" in str(p.cmdline())]
        for process in before:
            process.kill()
        accepted = account.runtime.invoke_endpoint_async(
            EndpointName=endpoint, Body=b"[[1]]", ContentType="application/json"
        )
        bucket, _, key = accepted["OutputLocation"].removeprefix("s3://").partition("/")

        def finds():
            try:
                return account.s3.head_object(Bucket=bucket, Key=key)
            except ClientError:
                return None

        wait_until(finds)
        assert b"7" in account.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def test_end_with_requests_in_the_queue(self, tmp_path, dummy_model, container):
        """No process is left; with --data the results are there again, and the queue is empty."""
        container.answer = container.hang
        with StandIn("--data", str(tmp_path)) as stand_in:
            account = Account(stand_in.session, stand_in.url)
            self.deploy(account, dummy_model)
            caller = Caller(account, container, concurrent=1)
            held, waiting = caller.invoke(Body=b"1"), caller.invoke(Body=b"2")
            wait_until(lambda: container.invocations)
            container.hang_gate.set()
            assert [caller.result(held), caller.result(waiting)] == [b"1", b"2"]
            container.hang_gate.clear()
            left = [caller.invoke(Body=b"3"), caller.invoke(Body=b"4")]
            wait_until(lambda: len(container.invocations) == 3)
            children = stand_in.descendants()
            assert children
            assert stand_in.stop() == 0
            assert gone(children)
        container.hang_gate.set()
        with StandIn("--data", str(tmp_path)) as stand_in:
            account = Account(stand_in.session, stand_in.url)
            caller.account = account
            with contextlib.closing(account):
                assert caller.result(held) == b"1"
                assert caller.result(caller.invoke(Body=b"5")) == b"5"
                assert all(caller.find(one["OutputLocation"]) is None for one in left)
