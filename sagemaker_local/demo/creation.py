"""Creates the demo endpoints with boto3: artifacts in S3, then models, then endpoints.

Resources that exist are not created again, so a second run completes an interrupted one. The
same steps work against AWS, with images from ECR and another role.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from botocore.config import Config
from botocore.exceptions import ClientError

from sagemaker_local.demo.endpoints import (
    ENDPOINTS,
    CreateRequest,
    Deployment,
    component_requests,
    endpoint_requests,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagemaker_local.demo.artifacts import Artifacts
    from sagemaker_local.demo.endpoints import Endpoint

    Progress = Callable[[str], None]

TIMEOUT_SECONDS = 1800.0
PATH_STYLE = Config(s3={"addressing_style": "path"})  # a bucket cannot be a subdomain of localhost
DEFAULT_REGION = "us-east-1"  # S3 does not accept this region as a location
NOT_FOUND = {"ValidationException", "ResourceNotFound"}


class DemoError(Exception):
    """The demo endpoints cannot be created."""


class BucketTaken(DemoError):
    """The bucket belongs to another account; all AWS accounts share the bucket names."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"The bucket {bucket!r} belongs to another account; choose another name.")


class NotInService(DemoError):
    """An endpoint or a component failed to start, or took too long."""

    def __init__(self, request: CreateRequest, reason: str) -> None:
        super().__init__(f"{request} is not in service: {reason}")


class Session(Protocol):
    """The part of `boto3.Session` that this module uses."""

    def client(self, service_name: str, /, *, config: Config | None = None) -> Any: ...


def create(
    session: Session,
    artifacts: Artifacts,
    progress: Progress,
    *,
    deployment: Deployment | None = None,
    endpoints: Sequence[Endpoint] = ENDPOINTS,
    poll_seconds: float = 0.5,
) -> None:
    """Upload the artifacts, create every endpoint, and wait until all are in service.

    Raises:
        BucketTaken: The bucket belongs to another account.
        NotInService: An endpoint or a component failed to start, with SageMaker's reason.
    """
    deployment = deployment or Deployment()
    sagemaker, s3 = session.client("sagemaker"), session.client("s3", config=PATH_STYLE)
    _upload(s3, artifacts, deployment.bucket, progress)
    for requests_for in (endpoint_requests, component_requests):
        batches = [batch for endpoint in endpoints if (batch := requests_for(endpoint, deployment))]
        for batch in batches:
            _send(sagemaker, batch, progress)
        for batch in batches:
            _wait_until_in_service(sagemaker, batch[-1], poll_seconds)
            progress(f"{batch[-1]} is in service")


def _upload(s3: Any, artifacts: Artifacts, bucket: str, progress: Progress) -> None:
    region = s3.meta.region_name
    location = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        # In us-east-1, creating one's own bucket again is no error.
        s3.head_bucket(Bucket=bucket)
        progress(f"bucket {bucket} exists already")
    except ClientError:
        try:
            s3.create_bucket(Bucket=bucket, **({} if region == DEFAULT_REGION else location))
        except s3.exceptions.BucketAlreadyExists as error:
            raise BucketTaken(bucket) from error
        progress(f"created bucket {bucket}")
    for key in artifacts.keys:
        s3.put_object(Bucket=bucket, Key=key, Body=artifacts.read(key))
    progress(f"uploaded {len(artifacts.keys)} artifacts to s3://{bucket}/")


def _send(sagemaker: Any, batch: list[CreateRequest], progress: Progress) -> None:
    """Send the requests of one endpoint or component, except for resources that exist."""
    last = batch[-1]
    if _exists(sagemaker, last):
        progress(f"{last} exists already; it is not changed")
        return
    for request in batch:
        if request is not last and _exists(sagemaker, request):
            progress(f"{request} exists already; it is not changed")
            continue
        getattr(sagemaker, f"create_{request.resource}")(**request.arguments)
        progress(f"created {request}")


def _exists(sagemaker: Any, request: CreateRequest) -> bool:
    try:
        _describe(sagemaker, request)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND:
            return False
        raise
    return True


def _wait_until_in_service(sagemaker: Any, request: CreateRequest, poll_seconds: float) -> None:
    (name_argument,) = request.name
    key = name_argument.removesuffix("Name") + "Status"
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (description := _describe(sagemaker, request))[key] != "InService":
        status = description[key]
        if status == "Failed":
            reason = description.get("FailureReason", "SageMaker gives no reason.")
            raise NotInService(request, reason)
        if time.monotonic() > deadline:
            raise NotInService(request, f"it is {status} after {TIMEOUT_SECONDS:.0f} seconds.")
        time.sleep(poll_seconds)


def _describe(sagemaker: Any, request: CreateRequest) -> dict[str, Any]:
    description: dict[str, Any] = getattr(sagemaker, f"describe_{request.resource}")(**request.name)
    return description
