"""The boto3 steps, against botocore's own idea of what S3 and SageMaker take."""

import boto3
import pytest
from botocore.stub import ANY, Stubber

from sagemaker_local.demo.artifacts import Artifacts
from sagemaker_local.demo.calls import Call, Deployment, component_calls, endpoint_calls
from sagemaker_local.demo.creation import BucketTaken, NotInService, create
from sagemaker_local.demo.endpoints import Container, Endpoint

DEPLOYMENT = Deployment(bucket="models")
READER = Endpoint("reader", "single", (Container("sklearn", "reader/model.tar.gz"),))
SHARED = Endpoint(
    "shared", "component", (Container("sklearn", "reader/model.tar.gz"),), component="part"
)
ARN = "arn:aws:sagemaker:us-east-1:000000000000:thing/thing"
CREATED = {
    "model": {"ModelArn": ARN},
    "endpoint_config": {"EndpointConfigArn": ARN},
    "endpoint": {"EndpointArn": ARN},
    "inference_component": {"InferenceComponentArn": ARN},
}
NOW = 1_700_000_000


class StubbedSession:
    """A boto3 session whose clients expect certain calls, in their order."""

    def __init__(self, region: str = "us-east-1") -> None:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        session = boto3.Session(region_name=region, **keys)
        self._clients = {name: session.client(name) for name in ("s3", "sagemaker")}
        self.s3, self.sagemaker = (Stubber(client) for client in self._clients.values())

    def client(self, service_name, /, *, config=None):
        del config
        return self._clients[service_name]

    def expect_upload(self, location=None):
        configuration = {"CreateBucketConfiguration": location} if location else {}
        self.s3.add_response("create_bucket", {}, {"Bucket": "models", **configuration})
        self.expect_object()

    def expect_object(self):
        expected = {"Bucket": "models", "Key": "reader/model.tar.gz", "Body": b"tar"}
        self.s3.add_response("put_object", {}, expected)

    def expect_missing(self, call: Call):
        self.sagemaker.add_client_error(
            f"describe_{call.resource}", "ValidationException", expected_params=call.name
        )

    def expect_creation(self, call: Call):
        self.expect_missing(call)
        self.sagemaker.add_response(
            f"create_{call.resource}", CREATED[call.resource], call.arguments
        )

    def expect_description(self, call: Call, status: str, **more):
        if call.resource == "endpoint":
            described = {"EndpointName": "x", "EndpointArn": ARN, "EndpointStatus": status}
        else:
            described = {
                "InferenceComponentName": "x",
                "InferenceComponentArn": ARN,
                "InferenceComponentStatus": status,
                "EndpointName": "x",
                "EndpointArn": ARN,
            }
        described |= {"CreationTime": NOW, "LastModifiedTime": NOW, **more}
        self.sagemaker.add_response(f"describe_{call.resource}", described, call.name)

    def expect_endpoint(self, endpoint: Endpoint, *statuses: str, **more):
        *before, last = endpoint_calls(endpoint, DEPLOYMENT)
        self.expect_missing(last)
        for call in before:
            self.expect_creation(call)
        self.sagemaker.add_response("create_endpoint", CREATED["endpoint"], last.arguments)
        for status in statuses:
            self.expect_description(last, status, **(more if status == "Failed" else {}))

    def create(self, *endpoints: Endpoint, artifacts: Artifacts) -> list[str]:
        lines = []
        with self.s3, self.sagemaker:
            create(
                self,
                artifacts,
                lines.append,
                deployment=DEPLOYMENT,
                endpoints=endpoints,
                poll_seconds=0,
            )
        self.s3.assert_no_pending_responses()
        self.sagemaker.assert_no_pending_responses()
        return lines


@pytest.fixture(name="artifacts")
def _artifacts(tmp_path):
    (tmp_path / "reader").mkdir()
    (tmp_path / "reader" / "model.tar.gz").write_bytes(b"tar")
    return Artifacts(tmp_path)


def test_creation(artifacts):
    """Bucket, artifact, model, config, endpoint; then wait, with a line for each step."""
    session = StubbedSession()
    session.expect_upload()
    session.expect_endpoint(READER, "Creating", "Creating", "InService")

    lines = session.create(READER, artifacts=artifacts)

    assert lines == [
        "created bucket models",
        "uploaded 1 artifacts to s3://models/",
        "created model reader",
        "created endpoint config reader",
        "created endpoint reader",
        "endpoint reader is in service",
    ]


