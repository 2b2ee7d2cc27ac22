"""Other AWS services: requests and responses pass between boto3 and moto unchanged."""

import json
import os
import random
import urllib.parse
import uuid

import pytest
from botocore.parsers import RpcV2CBORParser

from tests.containers.account import ROLE, VARIANT
from tests.support.paths import ROOT
from tests.support.stand_in import StandIn, error_of
from tests.support.wire import send

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def s3(sagemaker_local):
    client = sagemaker_local.client("s3")
    yield client
    client.close()


@pytest.fixture(scope="module")
def bucket(s3):
    name = f"others-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


def content(length):
    return random.Random(length).randbytes(length)


class TestS3:
    @pytest.mark.parametrize(
        "key",
        [
            "plain.txt",
            "folder/with space.txt",
            "a+b.txt",
            "100%.txt",
            "%41%2F.txt",
            "m\u00fcnchen/\u6771\u4eac/\U0001f600.txt",
            "question?mark=1&two#three.txt",
            "quote'\"(){}[]<>!~*:;@$,=.txt",
            "a//b/./c",
            "endpoints/a/invocations",
        ],
    )
    def test_keys(self, s3, bucket, key):
        """A key may have any characters."""
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
        assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
        s3.delete_object(Bucket=bucket, Key=key)
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0

    @pytest.mark.parametrize("length", [0, 1, 65_537, 20 * MIB])
    def test_sizes(self, s3, bucket, length):
        """An object of any size is stored and returned unchanged, and HEAD describes it."""
        s3.put_object(
            Bucket=bucket,
            Key="object",
            Body=content(length),
            ContentType="application/x-tar",
            Metadata={"made-by": "test"},
        )

        head = s3.head_object(Bucket=bucket, Key="object")
        whole = s3.get_object(Bucket=bucket, Key="object")

        for answer in (head, whole):
            assert answer["ContentLength"] == length
            assert answer["ContentType"] == "application/x-tar"
            assert answer["Metadata"] == {"made-by": "test"}
        assert whole["Body"].read() == content(length)
        s3.delete_object(Bucket=bucket, Key="object")

    @pytest.mark.parametrize("method", ["put_object", "get_object"])
    def test_presigned_url(self, s3, bucket, method):
        """A URL with a signature in its query works without boto3."""
        key = "pre signed+%.txt"
        s3.put_object(Bucket=bucket, Key=key, Body=b"by boto3")
        url = s3.generate_presigned_url(method, {"Bucket": bucket, "Key": key})

        place = urllib.parse.urlsplit(url)
        verb = method.partition("_")[0].upper()
        body = b"by url" if verb == "PUT" else b""
        reply = send(url, f"{place.path}?{place.query}", method=verb, body=body)

        stored = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        assert (reply.status, reply.body or b"by url") == (200, stored)
        s3.delete_object(Bucket=bucket, Key=key)

    @pytest.mark.parametrize(
        ("call", "members", "code"),
        [
            ("get_object", {"Key": "absent"}, "NoSuchKey"),
            ("head_object", {"Key": "absent"}, "404"),
            ("list_objects_v2", {"Bucket": "absent"}, "NoSuchBucket"),
            ("create_bucket", {"Bucket": "a"}, "InvalidBucketName"),
        ],
    )
    def test_errors(self, s3, bucket, call, members, code):
        """Errors have S3's codes."""
        error = error_of(getattr(s3, call), **{"Bucket": bucket, **members})

        assert error["Error"]["Code"] == code


class TestOtherServices:
    def test_account(self, sagemaker_local):
        """STS returns the account of SageMaker's ARNs."""
        identity = sagemaker_local.client("sts").get_caller_identity()

        assert identity["Account"] == "123456789012"

    def test_unknown_path(self, sagemaker_local):
        """moto responds to unknown paths below /endpoints."""
        reply = send(sagemaker_local.url, "/endpoints/e/unheard-of")

        assert reply.status >= 400
        assert "x-amzn-ErrorType" not in reply.headers


