"""What browsers may send and read from pages of other origins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalice.app import CORSConfig

from chalicelib.routing.headers import CORS_ALLOWED, CORS_EXPOSED

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY_ORIGIN = "*"
PREFLIGHT_MAX_AGE_SECONDS = 600


def configuration(origin: str | None, more_headers: Iterable[str] = ()) -> CORSConfig | None:
    """Return the configuration for preflights. Chalice also allows AWS's own headers.

    Pages of a named origin may send credentials; with any origin, browsers refuse that.

    Args:
        origin: The origin, or `*` for any; None for no CORS.
        more_headers: Names of request headers that are allowed besides the gateway's own.
    """
    if origin is None:
        return None
    allowed = {name.lower(): name for name in (*more_headers, *CORS_ALLOWED)}
    return CORSConfig(
        allow_origin=origin,
        allow_headers=list(allowed.values()),
        expose_headers=list(CORS_EXPOSED),
        max_age=PREFLIGHT_MAX_AGE_SECONDS,
        allow_credentials=origin != ANY_ORIGIN,
    )


def headers(origin: str | None, more_headers: Iterable[str] = ()) -> dict[str, str]:
    """Return the CORS headers of every response that the gateway makes, errors included."""
    config = configuration(origin, more_headers)
    if config is None:
        return {}
    vary = {} if origin == ANY_ORIGIN else {"Vary": "Origin"}
    allowed = config.get_access_control_headers()
    return {**allowed, "Timing-Allow-Origin": config.allow_origin, **vary}
