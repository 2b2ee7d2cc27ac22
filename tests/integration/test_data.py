"""`python -m sagemaker_local --data DIR`: what boto3 finds after a restart."""

import hashlib
import signal
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.containers.account import INSTANCES, RESOURCES, ROLE, Account
from tests.containers.container import Container
from tests.support.stand_in import StandIn

BUCKET, OTHER_BUCKET, VERSIONED = "kept-bucket", "other-account", "versioned"
TAGS = [{"Key": "team", "Value": "fräud + co"}]
LARGE = bytes(range(256)) * 80_000  # moto has objects of this size in a file
KEYS = [
    "models/a.tar.gz",
    "../../../escape",
    "a/../b",
    "/absolute",
    "%2e%2e/%2e%2e",
    "..",
    "folder/",
    "tab\tand \\ slash",
    "naïve ключ 🗝",
    "x" * 1024,
    "COM1",
    "a" * 64 + "/" + "b" * 64,
]


class Clients:
    """Clients of one stand-in, for the services, regions and accounts of the table."""

    def __init__(self, stand_in):
        self.s3, self.secrets = stand_in.client("s3"), stand_in.client("secretsmanager")
        self.sagemaker = stand_in.client("sagemaker")
        self.elsewhere = SimpleNamespace(
            secrets=stand_in.client("secretsmanager", region_name="eu-west-1"),
            sagemaker=stand_in.client("sagemaker", region_name="eu-west-1"),
        )
        role = stand_in.client("sts").assume_role(
            RoleArn="arn:aws:iam::111111111111:role/other", RoleSessionName="other"
        )["Credentials"]
        self.other_s3 = boto3.client(
            "s3",
            endpoint_url=stand_in.url,
            region_name="us-east-1",
            aws_access_key_id=role["AccessKeyId"],
            aws_secret_access_key=role["SecretAccessKey"],
            aws_session_token=role["SessionToken"],
        )
        self.account = Account(stand_in.session, stand_in.url)


def plain(call, *arguments, **members):
    """Return an answer without what differs in each answer, or the code of the error."""
    try:
        answer = call(*arguments, **members)
    except ClientError as error:
        return error.response["Error"]["Code"]
    answer.pop("ResponseMetadata")
    if "Body" in answer:
        with answer["Body"] as stream:
            answer["Body"] = hashlib.sha256(stream.read()).hexdigest()
    return answer


SETTINGS = {
    "bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "bucket_cors": {
        "CORSConfiguration": {
            "CORSRules": [
                {
                    "AllowedMethods": ["GET", "PUT"],
                    "AllowedOrigins": ["https://a.example"],
                    "AllowedHeaders": ["*"],
                    "ExposeHeaders": ["ETag"],
                    "MaxAgeSeconds": 5,
                }
            ]
        }
    },
    "bucket_lifecycle_configuration": {
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "ID": "old",
                    "Status": "Enabled",
                    "Filter": {"Prefix": "jobs/"},
                    "Expiration": {"Days": 3},
                }
            ]
        }
    },
    "bucket_encryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": "alias/own",
                    },
                    "BucketKeyEnabled": True,
                }
            ]
        }
    },
    "bucket_tagging": {"Tagging": {"TagSet": TAGS}},
    "bucket_policy": {"Policy": '{"Version": "2012-10-17", "Statement": []}'},
    "public_access_block": {
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": False,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": False,
        }
    },
    "bucket_ownership_controls": {
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    },
    "bucket_website": {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}},
}
READ = {"bucket_lifecycle_configuration": "get_bucket_lifecycle_configuration"}


def create_settings(clients):
    for setting, members in SETTINGS.items():
        getattr(clients.s3, f"put_{setting}")(Bucket=VERSIONED, **members)


def create_objects(clients):
    for key in KEYS:
        clients.s3.put_object(
            Bucket=BUCKET,
            Key=key,
            Body=key.encode(),
            ContentType="text/x-own",
            ContentEncoding="identity",
            CacheControl="no-store",
            Metadata={"comment": "of the key", "number": "1"},
            Tagging="team=own&empty=",
            StorageClass="STANDARD_IA",
        )
    clients.s3.put_object(Bucket=BUCKET, Key="large", Body=LARGE)
    clients.s3.put_object(Bucket=BUCKET, Key="empty")
    clients.s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/{KEYS[0]}")
    upload = {"Bucket": BUCKET, "Key": "parts"}
    upload["UploadId"] = clients.s3.create_multipart_upload(**upload)["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": clients.s3.upload_part(**upload, PartNumber=number, Body=LARGE)["ETag"],
        }
        for number in (1, 2)
    ]
    clients.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    clients.s3.put_object(Bucket=BUCKET, Key="deleted", Body=b"x")
    clients.s3.delete_object(Bucket=BUCKET, Key="deleted")
    clients.other_s3.create_bucket(Bucket=OTHER_BUCKET)
    clients.other_s3.put_object(Bucket=OTHER_BUCKET, Key="k", Body=b"of the other account")