def test_endpoints_start_side_by_side(artifacts):
    """All endpoints are created before the first one is waited for."""
    other = Endpoint("other", "single", READER.containers)
    session = StubbedSession()
    session.expect_upload()
    session.expect_endpoint(READER)
    session.expect_endpoint(other)
    for endpoint in (READER, other):
        session.expect_description(endpoint_calls(endpoint, DEPLOYMENT)[-1], "InService")

    lines = session.create(READER, other, artifacts=artifacts)

    assert lines[-2:] == ["endpoint reader is in service", "endpoint other is in service"]


def test_component(artifacts):
    """A component is created once its endpoint is in service, and waited for as well."""
    (component,) = component_calls(SHARED, DEPLOYMENT)
    session = StubbedSession()
    session.expect_upload()
    session.expect_endpoint(SHARED, "InService")
    session.expect_creation(component)
    session.expect_description(component, "Creating")
    session.expect_description(component, "InService")

    lines = session.create(SHARED, artifacts=artifacts)

    assert lines[-1] == "inference component part is in service"


def test_other_regions_are_named(artifacts):
    """S3 wants the region of a bucket, unless it is us-east-1."""
    session = StubbedSession("eu-central-1")
    session.expect_upload({"LocationConstraint": "eu-central-1"})

    assert session.create(artifacts=artifacts)[0] == "created bucket models"


def test_a_bucket_of_our_own(artifacts):
    """A bucket from an earlier start is used again."""
    session = StubbedSession()
    session.s3.add_client_error("create_bucket", "BucketAlreadyOwnedByYou")
    session.expect_object()

    assert session.create(artifacts=artifacts)[0] == "bucket models exists already"


def test_a_bucket_of_somebody_else(artifacts):
    """Bucket names are shared by all of AWS; a taken one needs another name."""
    session = StubbedSession()
    session.s3.add_client_error("create_bucket", "BucketAlreadyExists")

    with pytest.raises(BucketTaken, match="'models' belongs to another account"):
        session.create(artifacts=artifacts)


def test_an_endpoint_that_exists(artifacts):
    """An endpoint from an earlier start is left alone, said so, and waited for."""
    *_, endpoint = endpoint_calls(READER, DEPLOYMENT)
    session = StubbedSession()
    session.expect_upload()
    session.expect_description(endpoint, "Creating")
    session.expect_description(endpoint, "InService")

    lines = session.create(READER, artifacts=artifacts)

    assert lines[-2:] == [
        "endpoint reader exists already; left alone",
        "endpoint reader is in service",
    ]


def test_a_creation_that_was_broken_off(artifacts):
    """What an earlier start had created is used by the next one."""
    model, config, endpoint = endpoint_calls(READER, DEPLOYMENT)
    session = StubbedSession()
    session.expect_upload()
    session.expect_missing(endpoint)
    described = {"ModelName": "reader", "CreationTime": NOW, "ModelArn": ARN}
    session.sagemaker.add_response("describe_model", described, model.name)
    session.expect_creation(config)
    session.sagemaker.add_response("create_endpoint", CREATED["endpoint"], endpoint.arguments)
    session.expect_description(endpoint, "InService")

    lines = session.create(READER, artifacts=artifacts)

    assert "model reader exists already; left alone" in lines


@pytest.mark.parametrize("endpoint", [READER, SHARED], ids=lambda endpoint: endpoint.kind)
def test_failure(artifacts, endpoint):
    """What SageMaker gives up on is an error with SageMaker's reason."""
    session = StubbedSession()
    session.expect_upload()
    if components := component_calls(endpoint, DEPLOYMENT):
        session.expect_endpoint(endpoint, "InService")
        session.expect_creation(components[0])
        session.expect_description(components[0], "Failed", FailureReason="No room.")
    else:
        session.expect_endpoint(endpoint, "Failed", FailureReason="No room.")

    with pytest.raises(NotInService, match="is not in service: No room") as caught:
        session.create(endpoint, artifacts=artifacts)

    assert caught.value.reason == "No room."


def test_other_errors_come_through(artifacts):
    """Only a missing endpoint is created; no permission to look is an error."""
    session = StubbedSession()
    session.expect_upload()
    session.sagemaker.add_client_error(
        "describe_endpoint", "AccessDeniedException", expected_params={"EndpointName": ANY}
    )

    with pytest.raises(Exception, match="AccessDeniedException"):
        session.create(READER, artifacts=artifacts)