# A request of each protocol that moto does not have, and the code of the error.
NOT_OFFERED = {
    "json": ("sagemaker", "list_hubs", {}, "UnknownOperationException"),
    "json-of-an-unknown-service": (
        "cloudcontrol",
        "list_resources",
        {"TypeName": "AWS::SageMaker::Endpoint"},
        "UnknownOperationException",
    ),
    "json-1.0": ("dynamodb", "list_exports", {}, "UnknownOperationException"),
    "rest-json": ("lambda", "list_code_signing_configs", {}, "UnknownOperationException"),
    "rest-json-of-sagemaker": (
        "sagemaker-featurestore-runtime",
        "get_record",
        {"FeatureGroupName": "f", "RecordIdentifierValueAsString": "1"},
        "UnknownOperationException",
    ),
    "query": ("iam", "list_service_specific_credentials", {}, "InvalidAction"),
    "ec2": ("ec2", "describe_ipam_pools", {}, "InvalidAction"),
    "rest-xml": ("route53", "list_traffic_policies", {}, "NotImplemented"),
    "s3": ("s3", "restore_object", {"Bucket": "for-restore", "Key": "k"}, "NotImplemented"),
}


@pytest.mark.parametrize("case", NOT_OFFERED)
def test_operation_that_moto_does_not_have(sagemaker_local, s3, case):
    """The error is AWS's for an unknown operation, and a client does not try again."""
    service, operation, members, code = NOT_OFFERED[case]
    s3.create_bucket(Bucket="for-restore")
    s3.put_object(Bucket="for-restore", Key="k")
    client = sagemaker_local.session.client(service, endpoint_url=sagemaker_local.url)

    error = error_of(getattr(client, operation), **members)
    client.close()

    assert error["Error"]["Code"] == code
    assert "The local SageMaker does not offer " in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error["ResponseMetadata"]["RetryAttempts"] == 0


SIGNED = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{}/aws4_request"


def test_cbor(sagemaker_local):
    """A request in CBOR, which some SDKs send, gets its error in CBOR."""
    headers = {
        "Authorization": SIGNED.format("monitoring"),
        "Content-Type": "application/cbor",
        "Smithy-Protocol": "rpc-v2-cbor",
    }
    path = "/service/GraniteServiceVersion20100801/operation/PutInsightRule"

    reply = send(sagemaker_local.url, path, method="POST", headers=headers, body=b"\xa0")

    assert reply.status == 400
    answer = {"status_code": 400, "headers": {}, "body": reply.body}
    error = RpcV2CBORParser().parse(answer, None)["Error"]
    assert error["Code"] == "UnknownOperationException"
    assert "does not offer PutInsightRule of monitoring" in error["Message"]


@pytest.mark.parametrize("target", ["SageMaker.ListHubs", "SageMaker.ListTrainingJobs", "A.<b>"])
def test_unsigned_json(sagemaker_local, target):
    """moto takes an unsigned request for one to S3, whose answer is not the caller's."""
    reply = send(sagemaker_local.url, "/", method="POST", headers={"X-Amz-Target": target})

    assert (reply.status, reply.json()["__type"]) == (400, "UnknownOperationException")
    assert "<b>" not in reply.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/endpoints/e/invocations"),
        ("POST", "/endpoints/e/invocations/"),
        ("POST", "/endpoints/e/f/invocations"),
        ("DELETE", "/"),
    ],
)
def test_other_paths_of_sagemaker(sagemaker_local, method, path):
    """moto's own endpoints answer no invocation."""
    headers = {"Authorization": SIGNED.format("sagemaker")}

    reply = send(sagemaker_local.url, path, method=method, headers=headers)

    assert reply.status == 400
    assert reply.headers["x-amzn-ErrorType"] == "UnknownOperationException"


