"""The clients of S3 and SQS, and the gateway's own errors in the place of theirs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from botocore.handlers import add_expect_header
from urllib3.exceptions import HTTPError

from chalicelib.aws import clients
from chalicelib.errors import GatewayMisconfigured, JobsUnavailable
from chalicelib.telemetry.request_record import error_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.errors import GatewayError

CONFIG = Config(
    signature_version="s3v4",  # botocore's older form of URLs fixes neither size nor type
    request_checksum_calculation="when_required",  # TLS protects the bodies, and URLs name none
    response_checksum_validation="when_required",
    s3={"us_east_1_regional_endpoint": "regional"},
)
TOO_MANY = 429
THROTTLED = {
    *("SlowDown", "ThrottlingException", "RequestThrottled", "RequestTimeout"),
    *("KmsThrottled", "KMS.ThrottlingException"),  # SQS, with a key of KMS
}
BUCKET_REGION = "bucket_region"
"""A member of the context of a call of botocore."""


def aws_client(service: str, **settings: str) -> Any:
    """Make a client of S3 or SQS."""
    client = clients.client(service, config=CONFIG if service == "s3" else None, **settings)
    # The gateway's connections send a request's head and body at once.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    if service == "s3":
        client.meta.events.register_first("before-endpoint-resolution.s3", _name_region)
        client.meta.events.register_last("before-endpoint-resolution.s3", _keep_region)
        client.meta.events.register("before-sign.s3", _sign_for_region)
    return client


def _name_region(context: dict[str, Any], **_: object) -> None:
    """Have URLs name the region of the bucket.

    Without a region, S3 redirects requests for a new bucket, and browsers follow no redirect of a
    preflight. Source: Amazon S3 user guide, "Request redirection and the REST API".
    """
    context["use_global_endpoint"] = False


def _keep_region(builtins: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context[BUCKET_REGION] = builtins["AWS::Region"]


def _sign_for_region(request: Any, **_: object) -> None:
    """Have URLs signed for the region that they name.

    botocore learns the region of a bucket elsewhere by S3's redirect. It then puts that region into
    the host of a URL, but signs the URL for its own region, which S3 refuses.
    """
    region = request.context.get(BUCKET_REGION)
    if region is not None:
        request.context.setdefault("signing", {}).setdefault("region", region)


@contextmanager
def own_errors(service: str) -> Iterator[None]:
    """Replace the errors of botocore and urllib3 by the gateway's own; they name the service."""
    try:
        yield
    except ClientError as error:
        raise _refused(service, error) from error
    except (BotoCoreError, HTTPError) as error:
        raise _not_reached(service, error) from error
    except KeyError as error:  # something between, such as a proxy, has answered
        raise JobsUnavailable(f"{service}: an odd answer") from error


def _refused(service: str, error: ClientError) -> GatewayError:
    """Return our error for an error of AWS's; its text never goes anywhere."""
    code = error_code(error.response.get("Error", {}).get("Code")) or "an odd error"
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    reason = f"{service}: {code}"
    if status >= 500 or status == TOO_MANY or code in THROTTLED:
        return JobsUnavailable(reason)
    return GatewayMisconfigured(reason, of_jobs=True)


def _not_reached(service: str, error: Exception) -> GatewayError:
    """Return our error for a call that got no answer."""
    reason = f"{service}: {type(error).__name__}"
    if isinstance(error, ConnectionError | HTTPClientError | HTTPError):
        return JobsUnavailable(reason)
    return GatewayMisconfigured(reason, of_jobs=True)
