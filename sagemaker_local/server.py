"""The HTTP server: one port, from which each request goes to the part that handles it.

InvokeEndpoint and InvokeEndpointAsync go to the runtime, hosting operations to the control plane,
`/_local/faults/` to the faults, and everything else through `other_services` to moto. A request
that a web page could have made goes nowhere, unless it is for an object of S3 with a presigned URL,
and the CORS configuration of the bucket allows it.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
import threading
import uuid
from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import boto3
from aiohttp import web
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from yarl import URL

from sagemaker_local import bucket_cors, errors, framing, loopback, other_services, runtime
from sagemaker_local.control_plane import protocol
from sagemaker_local.control_plane.resources import Resources
from sagemaker_local.faults import Fault, Faults, InvalidFault
from sagemaker_local.hosting.artifacts import ArtifactStore
from sagemaker_local.hosting.async_objects import AsyncObjects
from sagemaker_local.hosting.container_client import client_session
from sagemaker_local.settings import AccountRegion

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from multidict import CIMultiDict

    from sagemaker_local.settings import Options
    from sagemaker_local.storage.folder import DataFolder
    from sagemaker_local.storage.keeper import Keeper

log = logging.getLogger(__name__)

DEFAULT_REGION = "us-east-1"
FOLDER_PREFIX = "sagemaker-local-"
JSON_CONTENT_TYPE = "application/x-amz-json-1.1"
MAX_HEADER_BYTES = 64 * 1024  # Larger than SageMaker's limits, so that those apply first.
MAX_OTHER_BODY_BYTES = 5 * 1024**3  # S3's largest single PUT.

# Headers of one connection, which a proxy does not pass on. Source: RFC 9110, section 7.6.1.
HOP_BY_HOP_HEADERS = frozenset(
    ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect")
)
CORS_PREFIX = "access-control-"
LONGEST_SOCKET_PATH = 100  # Source: unix(7), sun_path; macOS has 104 bytes.

_CREDENTIAL_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/")
_FAULT_PATH = re.compile(r"/_local/faults/(?P<endpoint>[^/]+)")


class LocalSageMaker:
    """The local SageMaker, behind one listening socket."""

    def __init__(
        self, options: Options, listener: socket.socket, data: DataFolder | None = None
    ) -> None:
        self._options = options
        self._listener = listener
        self._faults = Faults()
        self._moto = _Moto()
        self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self._resources: dict[str, Resources] = {}
        self._runner: web.AppRunner | None = None
        self._keeper = self._new_keeper(data) if data else None
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def start(self) -> None:
        """Start all services, and return when they accept requests.

        Raises:
            Unusable: The folder with data cannot be read.
        """
        self._moto.start()
        if self._keeper is not None:
            await self._keeper.restore()
        application = web.Application(client_max_size=MAX_OTHER_BODY_BYTES)
        # Every path, because an S3 key may hold any character, line ends included.
        application.router.add_route(
            "*", "/{path:(?s:.*)}", self._handle, expect_handler=self._expect
        )
        self._runner = framing.AppRunner(
            application,
            _not_clear,
            auto_decompress=False,
            access_log=None,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener, shutdown_timeout=1.0).start()
        if self._keeper is not None:
            await self._keeper.resume()

    async def stop(self) -> None:
        """Stop the server first, so that nothing new is created; then stop all containers."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._keeper is not None:
            await self._keeper.stop()
        for resources in self._resources.values():
            await resources.close()
        await self._moto.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def overview(self) -> list[tuple[str, str, str, str]]:
        """Return name, kind, status and containers of every endpoint."""
        return [
            (endpoint.name, endpoint.kind, endpoint.status, ", ".join(endpoint.container_names))
            for resources in self._resources.values()
            for endpoint in resources.endpoints.values()
        ]

    async def _expect(self, request: web.Request) -> web.StreamResponse | None:
        """Ask for the body of a request that waits for this, unless the request is refused."""
        if (refused := _refused(request)) is not None:
            return refused
        await framing.ask_for_body(request)
        return None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Turn an unexpected error into SageMaker's InternalFailure, and log it."""
        if (refused := _refused(request)) is not None:
            return refused
        try:
            if (cors := bucket_cors.headers(request)) is not None:
                return await self._handle_page(request, cors)
            return await self._dispatch(request)
        except framing.BROKEN_BODY:
            return _not_clear(framing.CUT_SHORT)
        except Exception as error:
            if isinstance(error, ConnectionError) and runtime.is_disconnected(request):
                return web.Response()
            log.exception("%s %s failed", request.method, request.rel_url.path)
            return runtime.error_response(errors.InternalFailure(), str(uuid.uuid4()))

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        target = request.headers.get("X-Amz-Target")
        if (match := runtime.PATH.fullmatch(path)) and request.method == "POST":
            return await runtime.handle(request, match, self._resources_of(request))
        if target and protocol.is_hosting_operation(target, await request.read()):
            return await self._handle_control_plane(request, target)
        if match := _FAULT_PATH.fullmatch(path):
            return await self._handle_fault(request, match["endpoint"])
        return await self._handle_other_service(request)

    async def _handle_other_service(self, request: web.Request) -> web.Response:
        with self._keeper.watch(request) if self._keeper else nullcontext():
            return await other_services.handle(
                request, self._moto.handle, lambda: self._resources_of(request)
            )

    async def _handle_page(self, request: web.Request, cors: Mapping[str, str]) -> web.Response:
        """Answer a web page that may have an object of S3, or its preflight."""
        if request.method == "OPTIONS":
            return web.Response(headers=cors)
        response = await self._handle_other_service(request)
        response.headers.update(cors)
        return response

    async def _handle_control_plane(self, request: web.Request, target: str) -> web.Response:
        request_id = str(uuid.uuid4())
        body = await request.read()
        try:
            response = await protocol.call(self._resources_of(request), target, body)
        except errors.ServiceError as error:
            return runtime.error_response(error, request_id)
        return web.Response(
            body=json.dumps(response).encode(),
            headers={"Content-Type": JSON_CONTENT_TYPE, "x-amzn-RequestId": request_id},
        )

    async def _handle_fault(self, request: web.Request, endpoint: str) -> web.Response:
        """Reject signed requests: AWS has no such path, so their sender expects real AWS."""
        if "Authorization" in request.headers or "X-Amz-Signature" in request.query:
            error = {"error": "Faults take unsigned requests only."}
            return web.json_response(error, status=403)
        if request.method == "PUT":
            try:
                self._faults.put(endpoint, Fault.parse(await request.read()))
            except InvalidFault as error:
                return web.json_response({"error": str(error)}, status=400)
        elif request.method == "DELETE":
            self._faults.remove(endpoint)
        elif request.method != "GET":
            return web.json_response({"error": "Use GET, PUT or DELETE."}, status=405)
        fault = self._faults.get(endpoint)
        return web.json_response(
            {"endpoint": endpoint, "fault": fault.describe() if fault else None}
        )

    def _resources_of(self, request: web.Request) -> Resources:
        """Return the resources of the region that the request was signed for."""
        scope = _CREDENTIAL_SCOPE.search(request.headers.get("Authorization", ""))
        return self._resources_in(scope["region"] if scope else DEFAULT_REGION)

    def _resources_in(self, region: str) -> Resources:
        if region not in self._resources:
            account_region = AccountRegion(DEFAULT_ACCOUNT_ID, region)
            client = cache(partial(self._client, region))
            self._resources[region] = Resources(
                account_region,
                self._options,
                ArtifactStore(client("s3"), self._folder),
                AsyncObjects(client, self._folder),
                self._faults,
            )
        return self._resources[region]

    def _new_keeper(self, data: DataFolder) -> Keeper:
        # Without --data nothing of it is imported.
        from sagemaker_local.storage.keeper import Keeper  # noqa: PLC0415

        return Keeper(
            data, self._moto.application, self._resources_in, lambda: list(self._resources.values())
        )

    def _client(self, region: str, service: str) -> Any:
        """Create a client of another service, through this server's own port."""
        session = boto3.Session("local", "local", region_name=region)
        config = Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}
        )
        return session.client(service, endpoint_url=self.url, config=config)