ENDPOINT_CONFIG = "AWS::SageMaker::EndpointConfig"
YAML = "Resources:\n  One:\n    Type: {}\n"
NESTED = "Resources:\n  One:\n    Type: AWS::CloudFormation::Stack\n"
NESTED += "    Properties: {{TemplateURL: '{}'}}\n"


class TestCloudFormation:
    @pytest.fixture
    def cloudformation(self, sagemaker_local):
        client = sagemaker_local.client("cloudformation")
        yield client
        client.close()

    @pytest.mark.parametrize(
        "template",
        [
            pytest.param(YAML.format("AWS::SageMaker::Model"), id="yaml"),
            pytest.param(YAML.format("'AWS::SageMaker::InferenceComponent'"), id="quoted"),
            pytest.param(json.dumps({"Resources": {"A": {"Type": ENDPOINT_CONFIG}}}), id="json"),
        ],
    )
    @pytest.mark.parametrize(
        "call", ["create_stack", "update_stack", "create_stack_set", "create_change_set"]
    )
    def test_resources_of_sagemaker(self, cloudformation, call, template):
        """moto would create them in a store of its own."""
        name = "StackSetName" if call == "create_stack_set" else "StackName"
        members = {name: "hosting", "TemplateBody": template}
        if call == "create_change_set":
            members["ChangeSetName"] = "new"

        error = error_of(getattr(cloudformation, call), **members)

        assert error["Error"]["Code"] == "ValidationError"
        assert "does not offer AWS::SageMaker::" in error["Error"]["Message"]
        assert cloudformation.list_stacks()["StackSummaries"] == []

    def test_templates_in_s3(self, cloudformation, s3, bucket):
        """A template that a request names, or another template, is read too."""
        url = f"https://s3.amazonaws.com/{bucket}/"
        s3.put_object(Bucket=bucket, Key="inner", Body=YAML.format("AWS::SageMaker::Endpoint"))
        s3.put_object(Bucket=bucket, Key="outer", Body=NESTED.format(f"{url}inner"))
        s3.put_object(Bucket=bucket, Key="loop", Body=NESTED.format(f"{url}loop"))

        for key in ("inner", "outer"):
            error = error_of(
                cloudformation.create_stack, StackName="hosting", TemplateURL=url + key
            )
            assert "does not offer AWS::SageMaker::Endpoint" in error["Error"]["Message"]
        error_of(cloudformation.update_stack, StackName="absent", TemplateURL=f"{url}loop")
        for key in ("inner", "outer", "loop"):
            s3.delete_object(Bucket=bucket, Key=key)

    def test_other_resources(self, cloudformation):
        """moto creates resources of other services."""
        cloudformation.create_stack(StackName="queue", TemplateBody=YAML.format("AWS::SQS::Queue"))

        (stack,) = cloudformation.describe_stacks(StackName="queue")["Stacks"]
        cloudformation.delete_stack(StackName="queue")
        assert stack["StackStatus"] == "CREATE_COMPLETE"


