"""A table and its compiled form in S3, each replaced only while it is what was read.

GetObject             what lies there, and whether a gateway would take it
PutObject, If-Match   something new, or an error if anything else lies there by now
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from chalicelib.aws.refreshed import FetchFailed
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.s3_source import DIGEST, verified_body
from gatewayctl.aws import NAMES, NoAnswer, NotReachable, reaching
from gatewayctl.command import Refused, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    from chalicelib.settings import S3Location

SERVICE = "s3"
MODELS = "models"
"""In a table's metadata: how many it has, for the list of versions."""

LISTED = 20
"""How many versions are looked at, the newest first."""

UNVERSIONED = "null"
"""The version of what a bucket that keeps none holds."""

_READ, _READ_VERSION = "s3:GetObject", "s3:GetObjectVersion"
_DENIED = {"AccessDenied", "403"}
_NOTHING = {"NoSuchKey"}
_NO_VERSION = {"NoSuchVersion", "NoSuchKey", "InvalidArgument", "MethodNotAllowed"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}


class Held(NamedTuple):
    """What lies under a key; without an ETag, nothing does."""

    etag: str | None
    version: str | None
    """None where the bucket keeps no versions."""
    data: bytes | None
    """None if no gateway would take it."""
    flaw: str
    """Why not."""


class Version(NamedTuple):
    """One of those that a table has had, by its metadata."""

    id: str
    modified: datetime
    is_live: bool
    digest: str | None
    models: str | None


class TableStore:
    """The two objects. `connect` makes a client for a service."""

    def __init__(self, location: S3Location, connect: Callable[[str], Any]) -> None:
        self.bucket, self.key = location.bucket, location.key
        self.name = f"s3://{self.bucket}/{self.key}"
        self._compiled_key = table_file.compiled_key(self.key)
        self._client = connect(SERVICE)

    def table(self) -> Held:
        """The table that gateways find now."""
        return self._get(self.key, _READ, _NOTHING)

    def compiled(self) -> Held:
        """The compiled form that they find beside it."""
        return self._get(self._compiled_key, _READ, _NOTHING)

    def earlier(self, version: str) -> Held:
        """The table as it was in a version. When there is no such version: Refused."""
        held = self._get(self.key, _READ_VERSION, _NO_VERSION, VersionId=version)
        if held.etag is None:
            raise Refused([f"{self.name} has no version {version}; --list shows those that it has"])
        return held

    def versions(self) -> list[Version]:
        """The newest ones first."""
        with self._asking("s3:ListBucketVersions"):
            answer = self._client.list_object_versions(
                Bucket=self.bucket, Prefix=self.key, MaxKeys=LISTED
            )
        # Longer keys that begin like this one come after it.
        found = [one for one in answer.get("Versions", []) if one["Key"] == self.key]
        return [self._version(one) for one in found]

    def replace_compiled(self, held: Held, data: bytes) -> None:
        """Put a compiled form in the place of what was read. When that has changed: Refused."""
        self._put(self._compiled_key, held, data, "application/json")

    def replace_table(self, held: Held, data: bytes, models: int) -> str | None:
        """The same for the table; its version, if the bucket keeps versions."""
        try:
            return self._put(self.key, held, data, "application/yaml", **{MODELS: str(models)})
        except NoAnswer as error:
            unknown = "whether the table was published is not known: run the command again"
            raise NotReachable(f"{error}; {unknown}") from error

    def _get(self, key: str, action: str, absent: Collection[str], **version: str) -> Held:
        with self._asking(action, key):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key, **version)
            except ClientError as error:
                if _code(error) not in absent:
                    raise
                return Held(None, None, None, "nothing lies there")
            try:
                data, flaw = verified_body(answer), ""
            except FetchFailed as error:
                data, flaw = None, error.reason
        return Held(answer["ETag"], _version_id(answer), data, flaw)

    def _put(self, key: str, held: Held, data: bytes, kind: str, **metadata: str) -> str | None:
        expected = {"IfNoneMatch": "*"} if held.etag is None else {"IfMatch": held.etag}
        with self._asking("s3:PutObject", key):
            try:
                answer = self._client.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=data,
                    ContentType=kind,
                    Metadata={DIGEST: hashlib.sha256(data).hexdigest(), **metadata},
                    **expected,
                )
            except ClientError as error:
                if _code(error) not in _CHANGED:
                    raise
                lost = "was changed by somebody else in the meantime; run the command again"
                raise Refused([f"{self.name} {lost}"]) from error
        return _version_id(answer)

    def _version(self, listed: dict[str, Any]) -> Version:
        version = listed["VersionId"]
        with self._asking(_READ_VERSION, self.key):
            said = self._client.head_object(Bucket=self.bucket, Key=self.key, VersionId=version)
        metadata = said["Metadata"]
        return Version(
            version,
            listed["LastModified"],
            listed["IsLatest"],
            metadata.get(DIGEST),
            metadata.get(MODELS),
        )

    @contextmanager
    def _asking(self, action: str, key: str | None = None) -> Iterator[None]:
        """Errors as a person can act on them."""
        with reaching(SERVICE):
            try:
                yield
            except ClientError as error:
                if _code(error) == "NoSuchBucket":
                    raise WrongUse(
                        f"there is no bucket {self.bucket}; correct it, or make one"
                    ) from error
                if _code(error) in _DENIED:
                    raise NotReachable(self._denied(action, key)) from error
                raise

    def _denied(self, action: str, key: str | None) -> str:
        resource = f"{self.bucket}/{key}" if key else self.bucket
        text = f"{NAMES[SERVICE]} denies {action} on arn:aws:s3:::{resource}; allow it"
        if action == _READ:
            # Who may not list a bucket is told this of a key that is not there.
            text += f", and s3:ListBucket on arn:aws:s3:::{self.bucket}"
        return f"{text}, and the use of the KMS key if there is one"


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code"))


def _version_id(answer: dict[str, Any]) -> str | None:
    version = answer.get("VersionId")
    return None if version == UNVERSIONED else version
