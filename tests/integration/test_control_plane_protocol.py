"""SageMaker's API on the wire: what no boto3 sends, and what is left to moto."""

import pytest

from tests.support.stand_in import error_of
from tests.support.wire import send

REGION = "eu-west-3"


def called(sagemaker_local, operation, body):
    """A request that boto3 would not send."""
    headers = {
        "X-Amz-Target": f"SageMaker.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=a/20260101/{REGION}/sagemaker/aws4_request",
    }
    return send(sagemaker_local.url, "/", headers=headers, body=body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut"),
        pytest.param(b"\xff", id="not-utf-8"),
        pytest.param(b"[" * 100_000, id="too-deep"),
        pytest.param(b'{"Unknown":' + b"[" * 900 + b"]" * 900 + b"}", id="deep-and-unknown"),
        pytest.param(b"[]", id="not-an-object"),
        pytest.param(b'{"MaxResults": "ten"}', id="another-type"),
        pytest.param(b'{"CreationTimeAfter": "yesterday"}', id="not-a-time"),
        pytest.param(b'{"CreationTimeAfter": NaN}', id="not-a-number"),
        pytest.param(b'{"CreationTimeAfter": 1e999}', id="infinity"),
    ],
)
def test_what_cannot_be_read(sagemaker_local, body):
    """SerializationException, as AWS's JSON services say."""
    reply = called(sagemaker_local, "ListModels", body)

    assert reply.status == 400
    assert reply.headers["x-amzn-ErrorType"] == "SerializationException"
    assert reply.headers["x-amzn-RequestId"]
    assert reply.json()["__type"] == "SerializationException"
    assert reply.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="no-body"),
        pytest.param(b'{"NextToken": null, "MaxResults": null}', id="nulls"),
        pytest.param(b'{"Unknown": 1}', id="unknown-member"),
    ],
)
def test_what_can_be_read_all_the_same(sagemaker_local, body):
    """Null is absent, and a member that nobody knows is left alone."""
    assert called(sagemaker_local, "ListModels", body).status == 200


def test_null_is_absent_at_any_depth(sagemaker_local):
    """Some SDKs send every member that there is."""
    body = (
        b'{"ModelName": "nulls", "Containers": null, "InferenceExecutionConfig": null,'
        b' "PrimaryContainer": {"Image": "local/sklearn", "ModelDataUrl": "s3://b/k",'
        b' "ModelDataSource": null, "Environment": null, "MultiModelConfig": null}}'
    )

    assert called(sagemaker_local, "CreateModel", body).status == 200
    described = called(sagemaker_local, "DescribeModel", b'{"ModelName": "nulls"}').json()
    called(sagemaker_local, "DeleteModel", b'{"ModelName": "nulls"}')

    assert described["PrimaryContainer"] == {"Image": "local/sklearn", "ModelDataUrl": "s3://b/k"}


@pytest.mark.parametrize(
    "operation",
    [
        "UpdateEndpointWeightsAndCapacities",
        "UpdateInferenceComponent",
        "GetEndpointPolicy",
        "CreateModels",
    ],
)
def test_an_operation_on_endpoints_that_is_not_offered(sagemaker_local, operation):
    """Says so, and what is, before moto answers from endpoints of its own."""
    reply = called(sagemaker_local, operation, b"{}")

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
def test_the_rest_of_sagemaker_is_motos(sagemaker_local, operation, member):
    """Whatever does not concern hosting, even if its name has a model in it."""
    sagemaker = sagemaker_local.client("sagemaker")

    assert getattr(sagemaker, operation)()[member] == []


def test_what_moto_does_not_have(sagemaker_local):
    """Is an error of this one call."""
    sagemaker = sagemaker_local.client("sagemaker")

    error = error_of(sagemaker.list_hubs)

    assert error["ResponseMetadata"]["HTTPStatusCode"] >= 400
    assert sagemaker.list_models()["ResponseMetadata"]["HTTPStatusCode"] == 200
