"""One port: each request goes to the runtime, the control plane, the faults, or moto."""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from aiohttp import web
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID

from sagemaker_local import errors, runtime
from sagemaker_local.control_plane import protocol
from sagemaker_local.control_plane.resources import Region
from sagemaker_local.definitions import Place
from sagemaker_local.faults import BadFault, Fault, Faults
from sagemaker_local.hosting.artifacts import ArtifactStore
from sagemaker_local.other_services import OtherServices

if TYPE_CHECKING:
    import socket

    from sagemaker_local.settings import Options

log = logging.getLogger(__name__)

DEFAULT_REGION = "us-east-1"
JSON_CONTENT_TYPE = "application/x-amz-json-1.1"
MAX_HEADER_BYTES = 64 * 1024  # above SageMaker's own limits, which is what callers meet
MAX_OTHER_BODY_BYTES = 5 * 1024**3  # S3's largest single PUT

_CREDENTIAL_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/")
_FAULT_PATH = re.compile(r"/_local/faults/(?P<endpoint>[^/]+)")


class LocalSageMaker:
    """The whole stand-in behind one listening socket."""

    def __init__(self, options: Options, listener: socket.socket) -> None:
        self._options = options
        self._listener = listener
        self._faults = Faults()
        self._runtime = runtime.Runtime(options, self._faults)
        self._others = OtherServices()
        self._folder = Path(tempfile.mkdtemp(prefix="sagemaker-local-"))
        self._regions: dict[str, Region] = {}
        self._runner: web.AppRunner | None = None
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def start(self) -> None:
        """Return when every service answers."""
        self._others.start()
        application = web.Application(client_max_size=MAX_OTHER_BODY_BYTES)
        # Any path, as S3's keys may hold anything, line ends included.
        application.router.add_route("*", "/{path:(?s:.*)}", self._answer)
        self._runner = web.AppRunner(
            application,
            auto_decompress=False,
            access_log=None,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener, shutdown_timeout=1.0).start()

    async def stop(self) -> None:
        """Take no more requests, so that nobody creates anything; then end every container."""
        if self._runner is not None:
            await self._runner.cleanup()
        for region in self._regions.values():
            await region.close()
        await self._others.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def overview(self) -> list[tuple[str, str, str, str]]:
        """Name, kind, status and containers of every endpoint."""
        return [
            (endpoint.name, endpoint.kind, endpoint.status, ", ".join(endpoint.container_names))
            for region in self._regions.values()
            for endpoint in region.endpoints.values()
        ]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """The outermost door: what nobody foresaw is SageMaker's InternalFailure, and is logged."""
        try:
            return await self._dispatch(request)
        except Exception as error:
            if isinstance(error, ConnectionError) and runtime.caller_has_left(request):
                return web.Response()
            log.exception("%s %s failed", request.method, request.rel_url.path)
            return runtime.error_response(errors.InternalFailure(), str(uuid.uuid4()))

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        """The one place that knows which part answers what."""
        path = request.raw_path.partition("?")[0]
        target = request.headers.get("X-Amz-Target")
        if (match := runtime.PATH.fullmatch(path)) and request.method == "POST":
            return await self._runtime.handle(request, match, self._region(request))
        if protocol.is_ours(target):
            return await self._control(request, str(target))
        if match := _FAULT_PATH.fullmatch(path):
            return await self._handle_fault(request, match["endpoint"])
        return await self._others.handle(request)

    async def _control(self, request: web.Request, target: str) -> web.Response:
        request_id = str(uuid.uuid4())
        body = await request.read()
        try:
            answer = protocol.call(self._region(request), target, body)
        except errors.ServiceError as error:
            return runtime.error_response(error, request_id)
        return web.Response(
            body=json.dumps(answer).encode(),
            headers={"Content-Type": JSON_CONTENT_TYPE, "x-amzn-RequestId": request_id},
        )

    async def _handle_fault(self, request: web.Request, endpoint: str) -> web.Response:
        """Not AWS's: a signed request is somebody who meant AWS."""
        if "Authorization" in request.headers or "X-Amz-Signature" in request.query:
            return _json({"error": "Faults take unsigned requests only."}, 403)
        if request.method == "PUT":
            try:
                self._faults.put(endpoint, Fault.parse(await request.read()))
            except BadFault as error:
                return _json({"error": str(error)}, 400)
        elif request.method == "DELETE":
            self._faults.end(endpoint)
        elif request.method != "GET":
            return _json({"error": "Use GET, PUT or DELETE."}, 405)
        fault = self._faults.get(endpoint)
        return _json({"endpoint": endpoint, "fault": fault.describe() if fault else None}, 200)

    def _region(self, request: web.Request) -> Region:
        """The region that the request was signed for."""
        scope = _CREDENTIAL_SCOPE.search(request.headers.get("Authorization", ""))
        name = scope["region"] if scope else DEFAULT_REGION
        if name not in self._regions:
            place = Place(DEFAULT_ACCOUNT_ID, name)
            artifacts = ArtifactStore(self._s3_client(name), self._folder)
            self._regions[name] = Region(place, self._options, artifacts, self._faults)
        return self._regions[name]

    def _s3_client(self, region: str) -> Any:
        """Artifacts come from S3 as any user would get them: through the front door."""
        session = boto3.Session("local", "local", region_name=region)
        config = Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}
        )
        return session.client("s3", endpoint_url=self.url, config=config)


def _json(content: object, status: int) -> web.Response:
    return web.json_response(content, status=status)
