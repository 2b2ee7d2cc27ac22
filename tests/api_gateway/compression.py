"""Bodies that are compressed on the way: undone for the function, done for the client.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gzip-compression-decompression.html
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.api_gateway.gateway_responses import Refused
from tests.api_gateway.request import check_body

if TYPE_CHECKING:
    from tests.api_gateway.reply import Reply
    from tests.api_gateway.request import Request

UNDO = {"gzip": gzip.decompress, "deflate": zlib.decompress, "identity": bytes}
DO = {"gzip": gzip.compress, "deflate": zlib.compress}


def decompressed(request: Request, minimum_bytes: int | None, *, keep_header: bool) -> Request:
    """As the function sees it. What is smaller than the minimum stays as it came."""
    coding = request.header("Content-Encoding")
    if coding is None:
        return request
    if coding.lower() not in UNDO:
        raise Refused("UNSUPPORTED_MEDIA_TYPE", f"Content-Encoding {coding}")
    if len(request.body) < (minimum_bytes or 0):
        return request
    body = _undone(request.body, coding.lower())
    check_body(body)
    headers = request.headers if keep_header else _without(request.headers, "content-encoding")
    return replace(request, body=body, headers=headers)


def compressed(reply: Reply, request: Request, minimum_bytes: int | None) -> Reply:
    """As the client gets it, if it asks for a coding before all others."""
    coding = _preferred(request.header("Accept-Encoding") or "")
    if minimum_bytes is None or len(reply.body) < minimum_bytes or coding not in DO:
        return reply
    if reply.header("Content-Encoding") is not None:
        return reply
    return replace(reply, body=DO[coding](reply.body)).and_header("Content-Encoding", coding)


def _undone(body: bytes, coding: str) -> bytes:
    try:
        return UNDO[coding](body)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused("UNSUPPORTED_MEDIA_TYPE", f"a body that is not {coding}") from error


def _preferred(header: str) -> str:
    """The coding with the highest q; of several the first."""
    weights: dict[str, float] = {}
    for item in header.lower().split(","):
        q = re.search(r";\s*q=(\d(?:\.\d+)?)", item)
        weights.setdefault(item.partition(";")[0].strip(), float(q[1]) if q else 1.0)
    return max(weights, key=lambda coding: weights[coding])


def _without(headers: tuple[tuple[str, str], ...], name: str) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in headers if pair[0].lower() != name)
