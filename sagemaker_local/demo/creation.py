"""The boto3 steps that put the demo on SageMaker: artifacts to S3, then models and endpoints.

What exists already is left alone, so a creation that was broken off is finished by the next.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from botocore.config import Config
from botocore.exceptions import ClientError

from sagemaker_local.demo.calls import Call, Deployment, component_calls, endpoint_calls
from sagemaker_local.demo.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagemaker_local.demo.artifacts import Artifacts
    from sagemaker_local.demo.endpoints import Endpoint

    Progress = Callable[[str], None]

TIMEOUT_SECONDS = 1800.0
PATH_STYLE = Config(s3={"addressing_style": "path"})  # a bucket is no subdomain of localhost
DEFAULT_REGION = "us-east-1"  # the one that S3 does not take as a location
NOT_FOUND = {"ValidationException", "ResourceNotFound"}


class DemoError(Exception):
    """The demo cannot be created."""


class BucketTaken(DemoError):
    """The name belongs to somebody else; bucket names are shared by all of AWS."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"The bucket {bucket!r} belongs to another account; choose another name.")


class NotInService(DemoError):
    """SageMaker gave up on an endpoint or a component, or takes too long over it."""

    def __init__(self, what: Call, reason: str) -> None:
        super().__init__(f"{what} is not in service: {reason}")
        self.reason = reason


class Session(Protocol):
    """The part of `boto3.Session` that is used here."""

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
    """Upload the artifacts, create every endpoint, and return when all are in service.

    When SageMaker gives up on one: NotInService, with its reason.
    """
    deployment = deployment or Deployment()
    sagemaker, s3 = session.client("sagemaker"), session.client("s3", config=PATH_STYLE)
    upload(s3, artifacts, deployment.bucket, progress)
    for calls_for in (endpoint_calls, component_calls):
        plans = [plan for endpoint in endpoints if (plan := calls_for(endpoint, deployment))]
        for plan in plans:
            carry_out(sagemaker, plan, progress)
        for plan in plans:
            await_service(sagemaker, plan[-1], poll_seconds)
            progress(f"{plan[-1]} is in service")


def upload(s3: Any, artifacts: Artifacts, bucket: str, progress: Progress) -> None:
    """Every artifact under its key. When the bucket is somebody else's: BucketTaken."""
    region = s3.meta.region_name
    location = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **({} if region == DEFAULT_REGION else location))
        progress(f"created bucket {bucket}")
    except s3.exceptions.BucketAlreadyOwnedByYou:
        progress(f"bucket {bucket} exists already")
    except s3.exceptions.BucketAlreadyExists as error:
        raise BucketTaken(bucket) from error
    for key in artifacts.keys:
        s3.put_object(Bucket=bucket, Key=key, Body=artifacts.read(key))
    progress(f"uploaded {len(artifacts.keys)} artifacts to s3://{bucket}/")


def carry_out(sagemaker: Any, plan: list[Call], progress: Progress) -> None:
    """The calls of a plan, unless what they lead to is there already."""
    if exists(sagemaker, plan[-1]):
        progress(f"{plan[-1]} exists already; left alone")
        return
    for call in plan:
        if call is not plan[-1] and exists(sagemaker, call):
            progress(f"{call} exists already; left alone")
            continue
        getattr(sagemaker, f"create_{call.resource}")(**call.arguments)
        progress(f"created {call}")


def exists(sagemaker: Any, call: Call) -> bool:
    """Whether the thing that a call creates is there."""
    try:
        describe(sagemaker, call)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND:
            return False
        raise
    return True


def await_service(sagemaker: Any, call: Call, poll_seconds: float) -> None:
    """Return when the endpoint or component is in service. When it will not be: NotInService."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (description := describe(sagemaker, call))[status_key(call)] != "InService":
        status = description[status_key(call)]
        if status == "Failed":
            raise NotInService(call, description.get("FailureReason", "SageMaker says no reason."))
        if time.monotonic() > deadline:
            raise NotInService(call, f"it is {status} after {TIMEOUT_SECONDS:.0f} seconds.")
        time.sleep(poll_seconds)


def describe(sagemaker: Any, call: Call) -> dict[str, Any]:
    description: dict[str, Any] = getattr(sagemaker, f"describe_{call.resource}")(**call.name)
    return description


def status_key(call: Call) -> str:
    """`EndpointStatus` or `InferenceComponentStatus`."""
    (argument,) = call.name
    return argument.removesuffix("Name") + "Status"
