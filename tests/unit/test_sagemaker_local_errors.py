"""Errors of the local SageMaker: those that SageMaker declares, in the form that boto3 reads."""

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from sagemaker_local import errors, refusals
from sagemaker_local.runtime import error_response
from sagemaker_local.settings import AccountRegion
from sagemaker_local.validation import service_model

ACCOUNT = AccountRegion("123456789012", "eu-west-1")
SHAPES = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").error_shapes
DECLARED = {
    "InternalFailure": errors.InternalFailure(),
    "ServiceUnavailable": errors.ServiceUnavailable(),
    "ValidationError": refusals.EndpointNotFound("churn", ACCOUNT),
    "ModelError": errors.ModelError("churn", ACCOUNT, status=500, summary="No.", original="no"),
    "InternalDependencyException": errors.InternalDependency(),
    "ModelNotReadyException": errors.ModelNotReady("churn"),
}


class Body:
    """The body of an AWSResponse."""

    def __init__(self, content):
        self._content = content

    def stream(self):
        yield self._content


@pytest.fixture(scope="module")
def session():
    return boto3.Session("test", "test", region_name="eu-west-1")


@pytest.fixture
def raised_by_boto3(session):
    """Return a function that gives the error that boto3 raises, and the client's exceptions."""

    def raised_by_boto3(error, service="sagemaker-runtime"):
        config = Config(retries={"total_max_attempts": 1})
        client = session.client(service, endpoint_url="http://127.0.0.1:9", config=config)
        response = error_response(error, "4711")
        client.meta.events.register(
            "before-send",
            lambda request, **_: AWSResponse(
                request.url, response.status, response.headers, Body(response.body)
            ),
        )
        with pytest.raises(ClientError) as caught:
            if service == "sagemaker":
                client.describe_model(ModelName="m")
            else:
                client.invoke_endpoint(EndpointName="churn", Body=b"")
        return caught.value, client.exceptions

    return raised_by_boto3


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_declared_error(raised_by_boto3, shape):
    """Each error that AWS's model of InvokeEndpoint declares exists, with all its members."""
    error = DECLARED[shape.name]
    assert (error.code, error.status) == (shape.name, shape.metadata["error"]["httpStatusCode"])

    raised, exceptions = raised_by_boto3(error)

    assert type(raised) is exceptions.from_code(shape.name) is not ClientError
    assert raised.response["Error"] == {"Code": shape.name, "Message": error.message}
    assert raised.response["ResponseMetadata"]["RequestId"] == "4711"
    assert shape.members.keys() <= {"Message", *raised.response.keys()}


def test_model_error(raised_by_boto3):
    """A model error has the container's status and text, its log group, and a console link."""
    raised, _ = raised_by_boto3(DECLARED["ModelError"])

    group = "/aws/sagemaker/Endpoints/churn"
    assert raised.response["OriginalStatusCode"] == 500
    assert raised.response["OriginalMessage"] == "no"
    assert raised.response["LogStreamArn"] == (
        f"arn:aws:logs:eu-west-1:123456789012:log-group:{group}"
    )
    assert raised.response["Error"]["Message"] == (
        "No. See https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
        f"#logEventViewer:group={group} in account 123456789012 for more information."
    )


def test_throttling(raised_by_boto3):
    """Throttling is a 400 with an undeclared code and a null message."""
    raised, exceptions = raised_by_boto3(errors.Throttled())

    assert type(raised) is exceptions.from_code("ThrottlingException") is ClientError
    assert raised.response["Error"] == {"Code": "ThrottlingException", "Message": None}
    assert raised.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("status", "error_code"),
    [(400, "CLIENT_ERROR_FROM_MODEL"), (499, "CLIENT_ERROR_FROM_MODEL")]
    + [(status, "INTERNAL_FAILURE_FROM_MODEL") for status in (0, 302, 500, 507)],
)
def test_error_code(status, error_code):
    """The member ErrorCode, which boto3 does not show, blames the input or the model."""
    error = errors.ModelError("churn", ACCOUNT, status=status, summary="No.")

    assert error.body()["ErrorCode"] == error_code


@pytest.mark.parametrize(
    "error",
    [
        errors.ModelError("e", ACCOUNT, status=400, summary="x" * 5000, original="y" * 5000),
        refusals.TargetContainerUnknown("h" * 5000, "e"),
    ],
)
def test_long_texts(error):
    """No text is longer than 2,048 characters."""
    texts = [value for value in error.body().values() if isinstance(value, str)]

    assert max(map(len, texts)) == 2048


@pytest.mark.parametrize(
    "error",
    [errors.InvalidInput("no"), errors.MalformedInput("no"), errors.UnknownOperation("no")],
    ids=lambda error: error.code,
)
def test_control_plane(raised_by_boto3, error):
    """An error of the control plane is a ClientError with its code and its message."""
    raised, _ = raised_by_boto3(error, "sagemaker")

    assert type(raised) is ClientError
    assert raised.response["Error"] == {"Code": error.code, "Message": "no"}
    assert raised.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("violations", "text"),
    [
        (["a"], "1 validation error detected: a"),
        (["a", "b"], "2 validation errors detected: a; b"),
    ],
)
def test_violations(violations, text):
    """The text says how many violations there are, in singular or plural."""
    assert errors.InvalidInput.from_violations(violations).message == text