def _refused(request: web.Request) -> web.Response | None:
    """Return the answer to a request that a web page could have made; None for all others."""
    reason = loopback.why_not_local(request.raw_path, lambda name: request.headers.getall(name, ()))
    if reason is None or bucket_cors.headers(request) is not None:
        return None
    log.warning("refused: %s", reason)
    return runtime.error_response(errors.WebPageRefused(reason), str(uuid.uuid4()))


def _not_clear(reason: str) -> web.Response:
    """Answer a request that is not clear HTTP."""
    return runtime.error_response(errors.MalformedInput(reason), str(uuid.uuid4()))


class _Moto:
    """moto's server in a thread; requests are passed on unchanged, the Host header included.

    It listens on a Unix socket in a folder of this user, and not on a port: no web page can reach
    that, and no other user.
    """

    def __init__(self) -> None:
        self._folder = _short_folder()
        self._socket = self._folder / "moto"
        self.application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            f"unix://{self._socket}",
            0,
            self.application,
            threaded=True,
            request_handler=MotoRequestHandler,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._session: aiohttp.ClientSession | None = None

    def start(self) -> None:
        self._thread.start()
        self._session = client_session(self._socket)

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def handle(self, request: web.Request) -> web.Response:
        if self._session is None:
            raise web.HTTPServiceUnavailable
        async with self._session.request(
            request.method,
            URL("http://localhost" + request.raw_path, encoded=True),
            headers=_without_hop_by_hop(request.headers.copy()),
            data=await request.read() or None,
            timeout=aiohttp.ClientTimeout(total=None),
            allow_redirects=False,
        ) as response:
            return web.Response(
                status=response.status,
                reason=response.reason,
                body=await response.read(),
                headers=_without_cors(_without_hop_by_hop(response.headers.copy())),
            )


def _short_folder() -> Path:
    """Create a folder for a Unix socket, whose path must be short."""
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    if len(bytes(folder)) < LONGEST_SOCKET_PATH - len("/moto"):
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir="/tmp"))


def _without_hop_by_hop(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    for name in HOP_BY_HOP_HEADERS:
        headers.popall(name, None)
    return headers


def _without_cors(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """Remove what allows web pages to read an answer: moto allows it to all of them."""
    for name in {name for name in headers if name.lower().startswith(CORS_PREFIX)}:
        headers.popall(name, None)
    return headers
