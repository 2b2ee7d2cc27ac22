"""Each error that SageMaker declares is one of ours, and boto3 reads it as SageMaker's own."""

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from sagemaker_local import errors, refusals
from sagemaker_local.runtime import error_response
from sagemaker_local.settings import AccountRegion
from sagemaker_local.validation import service_model

PLACE = AccountRegion("123456789012", "eu-west-1")
INVOKE = service_model("sagemaker-runtime").operation_model("InvokeEndpoint")
OURS = {
    "InternalFailure": errors.InternalFailure(),
    "ServiceUnavailable": errors.ServiceUnavailable(),
    "ValidationError": refusals.EndpointNotFound("churn", PLACE),
    "ModelError": errors.ModelError("churn", PLACE, status=500, summary="No.", original="no"),
    "InternalDependencyException": errors.InternalDependency(),
    "ModelNotReadyException": errors.ModelNotReady("churn"),
}


class Raw:
    """The body of an AWSResponse."""

    def __init__(self, content):
        self._content = [content]

    def stream(self):
        yield from self._content


@pytest.fixture(scope="module")
def session():
    return boto3.Session("test", "test", region_name="eu-west-1")


@pytest.fixture
def raised(session):
    """What boto3 raises when it is answered with an error, and its typed exceptions."""

    def raised(error, service="sagemaker-runtime"):
        config = Config(retries={"total_max_attempts": 1})
        client = session.client(service, endpoint_url="http://127.0.0.1:9", config=config)
        answer_with(error, client)
        with pytest.raises(ClientError) as caught:
            if service == "sagemaker":
                client.describe_model(ModelName="m")
            else:
                client.invoke_endpoint(EndpointName="churn", Body=b"")
        return caught.value, client.exceptions

    return raised


def answer_with(error, client):
    """From now on no request of the client gets further than this."""
    answer = error_response(error, "4711")
    client.meta.events.register(
        "before-send",
        lambda request, **_: AWSResponse(
            request.url, answer.status, answer.headers, Raw(answer.body)
        ),
    )


@pytest.mark.parametrize("shape", INVOKE.error_shapes, ids=lambda shape: shape.name)
def test_every_declared_error_is_ours(shape):
    """With the code and the status that the service model gives it."""
    ours = OURS[shape.name]

    assert ours.code == shape.name
    assert ours.status == shape.metadata["error"]["httpStatusCode"]


@pytest.mark.parametrize("shape", INVOKE.error_shapes, ids=lambda shape: shape.name)
def test_boto3_reads_it_as_its_own(raised, shape):
    """The typed exception, with every member that the model declares."""
    ours = OURS[shape.name]

    error, exceptions = raised(ours)

    assert type(error) is exceptions.from_code(shape.name) is not ClientError
    assert error.response["Error"] == {"Code": shape.name, "Message": ours.message}
    assert error.response["ResponseMetadata"]["RequestId"] == "4711"
    assert shape.members.keys() <= {"Message", *error.response.keys()}


def test_a_model_error_says_where_to_look(raised):
    """The container's status and words, its log group, and a link to the console."""
    error, _ = raised(OURS["ModelError"])

    group = "/aws/sagemaker/Endpoints/churn"
    assert error.response["OriginalStatusCode"] == 500
    assert error.response["OriginalMessage"] == "no"
    assert error.response["LogStreamArn"] == (
        f"arn:aws:logs:eu-west-1:123456789012:log-group:{group}"
    )
    assert error.response["Error"]["Message"] == (
        "No. See https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
        f"#logEventViewer:group={group} in account 123456789012 for more information."
    )


def test_throttling_has_no_words(raised):
    """HTTP 400, a code that no model declares, and a null message."""
    error, exceptions = raised(errors.Throttled())

    assert type(error) is exceptions.from_code("ThrottlingException") is ClientError
    assert error.response["Error"] == {"Code": "ThrottlingException", "Message": None}
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("status", "error_code"),
    [(400, "CLIENT_ERROR_FROM_MODEL"), (499, "CLIENT_ERROR_FROM_MODEL")]
    + [(status, "INTERNAL_FAILURE_FROM_MODEL") for status in (0, 302, 500, 507)],
)
def test_the_body_blames_model_or_client(status, error_code):
    """In the unmodelled ErrorCode, which boto3 does not show."""
    error = errors.ModelError("churn", PLACE, status=status, summary="No.")

    assert error.body()["ErrorCode"] == error_code


@pytest.mark.parametrize(
    "error",
    [
        errors.ModelError("e", PLACE, status=400, summary="x" * 5000, original="y" * 5000),
        refusals.TargetContainerUnknown("h" * 5000, "e"),
    ],
)
def test_texts_are_cut(error):
    """SageMaker's have at most 2,048 characters."""
    texts = [value for value in error.body().values() if isinstance(value, str)]

    assert max(map(len, texts)) == 2048


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidInput("no"),
        errors.MalformedInput("no"),
        errors.UnknownOperation("no"),
    ],
    ids=lambda error: error.code,
)
def test_errors_of_the_control_plane(raised, error):
    """botocore finds the code and the message, and they are plain ClientErrors."""
    caught, _ = raised(error, "sagemaker")

    assert type(caught) is ClientError
    assert caught.response["Error"] == {"Code": error.code, "Message": "no"}
    assert caught.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("violations", "text"),
    [
        (["a"], "1 validation error detected: a"),
        (["a", "b"], "2 validation errors detected: a; b"),
    ],
)
def test_violations_are_counted(violations, text):
    """As AWS counts them."""
    assert errors.InvalidInput.from_violations(violations).message == text
