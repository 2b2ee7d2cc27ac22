"""The bucket and the queues of jobs, made in an account as a deployment makes them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from deployment import jobs

if TYPE_CHECKING:
    from chalicelib.settings import Settings

_WRITTEN = json.loads(jobs.FILE.read_bytes())["Resources"]
BUCKET, QUEUE, DEAD_LETTER_QUEUE = (
    _WRITTEN[name]["Properties"] for name in ("JobsBucket", "JobsQueue", "JobsDeadLetterQueue")
)
"""What a deployment makes."""

MOST_RECEIVES: int = QUEUE["RedrivePolicy"]["maxReceiveCount"]
DEFAULT_REGION = "us-east-1"  # S3 does not accept this region as a location


def create(settings: Settings, s3: Any, sqs: Any, *, port: int) -> None:
    """Make what is missing; a bucket that is there gets the rules for pages of this gateway.

    Args:
        settings: They name the bucket and the queue.
        s3: A boto3 client.
        sqs: A boto3 client.
        port: The gateway's port, from which its page comes.
    """
    assert settings.jobs is not None
    assert settings.jobs_queue is not None
    bucket = settings.jobs.bucket
    _create_bucket(s3, bucket)
    own = [f"http://{host}:{port}" for host in ("127.0.0.1", "localhost")]
    rule = jobs.cors_rule([*own, settings.cors_origin] if settings.cors_origin else own)
    rule["ExposeHeaders"] = rule.pop("ExposedHeaders")  # CloudFormation has a name of its own
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    (written,) = BUCKET["LifecycleConfiguration"]["Rules"]
    expiry = {
        "ID": written["Id"],
        "Status": written["Status"],
        "Filter": {"Prefix": f"{settings.jobs.prefix}/"},
        "Expiration": {"Days": written["ExpirationInDays"]},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [expiry]})
    create_queues(sqs, settings.jobs_queue)


def create_queues(sqs: Any, name: str, visibility_seconds: int | None = None) -> tuple[str, str]:
    """Create the queue and its dead-letter queue unless they are there, and return their URLs.

    Args:
        sqs: A boto3 client.
        name: Of the queue.
        visibility_seconds: Of the queue; None for that of a deployment.
    """
    dead_url = _create_queue(
        sqs,
        name + jobs.DEAD_LETTER,
        MessageRetentionPeriod=DEAD_LETTER_QUEUE["MessageRetentionPeriod"],
    )
    found = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])
    dead = {"deadLetterTargetArn": found["Attributes"]["QueueArn"]}
    url = _create_queue(
        sqs,
        name,
        VisibilityTimeout=visibility_seconds or QUEUE["VisibilityTimeout"],
        MessageRetentionPeriod=QUEUE["MessageRetentionPeriod"],
        RedrivePolicy=json.dumps({**QUEUE["RedrivePolicy"], **dead}),
    )
    return url, dead_url


def _create_bucket(s3: Any, name: str) -> None:
    """Create a bucket; one that is there, for example from a folder with data, is kept."""
    region = s3.meta.region_name
    location = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=name, **({} if region == DEFAULT_REGION else location))


def _create_queue(sqs: Any, name: str, **attributes: object) -> str:
    """Create a queue unless it is there, and return its URL."""
    try:
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except sqs.exceptions.QueueDoesNotExist:
        texts = {key: str(value) for key, value in attributes.items()}
        return str(sqs.create_queue(QueueName=name, Attributes=texts)["QueueUrl"])
