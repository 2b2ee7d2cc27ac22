"""The bucket of jobs: objects that are written once, and URLs by which callers reach theirs."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from botocore.handlers import add_expect_header
from urllib3.exceptions import HTTPError

from chalicelib.aws import clients
from chalicelib.errors import GatewayMisconfigured, JobsUnavailable
from chalicelib.telemetry.request_record import error_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from chalicelib.errors import GatewayError
    from chalicelib.settings import JobsLocation

SERVICE = "S3"
JSON = "application/json"
URL_SECONDS = 900
"""How long a URL works. It ends earlier with the session of the function's role."""

CONFIG = Config(
    signature_version="s3v4",  # botocore's older form of URLs fixes neither size nor type
    request_checksum_calculation="when_required",  # TLS protects the bodies, and URLs name none
    response_checksum_validation="when_required",
    s3={"us_east_1_regional_endpoint": "regional"},
)
FORBIDDEN, NOT_THERE, RACED, EXISTS, TOO_MANY = 403, 404, 409, 412, 429
THROTTLED = {
    *("SlowDown", "ThrottlingException", "RequestThrottled", "RequestTimeout"),
    *("KmsThrottled", "KMS.ThrottlingException"),  # SQS, with a key of KMS
}
NO_BUCKET = "NoSuchBucket"
BUCKET_REGION = "bucket_region"
"""A member of the context of a call of botocore."""

MOST_RACES = 3
"""S3 asks to try again if another conditional write of the key is under way."""


class Place(NamedTuple):
    """An object of S3."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, url: str) -> Place:
        """Return the place of `s3://<bucket>/<key>`, as SageMaker writes it."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return cls(bucket, key)


@dataclass(frozen=True, slots=True)
class Found:
    """What S3 says about an object."""

    place: Place
    size_bytes: int
    content_type: str
    modified: datetime
    metadata: Mapping[str, str] = field(repr=False)


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


class JobStore:
    """Objects below the prefix of `GATEWAY_JOBS`; the client is created when it is first needed.

    Every method raises JobsUnavailable if S3 cannot be reached, and GatewayMisconfigured if it
    refuses the gateway. Calls end at the deadline in force.

    Args:
        location: The bucket and the prefix.
        make_client: Makes a client of one service of AWS.
        url_seconds: How long a URL works.
    """

    def __init__(
        self,
        location: JobsLocation,
        make_client: Callable[[str], Any] = aws_client,
        *,
        url_seconds: int = URL_SECONDS,
    ) -> None:
        self.url_seconds = url_seconds
        self._location = location
        self._make_client = make_client
        self._client: Any = None
        self._lock = threading.Lock()

    def place(self, key: str) -> Place:
        """Return the place of a key below the prefix."""
        return Place(self._location.bucket, f"{self._location.prefix}/{key}")

    def create(
        self,
        key: str,
        body: bytes,
        content_type: str = JSON,
        metadata: Mapping[str, str] | None = None,
    ) -> bool:
        """Write an object that is not there yet; False if it is there."""
        content = {"Body": body, "ContentType": content_type, "Metadata": metadata or {}}
        for _ in range(MOST_RACES):
            with self._call("put_object", self.place(key), **content, IfNoneMatch="*") as response:
                status = _status(response, EXISTS, RACED)
            if status != RACED:
                return status != EXISTS
        raise JobsUnavailable("ConditionalRequestConflict")

    def create_json(self, key: str, content: object) -> bool:
        """Write a JSON object that is not there yet; False if it is there."""
        return self.create(key, json.dumps(content, separators=(",", ":")).encode())

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes; None if it is not there."""
        with self._call("get_object", self.place(key)) as response:
            if _status(response, NOT_THERE) == NOT_THERE:
                return None
            with response["Body"] as body:
                return bytes(body.read())

    def read_json(self, key: str) -> Any:
        """Return the content of a JSON object; None if it is not there, or is no JSON."""
        with suppress(ValueError, RecursionError):
            return json.loads(self.read(key) or b"")
        return None

    def find(self, key: str) -> Found | None:
        """Return what is known of an object; None if it is not there."""
        return self._head(self.place(key), NOT_THERE)

    def find_anywhere(self, place: Place) -> Found | None:
        """Return what is known of an object of SageMaker's; None if it is not there yet.

        S3 answers 403 in place of 404 to a role without s3:ListBucket on the bucket.
        """
        return self._head(place, NOT_THERE, FORBIDDEN)

    def read_beginning(self, place: Place, most_bytes: int) -> bytes:
        """Return the first bytes of an object of SageMaker's; none if they cannot be read."""
        with self._call("get_object", place) as response:
            if _status(response, NOT_THERE, FORBIDDEN) in {NOT_THERE, FORBIDDEN}:
                return b""
            with response["Body"] as body:
                return bytes(body.read(most_bytes))

    def url_to_get(self, place: Place) -> str:
        """Return a URL by which its holder may read one object."""
        return self._url("get_object", place)

    def url_of_bucket(self) -> str:
        """Return what the URLs of the bucket's objects begin with; it ends with a slash."""
        name = "-"  # any
        return self._url("get_object", Place(self._location.bucket, name)).partition(f"{name}?")[0]

    def url_to_put(self, key: str, size_bytes: int, content_type: str) -> str:
        """Return a URL by which its holder may write one object of this size and type, once."""
        return self._url(
            "put_object",
            self.place(key),
            ContentLength=size_bytes,
            ContentType=content_type,
            IfNoneMatch="*",
        )

    def _head(self, place: Place, *absent: int) -> Found | None:
        with self._call("head_object", place) as response:
            if _status(response, *absent) in absent:
                return None
            return Found(
                place,
                response["ContentLength"],
                response.get("ContentType", "application/octet-stream"),
                response["LastModified"],
                response.get("Metadata", {}),
            )

    def _url(self, operation: str, place: Place, **arguments: object) -> str:
        with own_errors(SERVICE):
            url: str = self._ready_client().generate_presigned_url(
                operation,
                Params={"Bucket": place.bucket, "Key": place.key, **arguments},
                ExpiresIn=self.url_seconds,
            )
        return url

    @contextmanager
    def _call(self, operation: str, place: Place, **arguments: object) -> Iterator[Any]:
        """Call S3 and give its answer, be it an error, to a `with` block."""
        with own_errors(SERVICE):
            try:
                call = getattr(self._ready_client(), operation)
                response = call(Bucket=place.bucket, Key=place.key, **arguments)
            except ClientError as error:
                response = error.response
            yield response

    def _ready_client(self) -> Any:
        if self._client is None:
            with self._lock:
                self._client = self._client or self._make_client("s3")
        return self._client


def _status(response: Any, *expected: int) -> int:
    """Return the HTTP status of an answer of S3's.

    Raises:
        ClientError: It is an error that is not expected.
    """
    status: int = response["ResponseMetadata"]["HTTPStatusCode"]
    is_expected = status in expected and response.get("Error", {}).get("Code") != NO_BUCKET
    if status >= 300 and not is_expected:
        raise ClientError(response, "")
    return status


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
