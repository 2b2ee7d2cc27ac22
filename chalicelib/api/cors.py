"""What browsers of other origins may do, and see."""

from __future__ import annotations

from chalice.app import CORSConfig

from chalicelib.payload.admission import PASSABLE, TIMEOUT_HEADER

PREFLIGHT_MAX_AGE_SECONDS = 600
EXPOSED = ("X-Request-Id", "Server-Timing", "X-Model", "X-Invoked-Variant", "Retry-After")


def configuration(origin: str) -> CORSConfig:
    """For Chalice, which answers preflights with it. Chalice adds some AWS headers of its own."""
    passable = [header for header, _, _ in PASSABLE.values()]
    return CORSConfig(
        allow_origin=origin,
        allow_headers=["Accept", TIMEOUT_HEADER, *passable],
        expose_headers=list(EXPOSED),
        max_age=PREFLIGHT_MAX_AGE_SECONDS,
    )


def headers(origin: str) -> dict[str, str]:
    """For every answer that we make, errors included."""
    allowed = configuration(origin).get_access_control_headers()
    vary = {} if origin == "*" else {"Vary": "Origin"}
    return {**allowed, "Timing-Allow-Origin": origin, **vary}
