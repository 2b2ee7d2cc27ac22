"""SageMaker's container contract over HTTP: for a single model, and for many models.

Source: SageMaker developer guide, "Custom Inference Code with Hosting Services" and "Custom
Containers Contract for Multi-Model Endpoints".
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiohttp import web

from sagemaker_local import framing, loopback
from sagemaker_local.modelserver import strict_json
from sagemaker_local.modelserver.errors import (
    BadInput,
    ModelServerError,
    NotLocal,
    UnsupportedMediaType,
)
from sagemaker_local.modelserver.models import InferenceRequest, InferenceResponse, Model

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_local.modelserver.loaded_models import LoadedModels

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 32 * 1024 * 1024  # above SageMaker's own limit, so that callers meet SageMaker's

log = logging.getLogger(__name__)


def single_model_application(model: Model, default_accept: str) -> web.Application:
    """Build the application of a container with one model: `/ping` and `/invocations`."""

    async def invoke(request: web.Request) -> web.Response:
        inference = await _inference_request(request, default_accept)
        return _http_response(await asyncio.to_thread(model.respond, inference))

    not_found = _not_found("This container holds one model; invoke it with POST /invocations.")
    application = _application()
    application.router.add_post("/invocations", invoke)
    application.router.add_route("*", "/models{rest:(/.*)?}", not_found)
    return application


def multi_model_application(models: LoadedModels, default_accept: str) -> web.Application:
    """Build the application of a container with many models: `/ping` and `/models…`."""
    routes = _ModelRoutes(models, default_accept)
    not_found = _not_found(
        "This container holds many models; invoke one with POST /models/{model_name}/invoke."
    )
    application = _application()
    application.router.add_route("*", "/invocations", not_found)
    application.router.add_post("/models", routes.load)
    application.router.add_get("/models", routes.list_page)
    application.router.add_get("/models/{name}", routes.show)
    application.router.add_delete("/models/{name}", routes.unload)
    application.router.add_post("/models/{name}/invoke", routes.invoke)
    return application


class _ModelRoutes:
    def __init__(self, models: LoadedModels, default_accept: str) -> None:
        self._models = models
        self._default_accept = default_accept

    async def load(self, request: web.Request) -> web.Response:
        name, url = _load_request(await _read_body(request))
        await self._models.load(name, url)
        return web.json_response({"status": f"Model {name!r} is loaded."})

    async def list_page(self, request: web.Request) -> web.Response:
        page = self._models.page(request.query.get("next_page_token", ""))
        listed = [_description(name, url) for name, url in page.models]
        token = {} if page.next_token is None else {"nextPageToken": page.next_token}
        return web.json_response({"models": listed, **token})

    async def show(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response(_description(name, self._models.url(name)))

    async def unload(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        await self._models.unload(name)
        return web.json_response({"status": f"Model {name!r} is unloaded."})

    async def invoke(self, request: web.Request) -> web.Response:
        inference = await _inference_request(request, self._default_accept)
        return _http_response(await self._models.invoke(request.match_info["name"], inference))


def refuse(sentence: str) -> web.Response:
    """Answer a request that is not clear HTTP."""
    return web.json_response({"error": sentence}, status=BadInput.status)


def _load_request(body: bytes) -> tuple[str, str]:
    """Return the model's name and folder from the body of `POST /models`."""
    content = strict_json.parse(body)
    if not isinstance(content, dict):
        raise BadInput(f"The body is {strict_json.type_name(content)}, not an object.")
    name, url = content.get("model_name"), content.get("url")
    if not (isinstance(name, str) and name and isinstance(url, str) and url and "\0" not in url):
        raise BadInput('The body must be {"model_name": "…", "url": "<folder of the model>"}.')
    return name, url


def _description(name: str, url: str) -> dict[str, str]:
    return {"modelName": name, "modelUrl": url}


async def _read_body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except (*framing.BROKEN_BODY, ConnectionError) as error:
        raise BadInput(framing.CUT_SHORT) from error


async def _inference_request(request: web.Request, default_accept: str) -> InferenceRequest:
    body = await _read_body(request)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("The body is compressed; send it without a Content-Encoding.")
    accept = ", ".join(request.headers.getall("Accept", []))
    content_type = request.headers.get("Content-Type", "")
    return InferenceRequest(content_type, accept, body, default_accept)


def _http_response(response: InferenceResponse) -> web.Response:
    return web.Response(body=response.body, headers={"Content-Type": response.content_type})


def _not_found(sentence: str) -> Handler:
    """Return a handler for a path that only the other kind of container has."""

    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"error": sentence}, status=404)

    return handler


def _application() -> web.Application:
    application = web.Application(
        middlewares=[_render_errors, _refuse_web_pages], client_max_size=MAX_BODY_BYTES
    )
    application.router.add_route("GET", "/ping", _ping)
    application.router.add_route("POST", "/ping", _ping)
    return application


async def _ping(_request: web.Request) -> web.Response:
    return web.Response()


@web.middleware
async def _render_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Render every error as `{"error": "<sentence>"}`, and log those with a status of 5xx."""
    try:
        return await handler(request)
    except Exception as error:  # a model may raise anything, and the server continues
        status, sentence = _status_and_sentence(error, request)
        if status >= 500:
            cause = type(error).__name__
            log.info("%d %s %s: %s", status, request.method, request.raw_path, cause)
        return web.json_response({"error": sentence}, status=status)


@web.middleware
async def _refuse_web_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a web page can have sent, before its body is read."""
    if reason := loopback.why_not_local(
        request.raw_path, lambda name: request.headers.getall(name, ())
    ):
        raise NotLocal(reason)
    return await handler(request)


def _status_and_sentence(error: Exception, request: web.Request) -> tuple[int, str]:
    match error:
        case ModelServerError():
            return error.status, str(error)
        case web.HTTPException():
            return error.status, f"{request.method} {request.path}: {error.reason}."
        case _:
            return 500, f"The model failed: {type(error).__name__}: {error}"
