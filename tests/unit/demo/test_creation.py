"""Creating the demo endpoints; botocore's Stubber checks each request and gives the response."""

import boto3
import pytest
from botocore.stub import ANY, Stubber

from sagemaker_local.demo.artifacts import Artifacts
from sagemaker_local.demo.creation import BucketTaken, NotInService, create
from sagemaker_local.demo.endpoints import (
    ENDPOINTS,
    Container,
    CreateRequest,
    Deployment,
    Endpoint,
    component_requests,
    endpoint_requests,
)

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
    """A boto3 session whose clients expect certain requests, in this order."""

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
        self.s3.add_client_error("head_bucket", "404")
        self.s3.add_response("create_bucket", {}, {"Bucket": "models", **configuration})
        self.expect_object()

    def expect_object(self):
        expected = {"Bucket": "models", "Key": "reader/model.tar.gz", "Body": b"tar"}
        self.s3.add_response("put_object", {}, expected)

    def expect_missing(self, request: CreateRequest):
        self.sagemaker.add_client_error(
            f"describe_{request.resource}", "ValidationException", expected_params=request.name
        )

    def expect_creation(self, request: CreateRequest):
        self.expect_missing(request)
        self.sagemaker.add_response(
            f"create_{request.resource}", CREATED[request.resource], request.arguments
        )

    def expect_description(self, request: CreateRequest, status: str, **more):
        if request.resource == "endpoint":
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
        self.sagemaker.add_response(f"describe_{request.resource}", described, request.name)

    def expect_endpoint(self, endpoint: Endpoint, *statuses: str, **more):
        *before, last = endpoint_requests(endpoint, DEPLOYMENT)
        self.expect_missing(last)
        for request in before:
            self.expect_creation(request)
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
    """The bucket, the artifacts, the model, the configuration and the endpoint, in this order."""
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


def test_endpoints_start_at_the_same_time(artifacts):
    """All endpoints are created before the command waits for the first one."""
    other = Endpoint("other", "single", READER.containers)
    session = StubbedSession()
    session.expect_upload()
    session.expect_endpoint(READER)
    session.expect_endpoint(other)
    for endpoint in (READER, other):
        session.expect_description(endpoint_requests(endpoint, DEPLOYMENT)[-1], "InService")

    lines = session.create(READER, other, artifacts=artifacts)

    assert lines[-2:] == ["endpoint reader is in service", "endpoint other is in service"]


def test_component(artifacts):
    """A component is created when its endpoint is in service."""
    (component,) = component_requests(SHARED, DEPLOYMENT)
    session = StubbedSession()
    session.expect_upload()
    session.expect_endpoint(SHARED, "InService")
    session.expect_creation(component)
    session.expect_description(component, "Creating")
    session.expect_description(component, "InService")

    lines = session.create(SHARED, artifacts=artifacts)

    assert lines[-1] == "inference component part is in service"


def test_other_regions(artifacts):
    """The bucket is created in the region of the session."""
    session = StubbedSession("eu-central-1")
    session.expect_upload({"LocationConstraint": "eu-central-1"})

    assert session.create(artifacts=artifacts)[0] == "created bucket models"


def test_a_bucket_that_exists(artifacts):
    """A bucket from an earlier run is used again."""
    session = StubbedSession()
    session.s3.add_response("head_bucket", {}, {"Bucket": "models"})
    session.expect_object()

    assert session.create(artifacts=artifacts)[0] == "bucket models exists already"


def test_a_bucket_of_another_account(artifacts):
    """The error gives the name, because another name is necessary."""
    session = StubbedSession()
    session.s3.add_client_error("head_bucket", "403")
    session.s3.add_client_error("create_bucket", "BucketAlreadyExists")

    with pytest.raises(BucketTaken, match="'models' belongs to another account"):
        session.create(artifacts=artifacts)


def test_an_endpoint_that_exists(artifacts):
    """An endpoint from an earlier run is not changed, but the command waits for it."""
    *_, endpoint = endpoint_requests(READER, DEPLOYMENT)
    session = StubbedSession()
    session.expect_upload()
    session.expect_description(endpoint, "Creating")
    session.expect_description(endpoint, "InService")

    lines = session.create(READER, artifacts=artifacts)

    assert lines[-2:] == [
        "endpoint reader exists already; it is not changed",
        "endpoint reader is in service",
    ]


def test_an_interrupted_creation(artifacts):
    """A second run creates only the resources that are missing."""
    model, config, endpoint = endpoint_requests(READER, DEPLOYMENT)
    session = StubbedSession()
    session.expect_upload()
    session.expect_missing(endpoint)
    described = {"ModelName": "reader", "CreationTime": NOW, "ModelArn": ARN}
    session.sagemaker.add_response("describe_model", described, model.name)
    session.expect_creation(config)
    session.sagemaker.add_response("create_endpoint", CREATED["endpoint"], endpoint.arguments)
    session.expect_description(endpoint, "InService")

    lines = session.create(READER, artifacts=artifacts)

    assert "model reader exists already; it is not changed" in lines


@pytest.mark.parametrize("endpoint", [READER, SHARED], ids=lambda endpoint: endpoint.kind)
def test_failure(artifacts, endpoint):
    """The error for an endpoint or a component that fails has SageMaker's reason."""
    session = StubbedSession()
    session.expect_upload()
    if components := component_requests(endpoint, DEPLOYMENT):
        session.expect_endpoint(endpoint, "InService")
        session.expect_creation(components[0])
        session.expect_description(components[0], "Failed", FailureReason="No room.")
    else:
        session.expect_endpoint(endpoint, "Failed", FailureReason="No room.")

    with pytest.raises(NotInService, match="is not in service: No room"):
        session.create(endpoint, artifacts=artifacts)


def test_missing_permission(artifacts):
    """An error of DescribeEndpoint other than "not found" ends the command."""
    session = StubbedSession()
    session.expect_upload()
    session.sagemaker.add_client_error(
        "describe_endpoint", "AccessDeniedException", expected_params={"EndpointName": ANY}
    )

    with pytest.raises(Exception, match="AccessDeniedException"):
        session.create(READER, artifacts=artifacts)


def test_values_of_an_account():
    """The bucket, the role, the images and the instance type are those of the deployment."""
    deployment = Deployment(
        bucket="models",
        role="arn:aws:iam::123456789012:role/demo",
        instance_type="ml.c5.large",
        images={"sklearn": "1.dkr.ecr/sklearn:1", "lightgbm": "1.dkr.ecr/lightgbm:1"},
    )
    (endpoint,) = (endpoint for endpoint in ENDPOINTS if endpoint.name == "diabetes")
    model, config, _ = endpoint_requests(endpoint, deployment)

    assert model.arguments == {
        "ModelName": "diabetes",
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/demo",
        "InferenceExecutionConfig": {"Mode": "Direct"},
        "Containers": [
            {
                "Image": f"1.dkr.ecr/{name}:1",
                "ModelDataUrl": f"s3://models/diabetes/{name}/model.tar.gz",
                "Mode": "SingleModel",
                "ContainerHostname": name,
            }
            for name in ("sklearn", "lightgbm")
        ],
    }
    assert config.arguments["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "ModelName": "diabetes",
            "InstanceType": "ml.c5.large",
            "InitialInstanceCount": 1,
        }
    ]


def test_the_role_of_an_endpoint_for_components():
    """An endpoint for components has a role and no model."""
    config, _ = endpoint_requests(SHARED, DEPLOYMENT)

    assert config.arguments["ExecutionRoleArn"] == DEPLOYMENT.role
    assert "ModelName" not in config.arguments["ProductionVariants"][0]
