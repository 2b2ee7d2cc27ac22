"""The bucket of jobs: objects that are written once, and URLs by which callers reach theirs."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from chalicelib.errors import JobsUnavailable
from chalicelib.jobs.aws_calls import aws_client, own_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from chalicelib.settings import JobsLocation

SERVICE = "S3"
JSON = "application/json"
URL_SECONDS = 900
"""How long a URL works. It ends earlier with the session of the function's role."""

FORBIDDEN, NOT_THERE, RACED, EXISTS = 403, 404, 409, 412
NO_BUCKET = "NoSuchBucket"
MOST_RACES = 3
"""S3 asks to try again if another conditional write of the key is under way."""


class S3Object(NamedTuple):
    """An object of S3."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, url: str) -> S3Object:
        """Return the object of `s3://<bucket>/<key>`, as SageMaker writes it."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return cls(bucket, key)


@dataclass(frozen=True, slots=True)
class Found:
    """What S3 says about an object."""

    place: S3Object
    size_bytes: int
    content_type: str
    modified: datetime
    metadata: Mapping[str, str] = field(repr=False)


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

    def place(self, key: str) -> S3Object:
        """Return the place of a key below the prefix."""
        return S3Object(self._location.bucket, f"{self._location.prefix}/{key}")

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
                if status < 300:
                    _ = response["ETag"]  # S3 itself has it, and not a proxy between
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

    def find_anywhere(self, place: S3Object) -> Found | None:
        """Return what is known of an object of SageMaker's; None if it is not there yet.

        S3 answers 403 in place of 404 to a role without s3:ListBucket on the bucket.
        """
        return self._head(place, NOT_THERE, FORBIDDEN)

    def read_beginning(self, place: S3Object, most_bytes: int) -> bytes:
        """Return the first bytes of an object of SageMaker's; none if they cannot be read."""
        with self._call("get_object", place) as response:
            if _status(response, NOT_THERE, FORBIDDEN) in {NOT_THERE, FORBIDDEN}:
                return b""
            with response["Body"] as body:
                return bytes(body.read(most_bytes))

    def url_to_get(self, place: S3Object) -> str:
        """Return a URL by which its holder may read one object."""
        return self._url("get_object", place)

    def url_of_bucket(self) -> str:
        """Return what the URLs of the bucket's objects begin with; it ends with a slash."""
        any_object = S3Object(self._location.bucket, "-")
        return self._url("get_object", any_object).partition("-?")[0]

    def url_to_put(self, key: str, size_bytes: int, content_type: str) -> str:
        """Return a URL by which its holder may write one object of this size and type, once."""
        return self._url(
            "put_object",
            self.place(key),
            ContentLength=size_bytes,
            ContentType=content_type,
            IfNoneMatch="*",
        )

    def _head(self, place: S3Object, *absent: int) -> Found | None:
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

    def _url(self, operation: str, place: S3Object, **arguments: object) -> str:
        with own_errors(SERVICE):
            url: str = self._ready_client().generate_presigned_url(
                operation,
                Params={"Bucket": place.bucket, "Key": place.key, **arguments},
                ExpiresIn=self.url_seconds,
            )
        return url

    @contextmanager
    def _call(self, operation: str, place: S3Object, **arguments: object) -> Iterator[Any]:
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
