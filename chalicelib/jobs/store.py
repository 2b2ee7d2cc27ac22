"""The bucket of jobs: objects that are written once, and URLs by which callers reach theirs."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from urllib3.exceptions import HTTPError

from chalicelib.aws import clients
from chalicelib.errors import JobsMisconfigured, JobsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from chalicelib.settings import JobsLocation

JSON = "application/json"
URL_SECONDS = 900
"""How long a URL works. It ends earlier with the session of the function's role."""

CONFIG = Config(
    signature_version="s3v4",  # botocore's older form of URLs fixes neither size nor type
    request_checksum_calculation="when_required",  # TLS protects the bodies, and URLs name none
    response_checksum_validation="when_required",
)
NOT_THERE, EXISTS, RACED = 404, 412, 409
FORBIDDEN = 403
THROTTLED = {"SlowDown", "ThrottlingException", "RequestThrottled", "RequestTimeout"}
MOST_RACES = 3


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


def aws_client(service: str) -> Any:
    """Make a client of S3 or SQS."""
    return clients.client(service, config=CONFIG if service == "s3" else None)


class JobStore:
    """Objects below the prefix of `GATEWAY_JOBS`; the client is created when it is first needed.

    Every method raises JobsUnavailable if S3 cannot be reached, and JobsMisconfigured if it refuses
    the gateway. Calls end at the deadline in force.
    """

    def __init__(
        self, location: JobsLocation, make_client: Callable[[str], Any] = aws_client
    ) -> None:
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
        for _ in range(MOST_RACES):
            try:
                self._call(
                    "put_object",
                    self.place(key),
                    Body=body,
                    ContentType=content_type,
                    Metadata=metadata or {},
                    IfNoneMatch="*",
                )
            except _Refused as refused:
                if refused.status == EXISTS:
                    return False
                if refused.status != RACED:
                    raise JobsMisconfigured(refused.code) from None
            else:
                return True
        raise JobsUnavailable("ConditionalRequestConflict")

    def create_json(self, key: str, content: object) -> bool:
        """Write a JSON object that is not there yet; False if it is there."""
        return self.create(key, json.dumps(content, separators=(",", ":")).encode())

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes; None if it is not there."""
        try:
            response = self._call("get_object", self.place(key))
            with _own_errors(), response["Body"] as body:
                return bytes(body.read())
        except _Refused as refused:
            if refused.status == NOT_THERE:
                return None
            raise JobsMisconfigured(refused.code) from None

    def read_json(self, key: str) -> Any:
        """Return the content of a JSON object; None if it is not there."""
        data = self.read(key)
        return None if data is None else json.loads(data)

    def find(self, key: str) -> Found | None:
        """Return what is known of an object; None if it is not there."""
        try:
            return self._head(self.place(key))
        except _Refused as refused:
            if refused.status == NOT_THERE:
                return None
            raise JobsMisconfigured(refused.code) from None

    def find_anywhere(self, place: Place) -> Found | None:
        """Return what is known of an object of SageMaker's; None if it is not there yet.

        S3 answers 403 in place of 404 to a role without s3:ListBucket on the bucket.
        """
        try:
            return self._head(place)
        except _Refused as refused:
            if refused.status in {NOT_THERE, FORBIDDEN}:
                return None
            raise JobsMisconfigured(refused.code) from None

    def url_to_get(self, place: Place) -> str:
        """Return a URL by which its holder may read one object."""
        return self._url("get_object", place)

    def url_to_put(self, key: str, size_bytes: int, content_type: str) -> str:
        """Return a URL by which its holder may write one object of this size and type, once."""
        return self._url(
            "put_object",
            self.place(key),
            ContentLength=size_bytes,
            ContentType=content_type,
            IfNoneMatch="*",
        )

    def _head(self, place: Place) -> Found:
        response = self._call("head_object", place)
        return Found(
            place,
            response["ContentLength"],
            response.get("ContentType", "application/octet-stream"),
            response["LastModified"],
            response.get("Metadata", {}),
        )

    def _url(self, operation: str, place: Place, **arguments: object) -> str:
        with _own_errors():
            url: str = self._ready_client().generate_presigned_url(
                operation,
                Params={"Bucket": place.bucket, "Key": place.key, **arguments},
                ExpiresIn=URL_SECONDS,
            )
        return url

    def _call(self, operation: str, place: Place, **arguments: object) -> Any:
        with _own_errors():
            call = getattr(self._ready_client(), operation)
            return call(Bucket=place.bucket, Key=place.key, **arguments)

    def _ready_client(self) -> Any:
        if self._client is None:
            with self._lock:
                self._client = self._client or self._make_client("s3")
        return self._client


class _Refused(Exception):
    """AWS answers with an error of the 4xx class."""

    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code
        super().__init__(code)


@contextmanager
def _own_errors() -> Iterator[None]:
    """Replace botocore's errors: an answer of AWS's becomes `_Refused` if it is not its fault."""
    try:
        yield
    except ClientError as error:
        code, status = code_of(error), error.response["ResponseMetadata"]["HTTPStatusCode"]
        if is_passing(code, status):
            raise JobsUnavailable(code) from error
        raise _Refused(status, code) from error
    except (BotoCoreError, HTTPError) as error:
        raise not_reached(error) from error


def code_of(error: ClientError) -> str:
    """Return AWS's code of an error if it has the form of one; its text never goes anywhere."""
    code = str(error.response.get("Error", {}).get("Code"))
    return code if code.isascii() and code.isalnum() and len(code) <= 64 else "odd"


def is_passing(code: str, status: int) -> bool:
    """Whether the same call may succeed later."""
    return status >= 500 or status == 429 or code in THROTTLED


def not_reached(error: Exception) -> JobsUnavailable | JobsMisconfigured:
    """Return our error for a call that got no answer."""
    reachable = isinstance(error, ConnectionError | HTTPClientError | HTTPError)
    return (JobsUnavailable if reachable else JobsMisconfigured)(type(error).__name__)
