"""Every other service is moto's, on the same port; boto3 does not notice that it is passed on."""

import json
import random
import urllib.parse
import uuid

import pytest

from tests.support.stand_in import error_of
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
    def test_a_key_may_hold_anything(self, s3, bucket, key):
        """It arrives as it was sent, is listed and deleted under the same name."""
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
        assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
        s3.delete_object(Bucket=bucket, Key=key)
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0

    @pytest.mark.parametrize("length", [0, 1, 65_537, 20 * MIB])
    def test_an_object_of_any_size(self, s3, bucket, length):
        """Comes back byte for byte; HEAD tells its length, type and metadata without it."""
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

    def test_a_range(self, s3, bucket):
        """Part of an object."""
        s3.put_object(Bucket=bucket, Key="object", Body=content(1000))

        part = s3.get_object(Bucket=bucket, Key="object", Range="bytes=10-19")

        assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert part["ContentRange"] == "bytes 10-19/1000"
        assert part["Body"].read() == content(1000)[10:20]
        s3.delete_object(Bucket=bucket, Key="object")

    def test_an_upload_in_parts(self, s3, bucket):
        """Five MiB and what is left over become one object."""
        sent = content(6 * MIB)
        upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
        named = {"Bucket": bucket, "Key": "parts", "UploadId": upload}

        parts = [
            {
                "PartNumber": number,
                "ETag": s3.upload_part(**named, PartNumber=number, Body=part)["ETag"],
            }
            for number, part in enumerate((sent[: 5 * MIB], sent[5 * MIB :]), start=1)
        ]
        s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})

        assert s3.get_object(Bucket=bucket, Key="parts")["Body"].read() == sent
        s3.delete_object(Bucket=bucket, Key="parts")

    @pytest.mark.parametrize("method", ["put_object", "get_object"])
    def test_a_presigned_url(self, s3, bucket, method):
        """Works without boto3, its signature in the query."""
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
    def test_its_errors_come_through(self, s3, bucket, call, members, code):
        """With S3's own codes."""
        error = error_of(getattr(s3, call), **{"Bucket": bucket, **members})

        assert error["Error"]["Code"] == code


class TestOthers:
    def test_secrets(self, sagemaker_local):
        """Secrets Manager keeps one, through its paginator too."""
        secrets = sagemaker_local.client("secretsmanager")
        secrets.create_secret(Name="gateway/keys", SecretString="{}")

        secrets.put_secret_value(SecretId="gateway/keys", SecretString='{"a": 1}')

        kept = secrets.get_secret_value(SecretId="gateway/keys")["SecretString"]
        assert json.loads(kept) == {"a": 1}
        secrets.delete_secret(SecretId="gateway/keys", ForceDeleteWithoutRecovery=True)
        error = error_of(secrets.get_secret_value, SecretId="gateway/keys")
        assert error["Error"]["Code"] == "ResourceNotFoundException"

    def test_roles(self, sagemaker_local):
        """IAM, which is of no region."""
        iam = sagemaker_local.client("iam")

        iam.create_role(RoleName="gateway", AssumeRolePolicyDocument="{}")

        assert iam.get_role(RoleName="gateway")["Role"]["RoleName"] == "gateway"
        iam.delete_role(RoleName="gateway")

    def test_who_am_i(self, sagemaker_local):
        """The account is the one that stands in SageMaker's ARNs."""
        identity = sagemaker_local.client("sts").get_caller_identity()

        assert identity["Account"] == "123456789012"

    def test_a_path_of_nobody(self, sagemaker_local):
        """Is moto's to answer, and no invocation."""
        reply = send(sagemaker_local.url, "/endpoints/e/unheard-of")

        assert reply.status >= 400
        assert "x-amzn-ErrorType" not in reply.headers
