"""Requests to asynchronous endpoints of the local SageMaker: order, faults, messages, restarts."""

import contextlib
import json
import pickle
import uuid

import pytest
from botocore.exceptions import ClientError
from sklearn.dummy import DummyRegressor

from tests.containers.account import INSTANCES, VARIANT, Account, image
from tests.containers.async_caller import Caller
from tests.containers.container import Answer, failing
from tests.support.stand_in import StandIn, gone, wait_until

TOPICS = {"SuccessTopic": "arn:aws:sns:us-east-1:123456789012:done"}


@pytest.fixture(scope="module")
def dummy_model():
    """The files of an artifact whose model answers 7 to everything."""
    model = DummyRegressor(strategy="constant", constant=7.0).fit([[0.0]], [7.0])
    return {"model.joblib": pickle.dumps(model)}


@pytest.fixture
def caller(account, container):
    return Caller(account, container)


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
