"""The control plane's protocol: requests that boto3 does not send, and operations of moto."""

import json
import math
import re

import pytest

from tests.support.wire import send

REGION = "eu-west-3"


def post(sagemaker_local, operation, body):
    """Send a request that boto3 would not send."""
    headers = {
        "X-Amz-Target": f"SageMaker.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=a/20260101/{REGION}/sagemaker/aws4_request",
    }
    return send(sagemaker_local.url, "/", headers=headers, body=body)


NOT_JSON = "The request body is not JSON."
LIST, MODEL, CONFIG = "ListModels", "CreateModel", "CreateEndpointConfig"


def config(**members):
    """Build a request of CreateEndpointConfig with one variant."""
    return json.dumps({"ProductionVariants": [members]}).encode()


@pytest.mark.parametrize(
    ("operation", "body", "text"),
    [
        (LIST, b"{", NOT_JSON),
        (LIST, b"\xff", NOT_JSON),
        (LIST, b"[" * 100_000, NOT_JSON),
        (LIST, b"[]", "The request body is not a JSON object."),
        (LIST, b'{"MaxResults": "ten"}', "maxResults must be a integer"),
        (LIST, b'{"CreationTimeAfter": "2026-01-01"}', "creationTimeAfter must be a timestamp"),
        (LIST, b'{"CreationTimeAfter": NaN}', "creationTimeAfter must be a timestamp"),
        (LIST, b'{"CreationTimeAfter": 1e999}', "creationTimeAfter must be a timestamp"),
        (MODEL, b'{"ModelName": 1}', "modelName must be a string"),
        (MODEL, b'{"PrimaryContainer": []}', "primaryContainer must be a structure"),
        (MODEL, b'{"Containers": {}}', "containers must be a list"),
        (MODEL, b'{"Containers": [{}, {"Image": true}]}', "containers.2.member.image must be a"),
        (
            MODEL,
            b'{"PrimaryContainer": {"Environment": {"A": 1}}}',
            "primaryContainer.environment.A.member must be a string",
        ),
        (MODEL, b'{"EnableNetworkIsolation": 1}', "enableNetworkIsolation must be a boolean"),
        (CONFIG, config(InitialInstanceCount=1.5), "initialInstanceCount must be a integer"),
        (CONFIG, config(InitialInstanceCount=True), "initialInstanceCount must be a integer"),
        (CONFIG, config(InitialVariantWeight=math.nan), "initialVariantWeight must be a float"),
        (CONFIG, config(InitialVariantWeight=math.inf), "initialVariantWeight must be a float"),
    ],
)
def test_malformed_request(sagemaker_local, operation, body, text):
    """A body that is not JSON, or has a member of another type, is a SerializationException."""
    reply = post(sagemaker_local, operation, body)

    assert reply.status == 400
    assert reply.headers["x-amzn-ErrorType"] == "SerializationException"
    assert reply.headers["x-amzn-RequestId"]
    assert reply.json()["__type"] == "SerializationException"
    assert text in reply.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="no-body"),
        pytest.param(b'{"NextToken": null, "MaxResults": null}', id="nulls"),
        pytest.param(b'{"Unknown": {"a": [1]}}', id="unknown-member"),
        pytest.param(b'{"CreationTimeAfter": 1.5e9}', id="seconds-since-1970"),
    ],
)
def test_accepted_request(sagemaker_local, body):
    """A null member is treated as absent, and an unknown member is ignored."""
    assert post(sagemaker_local, "ListModels", body).status == 200


def test_nested_nulls(sagemaker_local):
    """Null members are treated as absent at any depth, because some SDKs send them."""
    body = (
        b'{"ModelName": "nulls", "Containers": null, "InferenceExecutionConfig": null,'
        b' "PrimaryContainer": {"Image": "local/sklearn", "ModelDataUrl": null,'
        b' "ModelDataSource": null, "Environment": null, "MultiModelConfig": null}}'
    )

    assert post(sagemaker_local, "CreateModel", body).status == 200
    described = post(sagemaker_local, "DescribeModel", b'{"ModelName": "nulls"}').json()
    post(sagemaker_local, "DeleteModel", b'{"ModelName": "nulls"}')

    assert described["PrimaryContainer"] == {"Image": "local/sklearn"}


@pytest.mark.parametrize(
    "operation",
    [
        "GetEndpointPolicy",
        "CreateModels",
    ],
)
def test_hosting_operation_that_is_not_offered(sagemaker_local, operation):
    """The error names the operations that exist; the request does not go to moto."""
    reply = post(sagemaker_local, operation, b"{}")

    assert reply.status == 400
    assert reply.headers["x-amzn-ErrorType"] == "UnknownOperationException"
    assert f"does not offer {operation}" in reply.json()["message"]
    assert "UpdateEndpoint," in reply.json()["message"]


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("list_training_jobs", "TrainingJobSummaries"),
        ("list_notebook_instances", "NotebookInstances"),
        ("list_model_package_groups", "ModelPackageGroupSummaryList"),
        ("list_model_cards", "ModelCardSummaries"),
        ("list_pipelines", "PipelineSummaries"),
    ],
)
def test_other_operations_of_sagemaker(sagemaker_local, operation, member):
    """moto handles operations that do not concern hosting, even with "Model" in the name."""
    sagemaker = sagemaker_local.client("sagemaker")

    assert getattr(sagemaker, operation)()[member] == []


def test_times(sagemaker_local):
    """A time is a number of seconds with milliseconds, as AWS writes it."""
    role = "arn:aws:iam::123456789012:role/any"
    model = {"ModelName": "timed", "ExecutionRoleArn": role}
    model["PrimaryContainer"] = {"Image": "local/sklearn"}
    post(sagemaker_local, MODEL, json.dumps(model).encode())

    reply = post(sagemaker_local, "DescribeModel", b'{"ModelName": "timed"}')

    assert re.search(rb'"CreationTime": \d{10}(\.\d{1,3})?[,}]', reply.body), reply.body
    post(sagemaker_local, "DeleteModel", b'{"ModelName": "timed"}')
