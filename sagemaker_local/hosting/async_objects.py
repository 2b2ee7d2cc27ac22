"""What asynchronous requests read and write: input and output objects in S3, messages to SNS."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from sagemaker_local.hosting.artifacts import S3Location

log = logging.getLogger(__name__)

MAX_INPUT_BYTES = 1024**3
"""Source: SageMaker developer guide, "Asynchronous inference": payloads up to 1 GB."""


class InputUnreadable(Exception):
    """The input object cannot be downloaded; the text is for the failure object."""


class AsyncObjects:
    """Reads and writes objects, and publishes messages, with boto3's clients of one region."""

    def __init__(self, client: Callable[[str], Any], folder: Path) -> None:
        self._client = client
        self._folder = folder

    @asynccontextmanager
    async def downloaded(self, location: S3Location) -> AsyncIterator[Path]:
        """Download an input object into a file, which is deleted at the end.

        Raises:
            InputUnreadable: The object does not exist, or is too large.
        """
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            await asyncio.to_thread(self._download, location, folder / "input")
            yield folder / "input"
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def write(
        self, location: S3Location, body: bytes, content_type: str, kms_key_id: str | None
    ) -> bool:
        """Write an object; a failure is logged, because no caller waits for it."""
        return await asyncio.to_thread(self._write, location, body, content_type, kms_key_id)

    async def publish(self, topic: str, message: Mapping[str, Any]) -> None:
        """Publish a message to a topic; a failure is logged."""
        await asyncio.to_thread(self._publish, topic, json.dumps(message))

    def _download(self, location: S3Location, path: Path) -> None:
        s3 = self._client("s3")
        try:
            found = s3.head_object(Bucket=location.bucket, Key=location.key)
            if found["ContentLength"] > MAX_INPUT_BYTES:
                # UNVERIFIED
                raise InputUnreadable(f"The input object is larger than {MAX_INPUT_BYTES} bytes.")
            # In parts: the front port holds the answer to one request in memory.
            s3.download_file(location.bucket, location.key, str(path))
        except (ClientError, BotoCoreError) as error:
            # UNVERIFIED, above all that SageMaker finds this out only when the request's turn comes
            raise InputUnreadable(
                f"Failed to download the input object(bucket: {location.bucket}, key:"
                f" {location.key}). Please ensure that there is an object located at the URL and"
                " that the role passed to CreateModel has permissions to download the object."
            ) from error

    def _write(
        self, location: S3Location, body: bytes, content_type: str, kms_key_id: str | None
    ) -> bool:
        extra = {"ContentType": content_type}
        if kms_key_id:
            extra |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id}
        try:
            self._client("s3").upload_fileobj(
                io.BytesIO(body), location.bucket, location.key, ExtraArgs=extra
            )
        except Exception as error:  # boto3 wraps some of botocore's errors
            log.warning("the object %a was not written: %s", str(location), type(error).__name__)
            return False
        return True

    def _publish(self, topic: str, message: str) -> None:
        try:
            self._client("sns").publish(TopicArn=topic, Message=message)
        except (ClientError, BotoCoreError) as error:
            log.warning("nothing was published to %a: %s", topic, type(error).__name__)
