"""A request as API Gateway takes it in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tests.api_gateway.gateway_responses import Refused

if TYPE_CHECKING:
    from tests.api_gateway.reply import Pairs

MAX_URL_CHARACTERS = 10_240
MAX_HEADER_BYTES = 10_240
MAX_BODY_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One request. The stage is not a part of its path."""

    method: str
    target: str
    """The path and the query, as they came."""

    headers: Pairs
    body: bytes
    received: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        """Slashes at its start are one; all others stay."""
        return "/" + self.raw_path.lstrip("/")

    @property
    def query(self) -> list[tuple[str, str]]:
        """Decoded, a `+` as a space; a semicolon divides, as AWS says of REST APIs."""
        text = self.target.partition("?")[2].replace(";", "&")
        return parse_qsl(text, keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """Its last value, whatever the case of its name."""
        values = [value for own, value in self.headers if own.lower() == name.lower()]
        return values[-1] if values else None

    def check_limits(self) -> None:
        """What is refused whoever asks, and whatever for."""
        if len(self.target) > MAX_URL_CHARACTERS:
            raise Refused("URI_TOO_LONG", f"{len(self.target):,} characters")
        header_bytes = sum(len(value.encode()) for _, value in self.headers)
        if header_bytes > MAX_HEADER_BYTES:
            raise Refused("HEADERS_TOO_LARGE", f"header values of {header_bytes:,} bytes")
        check_body(self.body)


def check_body(body: bytes) -> None:
    if len(body) > MAX_BODY_BYTES:
        raise Refused("REQUEST_TOO_LARGE", f"a body of {len(body):,} bytes")
