"""Requests and replies of the simulator: their limits, binary media types and compression.

Sources:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gzip-compression-decompression.html
"""

from __future__ import annotations

import gzip
import json
import re
import uuid
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.support.clients import Response, lower_names

if TYPE_CHECKING:
    from collections.abc import Set

Pairs = tuple[tuple[str, str], ...]

MAX_URL_CHARACTERS = 10_240
MAX_HEADER_BYTES = 10_240
MAX_BODY_BYTES = 10 * 1024 * 1024

ANYTHING = "*/*"
JSON = "application/json"
UNDO = {"gzip": gzip.decompress, "deflate": zlib.decompress, "identity": bytes}
DO = {"gzip": gzip.compress, "deflate": zlib.compress}


class Refused(Exception):
    """The request ends here, with the gateway response of this type."""

    def __init__(self, response_type: str, reason: str, text: str | None = None) -> None:
        super().__init__(f"{response_type}: {reason}")
        self.response_type = response_type
        self.text = text


@dataclass(frozen=True)
class Request:
    """A request as API Gateway gets it; the stage is not a part of its path."""

    method: str
    target: str
    """The path and the query, undecoded."""

    headers: Pairs
    body: bytes
    received: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        """The path; several slashes at its start count as one."""
        return "/" + self.raw_path.lstrip("/")

    @property
    def query(self) -> list[tuple[str, str]]:
        """The decoded query; a semicolon separates, too, as AWS says of REST APIs."""
        text = self.target.partition("?")[2].replace(";", "&")
        return parse_qsl(text, keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """Return the last value of a header; its name has no case."""
        values = [value for own, value in self.headers if own.lower() == name.lower()]
        return values[-1] if values else None

    def check_limits(self) -> None:
        """Apply the limits of every request.

        Raises:
            Refused: One of them is exceeded.
        """
        if len(self.target) > MAX_URL_CHARACTERS:
            raise Refused("URI_TOO_LONG", f"{len(self.target):,} characters")
        header_bytes = sum(len(value.encode()) for _, value in self.headers)
        if header_bytes > MAX_HEADER_BYTES:
            raise Refused("HEADERS_TOO_LARGE", f"header values of {header_bytes:,} bytes")
        check_body(self.body)


def check_body(body: bytes) -> None:
    if len(body) > MAX_BODY_BYTES:
        raise Refused("REQUEST_TOO_LARGE", f"a body of {len(body):,} bytes")


@dataclass(frozen=True)
class Reply:
    """A status, the headers in order, and the body."""

    status: int
    headers: Pairs
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the last value of a header; its name has no case."""
        values = [value for own, value in self.headers if own.lower() == name.lower()]
        return values[-1] if values else None

    def json(self) -> Any:
        return json.loads(self.body)

    def and_header(self, name: str, value: str) -> Reply:
        return replace(self, headers=(*self.headers, (name, value)))

    @property
    def response(self) -> Response:
        """The same as other clients return it; no header may come twice."""
        assert len(dict(self.headers)) == len(self.headers), "a header comes twice"
        return Response(self.status, lower_names(dict(self.headers)), self.body)


def is_binary(header: str | None, binary_types: Set[str]) -> bool:
    """Whether the first type of the header is binary; with `*/*` in the list every type is."""
    kind = first_type(header)
    family = f"{kind.partition('/')[0]}/*"
    return ANYTHING in binary_types or kind in binary_types or family in binary_types


def first_type(header: str | None) -> str:
    """Return the first type without parameters; JSON if there is no header."""
    return (header or JSON).partition(",")[0].partition(";")[0].strip().lower()


def decompressed(request: Request, minimum_bytes: int | None, *, keep_header: bool) -> Request:
    """Decompress a request for the function, unless it is smaller than the minimum."""
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
    """Compress a reply if the client prefers a coding that API Gateway knows."""
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
    """Return the coding with the highest q; of several the first."""
    weights: dict[str, float] = {}
    for item in header.lower().split(","):
        q = re.search(r";\s*q=(\d(?:\.\d+)?)", item)
        weights.setdefault(item.partition(";")[0].strip(), float(q[1]) if q else 1.0)
    return max(weights, key=lambda coding: weights[coding])


def _without(headers: tuple[tuple[str, str], ...], name: str) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in headers if pair[0].lower() != name)
