"""The client that calls SageMaker: how it is made, and what bounds its waits."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import NoRegionError
from urllib3.exceptions import ReadTimeoutError

from chalicelib import errors
from chalicelib.aws import clients
from chalicelib.aws.deadline import Deadline
from chalicelib.payload.admission import InferenceRequest
from chalicelib.sagemaker.runtime import SageMakerRuntime
from chalicelib.telemetry.log import RequestRecord
from tests.support.gateway import AWS, table

MODELS = table("""\
version: 1
models:
  churn: {kind: single, endpoint: churn-prod}
  once: {kind: single, endpoint: churn-prod, max_attempts: 1}
""")
REQUEST = InferenceRequest(b"{}", "application/json")


class NoBody:
    """Nothing to read."""

    def stream(self):
        return iter(())


def invoke(runtime, path="churn", record=None):
    deadline = Deadline.soonest([5.0])
    return runtime.invoke(MODELS.resolve(path), REQUEST, deadline, record or RequestRecord("id"))


def test_stock():
    """But for two things it is what boto3 makes: it tries once, and does not wait to connect."""
    client = clients.client("sagemaker-runtime", **AWS)

    assert client.meta.service_model.service_name == "sagemaker-runtime"
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert client.meta.config.connect_timeout == 1.0


def test_one_try():
    """Whether a call is made again is ours to say: boto3 would run the model twice more."""
    client, sent = clients.client("sagemaker-runtime", **AWS), []

    def answer(request, **_):
        sent.append(request)
        return AWSResponse(request.url, 500, {"x-amzn-ErrorType": "InternalFailure"}, NoBody())

    client.meta.events.register("before-send.sagemaker-runtime.InvokeEndpoint", answer)
    with pytest.raises(errors.UpstreamFailed):
        invoke(SageMakerRuntime(lambda: client), path="once")

    assert len(sent) == 1


def test_made_once():
    """However many requests come first at the same moment: boto3 cannot make two at a time."""
    made, together = [], threading.Barrier(8)

    def make():
        client = clients.client("sagemaker-runtime", **AWS)
        client.meta.events.register("before-send", raise_read_timeout)
        made.append(client)
        return client

    runtime = SageMakerRuntime(make)

    def call(_):
        together.wait()
        with pytest.raises(errors.UpstreamTimedOut):
            invoke(runtime)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(8)))

    assert len(made) == 1


def raise_read_timeout(**_):
    raise ReadTimeoutError(None, "", "slow")


def test_cannot_be_made():
    """Without a region there is nobody to call; the next request tries again."""
    tries, record = [], RequestRecord("id")

    def make():
        tries.append(1)
        raise NoRegionError

    runtime = SageMakerRuntime(make)
    for _ in range(2):
        with pytest.raises(errors.GatewayMisconfigured):
            invoke(runtime, record=record)

    assert (len(tries), record.attempts) == (2, 0)
