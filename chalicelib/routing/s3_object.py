"""A routing table in S3: one object with the YAML, and its compiled form beside it.

The YAML's own SHA-256 is in its object's metadata, where `gatewayctl publish` puts it: without it
nobody could tell a table that was uploaded in part from one that is meant to be shorter.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from chalicelib.routing.reading import file

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.routing.table import RoutingTable
    from chalicelib.settings import S3Location

MAX_BYTES = 32 * 1024 * 1024
DIGEST = "sha256"


class NotFetched(Exception):
    """When there is no whole table to be had; the reason is in our own words."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Fetched(NamedTuple):
    data: bytes
    etag: str


def s3_client(**settings: str) -> Any:
    """A client that tries once: the next look is soon. `settings` are botocore's."""
    from chalicelib.aws import clients  # noqa: PLC0415

    return clients.client("s3", **settings)


class S3Object:
    """Reads it; the client is made when it is first needed."""

    def __init__(self, location: S3Location, make_client: Callable[[], Any] = s3_client) -> None:
        self._location = location
        self._make_client = make_client
        self._client: Any = None

    @property
    def name(self) -> str:
        return f"s3://{self._location.bucket}/{self._location.key}"

    def fetch(self, etag: str | None) -> Fetched | None:
        """The YAML; None while it is still that of the etag. When it cannot be had: NotFetched."""
        return self._fetch(self._location.key, etag)

    def parse(self, data: bytes) -> RoutingTable:
        """The table of this YAML, from its compiled form if there is one. Else: InvalidTable."""
        digest = hashlib.sha256(data).hexdigest()
        try:
            compiled = self._fetch(file.compiled_key(self._location.key), None)
        except NotFetched:
            compiled = None
        table = None if compiled is None else file.from_compiled(compiled.data, digest)
        return file.parse(data, self.name) if table is None else table

    def _fetch(self, key: str, etag: str | None) -> Fetched | None:
        condition = {} if etag is None else {"IfNoneMatch": etag}
        try:
            self._client = self._client or self._make_client()
            answer = self._client.get_object(Bucket=self._location.bucket, Key=key, **condition)
            return Fetched(whole(answer), answer["ETag"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                return None
            code = str(error.response["Error"].get("Code"))
            raise NotFetched(code if re.fullmatch("[A-Za-z0-9]{1,64}", code) else "odd") from error
        except (BotoCoreError, HTTPError, LookupError) as error:  # an answer that lacks something
            raise NotFetched(type(error).__name__) from error


def whole(answer: dict[str, Any]) -> bytes:
    """The body of GetObject's answer, if it is what its metadata says. Else: NotFetched."""
    if answer["ContentLength"] > MAX_BYTES:
        raise NotFetched(f"it has over {MAX_BYTES:,} bytes")
    with answer["Body"] as body:
        data = bytes(body.read())
    said = answer["Metadata"].get(DIGEST)
    if said is None:
        raise NotFetched(f"its metadata has no {DIGEST}; use gatewayctl publish")
    if said != hashlib.sha256(data).hexdigest():
        raise NotFetched(f"it is not what the {DIGEST} in its metadata says")
    return data
