"""Downloads model artifacts from S3 into folders on this machine."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.hosting.archives import LIMITS, Entries, UnsafeArtifact, unpack
from sagemaker_local.refusals import ArtifactNotFound, ArtifactUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sagemaker_local.definitions import ModelData

log = logging.getLogger(__name__)

_HTTPS = re.compile(
    r"https://(?:(?P<virtual>[^/]+?)\.)?s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?/(?P<path>.*)"
)


@dataclass(frozen=True)
class S3Location:
    """An object or a prefix in a bucket."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> S3Location:
        """Parse `s3://bucket/key`, or one of S3's two https forms."""
        if match := _HTTPS.fullmatch(url):
            path = unquote(match["path"])
            if match["virtual"]:
                return cls(match["virtual"], path)
        else:
            path = url.partition("://")[2]
        bucket, _, key = path.partition("/")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class ArtifactPrefix:
    """The ModelDataUrl of a multi-model container: the beginning of the URLs of its artifacts."""

    url: str

    def artifact(self, target_model: str) -> S3Location:
        """Return the object that a TargetModel names: both texts are joined as they are written.

        That nothing is added between them is UNVERIFIED. In AWS's sample "Hosting multiple models
        on a single Amazon SageMaker endpoint using CDK", the ModelDataUrl ends in `/models` and
        TargetModel is `/resnet_18.tar.gz`; `MultiDataModel.list_models` of the SageMaker Python
        SDK removes the prefix alone from each key, too.

        Raises:
            ArtifactNotFound: The name leaves the prefix, or has an empty part.
        """
        start, name = S3Location.parse(self.url), target_model.removeprefix("/")
        leaves_prefix = not {"", ".", ".."}.isdisjoint(name.split("/"))
        if start.key or self.url.endswith("/"):
            name = target_model
        elif name == target_model:  # the URL is a bucket, and the text would continue its name
            leaves_prefix = True
        if leaves_prefix:
            raise ArtifactNotFound(start.bucket, start.key + name, self.advice(target_model))
        return S3Location(start.bucket, start.key + name)

    def advice(self, target_model: str) -> str:
        """Say what is wrong with the slash between the prefix and the name; empty if nothing is."""
        if self.url.endswith("/") != target_model.startswith("/"):
            return ""
        fault = (
            "ends with a slash, so TargetModel must not begin with /"
            if self.url.endswith("/")
            else "has no trailing slash, so TargetModel must begin with /"
        )
        return f" The prefix and TargetModel are joined as they are written: {self.url} {fault}."


class ArtifactStore:
    """Downloads and unpacks artifacts below one folder."""

    def __init__(self, s3_client: Any, folder: Path) -> None:
        self._s3 = s3_client
        self._folder = folder

    def new_folder(self) -> Path:
        """Create an empty folder, which is deleted together with the store's folder."""
        return Path(tempfile.mkdtemp(dir=self._folder))

    async def check(self, data: ModelData) -> None:
        """Check that the artifact exists.

        Raises:
            ArtifactNotFound: The artifact does not exist.
        """
        location = S3Location.parse(data.url)
        if data.compressed:
            await asyncio.to_thread(self._head, location)
        elif not await asyncio.to_thread(self._keys_below, location):
            raise ArtifactNotFound(location.bucket, location.key)

    async def exists(self, url: str, *, prefix: bool) -> bool:
        """Whether the object exists, or if `prefix` any object below the prefix."""
        location = S3Location.parse(url)
        try:
            if not prefix:
                await asyncio.to_thread(self._head, location)
                return True
            return await asyncio.to_thread(self._count_below, location) > 0
        except ArtifactNotFound:
            return False

    async def fetch(self, data: ModelData, folder: Path) -> None:
        """Download the artifact's files into the folder.

        Raises:
            ArtifactNotFound: The artifact does not exist.
            ArtifactUnreadable: The artifact should be an archive and is none, or it is not safe.
        """
        location = S3Location.parse(data.url)
        write = self._unpack if data.compressed else self._copy
        await asyncio.to_thread(self._fetch, write, location, folder)

    def _head(self, location: S3Location) -> None:
        with _not_found(location):
            self._s3.head_object(Bucket=location.bucket, Key=location.key)

    def _count_below(self, location: S3Location) -> int:
        """Count keys below the prefix, at most one; a folder's empty object counts too."""
        with _not_found(location):
            found = self._s3.list_objects_v2(Bucket=location.bucket, Prefix=location.key, MaxKeys=1)
        return int(found["KeyCount"])

    def _fetch(
        self, write: Callable[[S3Location, Path], None], location: S3Location, folder: Path
    ) -> None:
        """Let `write` fill a new folder, and give it its name when it is complete."""
        partial = self.new_folder()
        try:
            with _not_found(location):
                write(location, partial)
            _move(partial, folder)
        except (UnsafeArtifact, OSError) as error:
            reason = error if isinstance(error, UnsafeArtifact) else type(error).__name__
            log.warning("the artifact %a was not read: %s", str(location), reason)
            raise ArtifactUnreadable(str(location)) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _unpack(self, location: S3Location, folder: Path) -> None:
        found = self._s3.get_object(Bucket=location.bucket, Key=location.key)
        with closing(found["Body"]) as archive:
            unpack(archive, found["ContentLength"], folder)

    def _copy(self, location: S3Location, folder: Path) -> None:
        keys = self._keys_below(location)
        if not keys:
            raise ArtifactNotFound(location.bucket, location.key)
        if sum(keys.values()) > LIMITS.bytes:
            raise UnsafeArtifact("it is too large")
        entries = Entries(folder)
        for key in keys:
            path = entries.add_file(_parts(key, location.key))
            self._s3.download_file(location.bucket, key, str(path))

    def _keys_below(self, location: S3Location) -> dict[str, int]:
        """Return the key and the size of each object."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=location.bucket, Prefix=location.key
        )
        with _not_found(location):
            items = [item for page in pages for item in page.get("Contents", [])]
        return {item["Key"]: item["Size"] for item in items if not item["Key"].endswith("/")}


def _parts(key: str, prefix: str) -> tuple[str, ...]:
    """Return the parts of the file name of an object.

    Raises:
        UnsafeArtifact: SageMaker refuses the name.

    Source: SageMaker API reference, "S3ModelDataSource", CompressionType.
    """
    name = key.removeprefix(prefix) or key.rpartition("/")[2]
    if not prefix.endswith("/"):  # SageMaker's documentation does not provide for this.
        name = name.removeprefix("/")
    parts = tuple(name.split("/"))
    if any(not part.strip() or part in (".", "..") or "\0" in part for part in parts):
        raise UnsafeArtifact("the key of an object is no name of a file")
    return parts


@contextmanager
def _not_found(location: S3Location) -> Iterator[None]:
    """Replace botocore's errors for a bucket or key that does not exist or has an invalid name."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise ArtifactNotFound(location.bucket, location.key) from error


def _move(partial: Path, folder: Path) -> None:
    """Rename in one step, so that an existing folder is always complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
