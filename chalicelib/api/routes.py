"""The routes: predictions, the models and the API as documents, the health, and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api import wire
from chalicelib.errors import GatewayMisconfigured, PayloadTooLarge, UnknownModel
from chalicelib.telemetry import TABLE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalice.app import ChaliceAuthorizer, Response

    from chalicelib.api.application import GatewayApp
    from chalicelib.api.jobs import Jobs
    from chalicelib.api.wire import RequestContext
    from chalicelib.auth.principal import Principal
    from chalicelib.gateway import Gateway

NO_JOBS = "GATEWAY_JOBS is not set"
"""Why a model of kind `async` cannot be called; for the log alone."""


def register(
    app: GatewayApp,
    gateway: Gateway,
    authorizer: ChaliceAuthorizer,
    jobs: Jobs | None,
    *,
    has_page: bool,
) -> None:
    """Register every route but those of jobs; those of the page only if the gateway has one."""
    has_jobs = jobs is not None

    def predict(context: RequestContext, principal: Principal, **segments: str) -> Response:
        context.record.is_prediction = True
        return _predict(gateway, jobs, context, principal, _path(segments))

    def describe_model(context: RequestContext, principal: Principal, **segments: str) -> Response:
        from chalicelib.api import catalog  # noqa: PLC0415 (no prediction needs it)

        path = _path(segments)
        return catalog.describe_model(gateway, context, principal, path, has_jobs=has_jobs)

    def list_models(context: RequestContext, principal: Principal) -> Response:
        from chalicelib.api import catalog  # noqa: PLC0415 (no prediction needs it)

        return catalog.list_models(gateway, context, principal, has_jobs=has_jobs)

    def describe_api(context: RequestContext, principal: Principal) -> Response:
        from chalicelib.api.openapi import view  # noqa: PLC0415 (few callers ask for it)

        return view.describe_api(gateway, context, principal, has_jobs=has_jobs)

    def health(context: RequestContext) -> Response:
        table = gateway.table()
        context.record.table = table.digest
        stale_seconds = gateway.stale_seconds()
        members = {"status": "ok", "models": len(table), "table": table.digest[:TABLE_DIGITS]}
        if stale_seconds is not None:
            members |= {"status": "degraded", "table_age_seconds": max(0, int(stale_seconds))}
        return wire.document(members)

    for segments in wire.SEGMENTS:
        app.protected_view(f"/predict/{segments}", "POST", authorizer)(predict)
        app.protected_view(f"/models/{segments}", "GET", authorizer)(describe_model)
    app.protected_view("/models", "GET", authorizer)(list_models)
    app.protected_view("/openapi.json", "GET", authorizer)(describe_api)
    app.public_view("/health", "GET")(health)
    if has_page:
        _register_page(app, jobs)


def _predict(
    gateway: Gateway, jobs: Jobs | None, context: RequestContext, principal: Principal, path: str
) -> Response:
    """Answer with the model's response, or with a job that will have it."""
    resolved = gateway.resolve(principal, path, context.record)
    try:
        if jobs is not None and jobs.is_wanted(resolved, context.request):
            return jobs.submit(context, principal, path, resolved)
        if resolved.model.target.is_async:
            raise GatewayMisconfigured(NO_JOBS, of_jobs=True)
        response = gateway.predict(
            principal, resolved, context.request, platform=context.platform, record=context.record
        )
    except PayloadTooLarge as error:
        if jobs is not None:
            jobs.name_uploads(error, resolved)
        raise
    return wire.prediction(response, resolved.model, context.record.target_name)


def _register_page(app: GatewayApp, jobs: Jobs | None) -> None:
    def show_page(context: RequestContext) -> Response:
        from chalicelib.api import page  # noqa: PLC0415 (only browsers ask for it)

        return page.show(context, None if jobs is None else jobs.url_of_bucket())

    def send_file(context: RequestContext, file: str) -> Response:
        from chalicelib.api import page  # noqa: PLC0415 (only browsers ask for it)

        return page.send_file(context, file)

    app.public_view("/", "GET")(show_page)
    app.public_view("/page/{file}", "GET")(send_file)


def _path(segments: Mapping[str, str]) -> str:
    """Return the path after `/predict/`; a slash within a segment was `%2F`, which no model has."""
    path = "/".join(segments.values())
    if path.count("/") >= len(segments):
        raise UnknownModel(path)
    return path