def read_objects(clients):
    keys = [*KEYS, "large", "empty", "copy", "parts", "deleted"]
    return {
        "list": plain(clients.s3.list_objects_v2, Bucket=BUCKET),
        "other": plain(clients.other_s3.get_object, Bucket=OTHER_BUCKET, Key="k"),
        **{key: plain(clients.s3.get_object, Bucket=BUCKET, Key=key) for key in keys},
        **{
            f"tags of {key}": plain(clients.s3.get_object_tagging, Bucket=BUCKET, Key=key)
            for key in KEYS
        },
    }


def create_versions(clients):
    clients.s3.put_bucket_versioning(
        Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"}
    )
    for body in (b"1", b"2", b"3"):
        clients.s3.put_object(Bucket=VERSIONED, Key="table.yaml", Body=body, Metadata={"n": "1"})
    clients.s3.put_object(Bucket=VERSIONED, Key="gone", Body=b"x")
    clients.s3.delete_object(Bucket=VERSIONED, Key="gone")
    first = clients.s3.put_object(Bucket=VERSIONED, Key="marker", Body=b"x")["VersionId"]
    clients.s3.delete_object(Bucket=VERSIONED, Key="marker")
    clients.s3.delete_object(Bucket=VERSIONED, Key="marker", VersionId=first)


def read_versions(clients):
    listed = plain(clients.s3.list_object_versions, Bucket=VERSIONED)
    return listed, [
        plain(
            clients.s3.get_object,
            Bucket=VERSIONED,
            Key=version["Key"],
            VersionId=version["VersionId"],
        )
        for version in listed["Versions"]
    ]


def create_secrets(clients):
    secrets = clients.secrets
    secrets.create_secret(
        Name="app/keys", Description="API keys", SecretString="1", KmsKeyId="alias/own", Tags=TAGS
    )
    secrets.put_secret_value(SecretId="app/keys", SecretString='{"ü": 2}')
    secrets.put_secret_value(SecretId="app/keys", SecretString="next", VersionStages=["AWSPENDING"])
    secrets.create_secret(Name="bytes", SecretBinary=bytes(range(256)))
    secrets.create_secret(Name="empty")
    secrets.put_resource_policy(SecretId="bytes", ResourcePolicy='{"Version": "2012-10-17"}')
    secrets.create_secret(Name="scheduled", SecretString="x")
    secrets.delete_secret(SecretId="scheduled", RecoveryWindowInDays=7)
    secrets.create_secret(Name="deleted", SecretString="x")
    secrets.delete_secret(SecretId="deleted", ForceDeleteWithoutRecovery=True)
    clients.elsewhere.secrets.create_secret(Name="app/keys", SecretString="in Ireland")


def read_secrets(clients):
    names = ("app/keys", "bytes", "empty", "scheduled", "deleted")
    stages = ("AWSCURRENT", "AWSPREVIOUS", "AWSPENDING")
    secrets = clients.secrets
    return {
        "elsewhere": plain(clients.elsewhere.secrets.get_secret_value, SecretId="app/keys"),
        "policy": plain(secrets.get_resource_policy, SecretId="bytes"),
        **{name: plain(secrets.describe_secret, SecretId=name) for name in names},
        **{
            (name, stage): plain(secrets.get_secret_value, SecretId=name, VersionStage=stage)
            for name in names
            for stage in stages
        },
    }


