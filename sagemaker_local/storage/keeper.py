"""Restores what a folder keeps, and then saves every change within a second."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sagemaker_local.storage import hosting, secret_values
from sagemaker_local.storage.buckets import Buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from wsgiref.types import WSGIApplication

    from aiohttp import web

    from sagemaker_local.control_plane.resources import Resources
    from sagemaker_local.storage.folder import DataFolder, Document, Name

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.3

# Operations of JSON services whose names begin so change nothing.
READING = ("Get", "List", "Describe", "Head", "BatchGet", "Search")
SECRETS_PREFIX = "secretsmanager."
QUEUES_PREFIX = "AmazonSQS."  # queues are not kept, and whoever receives asks all the time


class Keeper:
    """Keeps the state of a local SageMaker in a folder, which it closes at the end."""

    def __init__(
        self,
        folder: DataFolder,
        moto: WSGIApplication,
        resources: Callable[[str], Resources],
        regions: Callable[[], Collection[Resources]],
    ) -> None:
        self._folder = folder
        self._buckets = Buckets(folder, moto)
        self._hosting = hosting.Hosting(resources, regions)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._saved: dict[Name, Document] = {}
        self._writers = 0
        self._moto_changed = self._settings_changed = False
        self._failed = False

    async def restore(self) -> None:
        """Put everything back, and begin to save what changes from now on.

        Raises:
            Unusable: A file is damaged; nothing is written.
        """
        await asyncio.to_thread(self._restore_moto)
        self._hosting.restore(self._folder)
        self._folder.find_leftovers()
        self._saved = self._hosting.documents()
        self._task = asyncio.create_task(self._run())

    async def resume(self) -> None:
        """Start the endpoints again, which needs the server; wait for all of them."""
        await self._hosting.resume()

    async def stop(self) -> None:
        """Save the last changes."""
        self._stopping.set()
        if self._task is not None:
            await self._task
        self._folder.close()

    @contextmanager
    def watch(self, request: web.Request) -> Iterator[None]:
        """Note what a request to moto may change; it is saved after the request has ended."""
        target = request.headers.get("X-Amz-Target", "")
        reads = target.rpartition(".")[2].startswith(READING) or target.startswith(QUEUES_PREFIX)
        if request.method in ("GET", "HEAD", "OPTIONS") or reads:
            yield
            return
        self._writers += 1
        try:
            yield
        finally:
            self._writers -= 1
            self._moto_changed = True
            # Everything but a request for one object may change settings of a bucket.
            if not target.startswith(SECRETS_PREFIX) and "/" not in request.path.strip("/"):
                self._settings_changed = True

    def _restore_moto(self) -> None:
        self._buckets.restore()
        secret_values.restore(self._folder)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_SECONDS):
                    await self._stopping.wait()
            await self._save()
        await self._save()  # what has changed during the last one

    async def _save(self) -> None:
        """Write what has changed; if that fails, the next call does it again."""
        documents = self._hosting.documents()  # First: what they refer to is saved before them.
        moto, settings = self._moto_changed, self._settings_changed
        self._moto_changed = self._settings_changed = False
        try:
            if moto:
                await asyncio.to_thread(self._save_moto, settings)
            if documents != self._saved:
                await asyncio.to_thread(self._folder.replace, hosting.KINDS, documents)
                self._saved = documents
        except Exception as error:
            self._moto_changed |= moto
            self._settings_changed |= settings
            self._report(error)
        else:
            if self._failed:
                log.info("everything is kept in %s again", self._folder.path)
            self._failed = False

    def _save_moto(self, settings: bool) -> None:
        self._buckets.save(settings=settings, is_written=lambda: self._writers > 0)
        secret_values.save(self._folder)

    def _report(self, error: Exception) -> None:
        """Log a failure, and those of the following attempts only once."""
        if isinstance(error, RuntimeError):  # A dict of moto changed while it was read.
            return
        if not self._failed:
            detail = None if isinstance(error, OSError) else error
            log.error(
                "changes cannot be kept in %s, and this is tried again: %s",
                self._folder.path,
                error,
                exc_info=detail,
            )
        self._failed = True