QUALITY = {
    "ModelQualityAppSpecification": {"ImageUri": "image"},
    "ModelQualityJobInput": {
        "EndpointInput": {"EndpointName": "absent", "LocalPath": "/opt/ml/processing/input"},
        "GroundTruthS3Input": {"S3Uri": "s3://b/k"},
    },
    "ModelQualityJobOutputConfig": {
        "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://b/o", "LocalPath": "/opt/ml/output"}}]
    },
    "JobResources": {
        "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    },
}
TRANSFORM = {
    "TransformJobName": "t",
    "ModelName": "absent",
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}}
    },
    "TransformOutput": {"S3OutputPath": "s3://b/o"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    "ResourceId": "endpoint/absent/variant/v",
}
ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"
ABOUT_HOSTING = {
    "transform-job": (
        "sagemaker",
        "create_transform_job",
        TRANSFORM,
        'Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/absent".',
    ),
    "monitoring-job": (
        "sagemaker",
        "create_model_quality_job_definition",
        {"JobDefinitionName": "q", "RoleArn": ROLE, **QUALITY},
        'Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/absent".',
    ),
    "search-of-endpoints": (
        "sagemaker",
        "search",
        {"Resource": "Endpoint"},
        "The local SageMaker does not offer Search",
    ),
    "search-of-models": (
        "sagemaker",
        "search",
        {"Resource": "Model"},
        "The local SageMaker does not offer Search",
    ),
    "scaling-of-an-absent-endpoint": (
        "application-autoscaling",
        "register_scalable_target",
        {**TARGET, "MinCapacity": 1, "MaxCapacity": 2},
        'Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/absent".',
    ),
    "tagged-endpoints": (
        "resourcegroupstaggingapi",
        "get_resources",
        {"ResourceTypeFilters": ["s3", "sagemaker:endpoint"]},
        "The local SageMaker does not offer GetResources for SageMaker",
    ),
    "tags-of-an-endpoint": (
        "resourcegroupstaggingapi",
        "tag_resources",
        {"ResourceARNList": [ARN], "Tags": {"a": "b"}},
        "The local SageMaker does not offer TagResources for SageMaker",
    ),
    "endpoints-of-cloud-control": (
        "cloudcontrol",
        "get_resource",
        {"TypeName": "AWS::SageMaker::Endpoint", "Identifier": ARN},
        "The local SageMaker does not offer GetResource of cloudcontrolapi",
    ),
    "simulated-permissions": (
        "iam",
        "simulate_principal_policy",
        {"PolicySourceArn": ROLE, "ActionNames": ["sagemaker:InvokeEndpoint"]},
        "The local SageMaker does not offer SimulatePrincipalPolicy.",
    ),
}


@pytest.mark.parametrize(
    ("service", "operation", "members", "text"), ABOUT_HOSTING.values(), ids=ABOUT_HOSTING
)
def test_no_answer_from_another_store(sagemaker_local, service, operation, members, text):
    """moto answers no question about models and endpoints, of which it knows nothing."""
    client = sagemaker_local.client(service)

    error = error_of(getattr(client, operation), **members)
    client.close()

    assert text in error["Error"]["Message"]
    assert 400 <= error["ResponseMetadata"]["HTTPStatusCode"] < 500


def test_scalable_target(sagemaker_local, account):
    """A scaling policy may name a variant of an endpoint, and no other variant."""
    endpoint = account.deploy_for_components()
    scaling = sagemaker_local.client("application-autoscaling")

    def register(variant):
        target = {**TARGET, "ResourceId": f"endpoint/{endpoint}/variant/{variant}"}
        return scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)

    register(VARIANT)
    error = error_of(register, "absent")
    scaling.close()

    assert error["Error"]["Message"] == f"Variant absent not found in endpoint {endpoint}."


def test_transform_job_of_a_model(sagemaker_local, account):
    """moto accepts jobs of models that exist here."""
    model = account.create_model({"Image": "local/sklearn"})
    sagemaker = sagemaker_local.client("sagemaker")

    sagemaker.create_transform_job(**{**TRANSFORM, "ModelName": model})

    found = sagemaker.search(Resource="TrainingJob")["Results"]
    sagemaker.close()
    assert found == []


def test_service_that_moto_cannot_answer(tmp_path):
    """If it is unknown, or its packages are not installed, its caller gets a sentence.

    The terminal gets no traceback, which would say no more.
    """
    (tmp_path / "openapi_spec_validator.py").write_text(
        "raise ModuleNotFoundError(f'No module named {__name__!r}', name=__name__)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    with StandIn(environment={"PYTHONPATH": path}) as without:
        answer = error_of(without.client("cloudformation").describe_stacks)

        assert answer["Error"]["Code"] == "InvalidAction"
        assert "does not offer DescribeStacks of cloudformation" in answer["Error"]["Message"]
        answer = error_of(without.client("pricing").get_products, ServiceCode="AmazonSageMaker")
        assert answer["Error"]["Code"] == "UnknownOperationException"
        without.stop()
        assert "Traceback" not in without.log
