"""Other AWS services: requests and responses pass between boto3 and moto unchanged."""

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
