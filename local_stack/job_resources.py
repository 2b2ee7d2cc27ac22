"""The bucket and the queues of jobs, in the account of the local SageMaker: docs/jobs.md."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.settings import Settings

DEAD = "-dead"
VISIBILITY_SECONDS = 5400
RETENTION_SECONDS = 345_600
DEAD_RETENTION_SECONDS = 14 * 86_400
MOST_RECEIVES = 4
KEPT_DAYS = 7
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
    rule = {
        "AllowedOrigins": [*own, settings.cors_origin] if settings.cors_origin else own,
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["content-type", "if-none-match"],
        "ExposeHeaders": ["ETag"],
    }
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    expiry = {
        "ID": "jobs",
        "Status": "Enabled",
        "Filter": {"Prefix": f"{settings.jobs.prefix}/"},
        "Expiration": {"Days": KEPT_DAYS},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [expiry]})
    dead = _create_queue(
        sqs, settings.jobs_queue + DEAD, MessageRetentionPeriod=str(DEAD_RETENTION_SECONDS)
    )
    redrive = {"deadLetterTargetArn": dead, "maxReceiveCount": str(MOST_RECEIVES)}
    _create_queue(
        sqs,
        settings.jobs_queue,
        VisibilityTimeout=str(VISIBILITY_SECONDS),
        MessageRetentionPeriod=str(RETENTION_SECONDS),
        RedrivePolicy=json.dumps(redrive),
    )


def _create_bucket(s3: Any, name: str) -> None:
    """Create a bucket; one that is there, for example from a folder with data, is kept."""
    region = s3.meta.region_name
    location = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=name, **({} if region == DEFAULT_REGION else location))


def _create_queue(sqs: Any, name: str, **attributes: str) -> str:
    """Create a queue unless it is there, and return its ARN."""
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])
