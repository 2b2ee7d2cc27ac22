"""Checks of problem details, the form of all refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clients import Response

MEMBERS = {"type", "title", "status", "detail", "instance", "retryable"}


def family(base: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    """List the gateway's own errors, without those that API Gateway sends."""
    for child in base.__subclasses__():
        if child.__module__ == GatewayError.__module__:
            yield child
            yield from family(child)


TITLES = {error.slug: error.title for error in family() if hasattr(error, "slug")}
RETRYABLE = {error.slug: error.retryable for error in family() if hasattr(error, "slug")}


def assert_problem(answer: Response, status: int, slug: str, *more: str) -> dict[str, Any]:
    """Check a problem with the members of RFC 9457, and further members where an error has them."""
    problem = answer.json()
    assert (answer.status, problem["type"]) == (status, f"urn:inference-gateway:{slug}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.keys() == MEMBERS | set(more)
    assert problem["status"] == status
    assert problem["title"] == TITLES[slug]
    assert problem["detail"].endswith((".", "'."))
    assert problem["instance"] == answer.headers["x-request-id"]
    assert problem["retryable"] is RETRYABLE[slug]
    assert "gateway;dur=" in answer.headers["server-timing"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("retry-after" in answer.headers) == (status in {429, 503})
    if "retry-after" in answer.headers:
        seconds = answer.headers["retry-after"]
        assert seconds.isdigit()
        assert int(seconds) >= 1
    return dict(problem)
