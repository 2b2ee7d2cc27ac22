"""What browsers may send and read from pages of other origins."""

from __future__ import annotations

from chalice.app import CORSConfig

from chalicelib.routing.headers import CORS_ALLOWED, CORS_EXPOSED

PREFLIGHT_MAX_AGE_SECONDS = 600


def configuration(origin: str) -> CORSConfig:
    """Return the configuration for preflights. Chalice also allows AWS's own headers."""
    return CORSConfig(
        allow_origin=origin,
        allow_headers=list(CORS_ALLOWED),
        expose_headers=list(CORS_EXPOSED),
        max_age=PREFLIGHT_MAX_AGE_SECONDS,
    )


def headers(origin: str) -> dict[str, str]:
    """Return the CORS headers of every response that the gateway makes, errors included."""
    allowed = configuration(origin).get_access_control_headers()
    vary = {} if origin == "*" else {"Vary": "Origin"}
    return {**allowed, "Timing-Allow-Origin": origin, **vary}
