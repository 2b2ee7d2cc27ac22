"""Reads and stores a routing table and its compiled form in S3.

An object is replaced only if nobody has changed it since it was read: `PutObject` with `If-Match`.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from chalicelib.aws.refreshed import FetchFailed
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.s3_source import COMPILED_DIGEST, DIGEST, verified_body
from gatewayctl.aws import NAMES, error_code, reaching
from gatewayctl.publishing import origin
from gatewayctl.report import NoAnswer, NotReachable, Refused, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from chalicelib.settings import S3Location

SERVICE = "s3"
MODELS = "models"
"""The key of a table's metadata with its number of models, for the list of versions."""

MAX_VERSIONS = 20
"""The number of versions that are read, the newest first."""

MIN_DIGITS = 4
"""The fewest digits of a digest that name a version."""

UNVERSIONED = "null"
"""S3's version id of an object in a bucket that keeps no versions."""

_READ, _READ_VERSION = "s3:GetObject", "s3:GetObjectVersion"
_DENIED = {"AccessDenied", "403"}
_NO_OBJECT = {"NoSuchKey"}
_NO_VERSION = {"NoSuchVersion", "NoSuchKey", "InvalidArgument", "MethodNotAllowed"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}


class StoredObject(NamedTuple):
    """An object in S3, or the fact that there is none."""

    etag: str | None
    """None if there is no object."""
    version: str | None
    """None if the bucket keeps no versions."""
    data: bytes | None
    """None if no gateway would use it."""
    problem: str
    """Why no gateway would use it."""
    compiled: str | None = None
    """The digest of the table's compiled form in the metadata of the table."""
    origin: Mapping[str, str] = {}
    """Metadata that says who published it and why."""


class Version(NamedTuple):
    """A version of a stored table, with the digest and the number of models in its metadata."""

    id: str
    modified: datetime
    is_live: bool
    digest: str | None
    models: str | None
    author: str | None
    """The ARN of who published it."""
    comment: str | None


