"""moto's buckets and objects as documents, and back.

A setting of a bucket is the document that S3's own API gives for it, and is put back through the
API. Objects are read and restored in moto's memory, because PutObject can choose neither the id
of a version nor its time.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, S3Backend, s3_backends
from moto.settings import get_s3_default_key_buffer_size
from werkzeug.test import Client

from sagemaker_local.storage.folder import Name, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from wsgiref.types import WSGIApplication

    from sagemaker_local.storage.folder import DataFolder, Document

BUCKET, OBJECT = KINDS = ("bucket", "object")
CHUNK_BYTES = 1024 * 1024

# Names of S3's API for settings of a bucket. A lock needs versions, so versions come first.
SETTINGS = (
    "versioning",
    "object-lock",
    "ownershipControls",
    "publicAccessBlock",
    "encryption",
    "tagging",
    "cors",
    "lifecycle",
    "website",
    "policy",
)

# Members of a version, and where moto has them.
ATTRIBUTES = {
    "StorageClass": "_storage_class",
    "ServerSideEncryption": "encryption",
    "SSEKMSKeyId": "kms_key_id",
    "BucketKeyEnabled": "bucket_key_enabled",
    "ObjectLockMode": "lock_mode",
    "ObjectLockLegalHoldStatus": "lock_legal_status",
    "ObjectLockRetainUntilDate": "lock_until",
    "WebsiteRedirectLocation": "website_redirect_location",
    "ChecksumAlgorithm": "checksum_algorithm",
    "ChecksumValue": "checksum_value",
    "ChecksumType": "checksum_type",
    "ChecksumParts": "checksum_parts",
}


class _Unfinished(Exception):
    """A request is still writing the object."""


class Buckets:
    """Reads all buckets of all accounts, and restores them."""

    def __init__(self, folder: DataFolder, moto: WSGIApplication) -> None:
        self._folder = folder
        self._client = Client(moto)
        self._settings: WeakKeyDictionary[FakeBucket, dict[str, str]] = WeakKeyDictionary()
        self._contents: WeakKeyDictionary[FakeKey, str] = WeakKeyDictionary()
        self._documents: dict[Name, Document] = {}

    def restore(self) -> None:
        """Put everything back into moto.

        Raises:
            Unusable: A file is damaged.
        """
        for path, document in self._folder.read(BUCKET, "CreationDate"):
            with reading(path):
                self._restore_bucket(document)
        for path, document in self._folder.read(OBJECT, "Key"):
            with reading(path):
                self._restore_object(document)

    def save(self, *, settings: bool, is_written: Callable[[], bool]) -> None:
        """Write what has changed.

        Args:
            settings: Whether settings of buckets may have changed.
            is_written: Whether a request may be writing an object at this moment.
        """
        buckets: dict[Name, Document] = {}
        objects: dict[Name, Document] = {}
        for backend, bucket in _buckets():
            if settings or bucket not in self._settings:
                self._settings[bucket] = dict(self._read_settings(bucket))
            buckets[Name(BUCKET, _path(bucket))] = {
                **_place(bucket),
                "Name": bucket.name,
                "Region": bucket.region_name,
                "CreationDate": bucket.creation_date.isoformat(),
                "Settings": self._settings[bucket],
            }
            objects |= self._read_objects(backend, bucket, is_written)
        self._documents = objects
        self._folder.replace(KINDS, {**buckets, **objects})
        self._folder.remove_contents_except(
            {
                version["Content"]
                for document in objects.values()
                for version in document["Versions"]
                if "Content" in version
            }
        )

    def _read_objects(
        self, backend: S3Backend, bucket: FakeBucket, is_written: Callable[[], bool]
    ) -> Iterator[tuple[Name, Document]]:
        for key in list(dict.keys(bucket.keys)):
            name = Name(OBJECT, f"{_path(bucket)}/{key}")
            try:
                versions = [
                    self._version(backend, version, is_written)
                    for version in list(bucket.keys.getlist(key, []))
                ]
            except _Unfinished:  # The next call finds it complete.
                versions = self._documents.get(name, {}).get("Versions", [])
            if versions:
                members = {"Bucket": bucket.name, "Key": key, "Versions": versions}
                yield name, {**_place(bucket), **members}

    def _read_settings(self, bucket: FakeBucket) -> Iterator[tuple[str, str]]:
        for setting in SETTINGS:
            response = self._request("GET", bucket, setting)
            # A bucket that never had versions has a document without a status.
            is_set = setting != "versioning" or b"<Status>" in response.data
            if response.status_code == 200 and is_set:
                yield setting, response.get_data(as_text=True)

    def _request(self, method: str, bucket: FakeBucket, setting: str, body: str = "") -> Any:
        scope = f"local/20000101/{bucket.region_name}/s3/aws4_request"
        return self._client.open(
            f"/{quote(bucket.name)}?{setting}",
            method=method,
            data=body.encode(),
            headers={
                "Host": "localhost",
                "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=local",
                "x-moto-account-id": bucket.account_id,
            },
        )

    def _version(
        self,
        backend: S3Backend,
        version: FakeKey | FakeDeleteMarker,
        is_written: Callable[[], bool],
    ) -> Document:
        common = {
            "VersionId": version.version_id,
            "LastModified": version.last_modified.isoformat(),
        }
        if isinstance(version, FakeDeleteMarker):
            return {**common, "DeleteMarker": True}
        # moto reads the bytes for the ETag without a lock, once, before it answers the request.
        if version._etag is None and is_written():
            raise _Unfinished
        if version not in self._contents:
            try:
                self._contents[version] = self._folder.write_content(_chunks(version))
            except ValueError as error:  # It was deleted, and its file is closed.
                raise _Unfinished from error
        found = {member: getattr(version, name) for member, name in ATTRIBUTES.items()}
        return {
            **common,
            "Content": self._contents[version],
            "Size": version.size,
            "ETag": version.etag.strip('"'),
            "Versioned": version._is_versioned,
            "Metadata": dict(version.metadata),
            "Tags": dict(backend.tagger.get_tag_dict_for_resource(version.arn)),
            **{member: value for member, value in found.items() if value is not None},
        }

    def _restore_bucket(self, document: Document) -> None:
        backend = s3_backends[document["Account"]][document["Partition"]]
        bucket = backend.create_bucket(document["Name"], document["Region"])
        bucket.creation_date = datetime.fromisoformat(document["CreationDate"])
        settings = document["Settings"]
        for setting in SETTINGS:
            if setting in settings:
                response = self._request("PUT", bucket, setting, settings[setting])
                if response.status_code >= 300:
                    raise ValueError(f"moto refuses the setting {setting}")
        self._settings[bucket] = settings

    def _restore_object(self, document: Document) -> None:
        backend = s3_backends[document["Account"]][document["Partition"]]
        if document["Bucket"] not in backend.buckets:
            raise ValueError(f"the bucket {document['Bucket']!a} is not in {BUCKET}")
        bucket = backend.buckets[document["Bucket"]]
        versions: list[Any] = []
        for given in document["Versions"]:
            if given.get("DeleteMarker"):
                older = versions[-1] if versions else _empty_key(backend, document["Key"])
                version: Any = FakeDeleteMarker(older)
                version._version_id = given["VersionId"]
            else:
                version = self._restore_version(backend, document, given)
            version.last_modified = datetime.fromisoformat(given["LastModified"])
            versions.append(version)
        bucket.keys.setlist(document["Key"], versions)

    def _restore_version(self, backend: S3Backend, document: Document, given: Document) -> FakeKey:
        path = self._folder.content(given["Content"], given["Size"])
        is_large = given["Size"] > get_s3_default_key_buffer_size()
        key = FakeKey(
            name=document["Key"],
            bucket_name=document["Bucket"],
            value=b"" if is_large else path.read_bytes(),
            account_id=backend.account_id,
            region_name=backend.region_name,
            etag=given["ETag"],
            is_versioned=given["Versioned"],
            version_id=given["VersionId"],
        )
        if is_large:
            _read_from(key, path, given["Size"])
        for member, name in ATTRIBUTES.items():
            setattr(key, name, given.get(member))
        key.metadata.clear()
        key.metadata.update(given["Metadata"])
        tags = backend.tagger.convert_dict_to_tags_input(given["Tags"])
        backend.tagger.tag_resource(key.arn, tags)
        self._contents[key] = given["Content"]
        return key


def _buckets() -> list[tuple[S3Backend, FakeBucket]]:
    return [
        (backend, bucket)
        for partitions in list(s3_backends.values())
        for backend in list(partitions.values())
        for bucket in list(backend.buckets.values())
    ]


def _path(bucket: FakeBucket) -> str:
    """Return what distinguishes a bucket from those of all accounts."""
    return f"{bucket.account_id}/{bucket.name}"


def _place(bucket: FakeBucket) -> Document:
    """Return the members that say where moto has a bucket and its objects."""
    return {"Account": bucket.account_id, "Partition": bucket.partition}


def _chunks(key: FakeKey) -> Iterator[bytes]:
    """Yield the bytes, and let other requests read them in between."""
    position = 0
    while True:
        with key.lock:
            key._value_buffer.seek(position)
            chunk = key._value_buffer.read(CHUNK_BYTES)
        if not chunk:
            return
        yield chunk
        position += len(chunk)


def _read_from(key: FakeKey, path: Path, size: int) -> None:
    """Let a key read the file itself, instead of a temporary copy as moto would make."""
    key._value_buffer.close()
    buffer: Any = path.open("rb")
    key._value_buffer = buffer
    key.contentsize = size


def _empty_key(backend: S3Backend, name: str) -> FakeKey:
    """Build the key that a delete marker without an older version refers to."""
    key = FakeKey(name, b"", backend.account_id, backend.region_name)
    key.dispose()
    return key