def create_hosting(clients, container):
    account, sagemaker = clients.account, clients.sagemaker
    url = account.upload({"model.tar.gz": {"a": b""}})
    given = {"Image": container.url, "ModelDataUrl": f"{url}model.tar.gz"}
    for name in ("old", "new", "deleted"):
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=given, Tags=TAGS
        )
    sagemaker.create_model(
        ModelName="many",
        ExecutionRoleArn=ROLE,
        Containers=[
            {"Image": container.url, "ContainerHostname": "a", "Environment": {"A": "1"}},
            {"Image": container.url, "ContainerHostname": "b"},
        ],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    variants = {
        "weighted": [
            {"VariantName": "old", "ModelName": "old", "InitialVariantWeight": 3, **INSTANCES},
            {"VariantName": "new", "ModelName": "New", "InitialVariantWeight": 1, **INSTANCES},
        ],
        "direct": [{"VariantName": "v", "ModelName": "many", **INSTANCES}],
        "components": [{"VariantName": "AllTraffic", **INSTANCES}],
        "serverless": [
            {
                "VariantName": "v",
                "ModelName": "deleted",
                "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 2},
            }
        ],
    }
    for name, given in variants.items():
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=given, Tags=TAGS
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=TAGS)
    for name in variants:
        account.wait_for(name, "endpoint_in_service")
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="weighted",
        DesiredWeightsAndCapacities=[{"VariantName": "new", "DesiredWeight": 5}],
    )
    account.wait_for("weighted", "endpoint_in_service")
    sagemaker.create_inference_component(
        InferenceComponentName="component",
        EndpointName="components",
        VariantName="AllTraffic",
        Specification={
            "Container": {"Image": container.url},
            "ComputeResourceRequirements": RESOURCES,
        },
        RuntimeConfig={"CopyCount": 2},
        Tags=TAGS,
    )
    account.wait_for_component("component")
    # An endpoint goes on after these; what is deleted stays deleted.
    sagemaker.delete_model(ModelName="deleted")
    sagemaker.delete_endpoint_config(EndpointConfigName="serverless")
    account.deploy({"Image": container.url})
    account.close()
    clients.elsewhere.sagemaker.create_model(
        ModelName="elsewhere", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": container.url}
    )


def read_hosting(clients):
    sagemaker = clients.sagemaker
    kinds = {"model": "Model", "endpoint_config": "EndpointConfig", "endpoint": "Endpoint"}
    kinds["inference_component"] = "InferenceComponent"
    found = {"elsewhere": plain(clients.elsewhere.sagemaker.list_models)}
    for kind, noun in kinds.items():
        listed = plain(getattr(sagemaker, f"list_{kind}s"), MaxResults=50)
        found[kind] = listed
        for one in listed[f"{noun}s"]:
            name, arn = one[f"{noun}Name"], one[f"{noun}Arn"]
            describe = getattr(sagemaker, f"describe_{kind}")
            found[name, kind] = plain(describe, **{f"{noun}Name": name})
            found[arn] = plain(sagemaker.list_tags, ResourceArn=arn)
    return found


READERS = {
    "objects": read_objects,
    "versions": read_versions,
    "secrets": read_secrets,
    "hosting": read_hosting,
    "buckets": lambda clients: plain(clients.s3.list_buckets),
    **{
        setting: lambda clients, name=setting: plain(
            getattr(clients.s3, f"get_{name}"), Bucket=VERSIONED
        )
        for setting in SETTINGS
    },
}


@pytest.fixture(scope="module")
def container():
    with Container() as container:
        yield container


@pytest.fixture(scope="module")
def before_and_after(tmp_path_factory, container):
    """What each reader has read before two restarts and after them."""
    options = ["--data", str(tmp_path_factory.mktemp("kept") / "data"), "--creating-seconds", "0"]
    with StandIn(*options) as stand_in:
        clients = Clients(stand_in)
        for bucket in (BUCKET, VERSIONED):
            clients.s3.create_bucket(Bucket=bucket)
        create_objects(clients)
        create_versions(clients)
        create_settings(clients)
        create_secrets(clients)
        create_hosting(clients, container)
        before = {name: read(clients) for name, read in READERS.items()}
        assert stand_in.stop(signal.SIGINT) == 0
        assert "cannot be kept" not in stand_in.log
    with StandIn(*options) as stand_in:
        assert stand_in.stop(signal.SIGINT) == 0
    with StandIn(*options) as stand_in:
        clients = Clients(stand_in)
        after = {name: read(clients) for name, read in READERS.items()}
        yield before, after, clients


@pytest.mark.parametrize("kind", READERS)
def test_kept(before_and_after, kind):
    """Everything is as it was, with its ARN, its times, its tags and its versions."""
    before, after, _ = before_and_after

    assert after[kind] == before[kind]
    assert before[kind]


def test_endpoints_serve_again(before_and_after):
    """The containers of all endpoints are started again."""
    account = before_and_after[2].account

    assert account.invoke("weighted", b"x", TargetVariant="new")["Body"] == b"x"
    assert account.invoke("serverless", b"x")["Body"] == b"x"
    assert account.invoke("direct", b"x", TargetContainerHostname="b")["Body"] == b"x"
    component = {"InferenceComponentName": "component"}
    assert account.invoke("components", b"x", **component)["Body"] == b"x"