class TableStore:
    """The objects of a table and of its compiled form.

    Every method raises `NotReachable` if AWS cannot be reached or a permission is missing, and
    `WrongUse` if the bucket does not exist.

    Args:
        connect: Makes a client for a service.
    """

    def __init__(self, location: S3Location, connect: Callable[[str], Any]) -> None:
        self.bucket, self.key = location.bucket, location.key
        self.name = f"s3://{self.bucket}/{self.key}"
        self._compiled_key = table_file.compiled_key(self.key)
        self._client = connect(SERVICE)

    def table(self) -> StoredObject:
        """Return the table that gateways find now."""
        return self._get(self.key, _READ, _NO_OBJECT)

    def compiled(self) -> StoredObject:
        """Return the compiled form that gateways find beside the table."""
        return self._get(self._compiled_key, _READ, _NO_OBJECT)

    def earlier(self, version: str) -> StoredObject:
        """Return the table of a version.

        Raises:
            Refused: There is no such version.
        """
        stored = self._get(self.key, _READ_VERSION, _NO_VERSION, VersionId=version)
        if stored.etag is None:
            raise Refused([f"{self.name} has no version {version}; --list shows those that it has"])
        return stored

    def version(self, text: str) -> str:
        """Return the version that a text names: a version id, or the beginning of a digest.

        If several versions have the same table, it is the newest of them.

        Raises:
            Refused: Tables with different digests begin so.
        """
        if not re.fullmatch(rf"[0-9a-f]{{{MIN_DIGITS},64}}", text):
            return text
        versions = self.versions()
        found = {
            one.digest: one for one in reversed(versions) if (one.digest or "").startswith(text)
        }
        if not found or any(one.id == text for one in versions):
            return text
        if len(found) > 1:
            names = ", ".join(f"{digest} ({one.id})" for digest, one in found.items())
            raise Refused([f"{self.name} has several tables {text}…; name one of {names}"])
        return found.popitem()[1].id

    def previous(self) -> str:
        """Return the newest version whose table is not the live one.

        Raises:
            Refused: There is none.
        """
        versions = self.versions()
        live = next((one.digest for one in versions if one.is_live), None)
        for one in versions:
            if not one.is_live and (live is None or one.digest != live):
                return one.id
        raise Refused([f"{self.name} has no version with an earlier table to go back to"])

    def versions(self) -> list[Version]:
        """Return the versions of the table, the newest first."""
        with self._errors_explained("s3:ListBucketVersions"):
            answer = self._client.list_object_versions(
                Bucket=self.bucket, Prefix=self.key, MaxKeys=MAX_VERSIONS
            )
        # Other keys that begin with this key come after it in the list.
        found = [one for one in answer.get("Versions", []) if one["Key"] == self.key]
        return [self._version(one) for one in found]

    def live(self) -> Version | None:
        """Return the version that gateways find now; None if there is no table."""
        with self._errors_explained(_READ, self.key):
            try:
                answer = self._client.head_object(Bucket=self.bucket, Key=self.key)
            except ClientError as error:
                if error_code(error) not in _NO_OBJECT | {"404"}:
                    raise
                return None
        return _version(answer, _version_id(answer) or UNVERSIONED, answer["LastModified"])

    def replace_compiled(self, stored: StoredObject, data: bytes) -> None:
        """Replace the compiled form that was read.

        Raises:
            Refused: The stored form was changed since it was read.
        """
        self._put(self._compiled_key, stored, data, "application/json")

    def replace_table(
        self, stored: StoredObject, data: bytes, metadata: Mapping[str, str]
    ) -> str | None:
        """Replace the table that was read.

        Args:
            stored: The table that was read.
            data: The YAML of the new table.
            metadata: What is known about it, besides its digest.

        Returns:
            The version, if the bucket keeps versions.

        Raises:
            Refused: The stored table was changed since it was read.
            NotReachable: AWS did not answer, so nobody knows whether the table was stored.
        """
        try:
            return self._put(self.key, stored, data, "application/yaml", **metadata)
        except NoAnswer as error:
            unknown = "whether the table was published is not known: run the command again"
            raise NotReachable(f"{error}; {unknown}") from error

    def _get(self, key: str, action: str, absent: Collection[str], **version: str) -> StoredObject:
        with self._errors_explained(action, key):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key, **version)
            except ClientError as error:
                if error_code(error) not in absent:
                    raise
                return StoredObject(None, None, None, "no object is stored there")
            try:
                data, problem = verified_body(answer), ""
            except FetchFailed as error:
                data, problem = None, error.reason
        metadata = answer["Metadata"]
        return StoredObject(
            answer["ETag"],
            _version_id(answer),
            data,
            problem,
            metadata.get(COMPILED_DIGEST),
            origin.kept(metadata),
        )

    def _put(
        self, key: str, stored: StoredObject, data: bytes, kind: str, **metadata: str
    ) -> str | None:
        expected = {"IfNoneMatch": "*"} if stored.etag is None else {"IfMatch": stored.etag}
        with self._errors_explained("s3:PutObject", key):
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
                if error_code(error) not in _CHANGED:
                    raise
                lost = "was changed by somebody else in the meantime; run the command again"
                raise Refused([f"{self.name} {lost}"]) from error
        return _version_id(answer)

    def _version(self, listed: dict[str, Any]) -> Version:
        version = listed["VersionId"]
        with self._errors_explained(_READ_VERSION, self.key):
            answer = self._client.head_object(Bucket=self.bucket, Key=self.key, VersionId=version)
        return _version(answer, version, listed["LastModified"], is_live=listed["IsLatest"])

    @contextmanager
    def _errors_explained(self, action: str, key: str | None = None) -> Iterator[None]:
        """Turn errors of S3 into errors of commands that say what to do."""
        with reaching(SERVICE):
            try:
                yield
            except ClientError as error:
                if error_code(error) == "NoSuchBucket":
                    raise WrongUse(
                        f"there is no bucket {self.bucket}; correct the name, or create it"
                    ) from error
                if error_code(error) in _DENIED:
                    raise NotReachable(self._denied(action, key)) from error
                raise

    def _denied(self, action: str, key: str | None) -> str:
        resource = f"{self.bucket}/{key}" if key else self.bucket
        text = f"{NAMES[SERVICE]} denies {action} on arn:aws:s3:::{resource}; allow it"
        if action == _READ:
            # Without that permission, S3 also denies access to a key that does not exist.
            text += f", and s3:ListBucket on arn:aws:s3:::{self.bucket}"
        return f"{text}, and the use of the KMS key if there is one"


def _version(
    answer: dict[str, Any], version: str, modified: datetime, *, is_live: bool = True
) -> Version:
    """Return a version from the answer to HeadObject."""
    metadata = answer["Metadata"]
    return Version(
        version,
        modified,
        is_live,
        metadata.get(DIGEST),
        metadata.get(MODELS),
        origin.author(metadata),
        origin.comment(metadata),
    )


def _version_id(answer: dict[str, Any]) -> str | None:
    version = answer.get("VersionId")
    return None if version == UNVERSIONED else version
