"""What a model accepts: a caller's request becomes the model's request, or an error says why not.

The order of the checks is part of the API: Accept, Content-Type, headers, size, JSON. Media types
are compared as RFC 9110 says.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.errors import (
    InvalidHeader,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from chalicelib.payload import strict_json
from chalicelib.routing import headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.routing.table import Model

    Rank = tuple[float, int]
    """q, then the negative position: the greater rank is preferred."""

MAX_BODY_BYTES = 4_600_000
"""As base64 it fits into Lambda's 6 MiB. Source: Lambda developer guide, "Lambda quotas"."""

TRANSFER_ENCODING = "transfer-encoding"
JSON = "application/json"
ANY_MEDIA_TYPE = "*/*"
MAX_MEDIA_TYPE_LENGTH = 1024
"""Source: botocore's service model of sagemaker-runtime, shape Header."""


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """What a caller sent, before any check."""

    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name."""

    body: bytes = field(repr=False)
    """Empty when the body is larger than `MAX_BODY_BYTES`."""

    size_bytes: int
    repeated_headers: frozenset[str] = frozenset()
    """Lower-case names that came more than once; only API Gateway reports them."""

    @property
    def timeout_seconds(self) -> float | None:
        """How long the caller is willing to wait; None without the header.

        Raises:
            InvalidHeader: The header is not a whole number of milliseconds above 0.
        """
        text = self.headers.get(headers.TIMEOUT.lower())
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
            raise InvalidHeader(headers.TIMEOUT, "a whole number of milliseconds above 0")
        return int(text) / 1000


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What SageMaker passes to the model."""

    body: bytes = field(repr=False)
    content_type: str
    accept: str | None = None
    passed: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Arguments of InvokeEndpoint for the headers that the model's `pass_headers` names."""

    timeout_seconds: float | None = None
    """How long the caller is willing to wait, if the caller said it."""

    def invoke_args(self) -> dict[str, object]:
        """Return the arguments of InvokeEndpoint, except those of the target."""
        args: dict[str, object] = {"Body": self.body, "ContentType": self.content_type}
        if self.accept is not None:
            args["Accept"] = self.accept
        return {**args, **self.passed}


def admit(request: ClientRequest, model: Model) -> InferenceRequest:
    """Check a caller's request and build the model's request from it.

    Raises:
        GatewayError: The model does not accept the request; the first failed check is reported.
    """
    accept = _accept(request, model)
    content_type = _content_type(request, model)
    if TRANSFER_ENCODING in request.headers and not request.size_bytes:
        # API Gateway removes this header. `chalice local` passes it on, without the body.
        raise InvalidHeader("Content-Length", "sent: without it, this server cannot read the body")
    for name in sorted(headers.SINGLE_VALUED.keys() & request.repeated_headers):
        raise InvalidHeader(headers.SINGLE_VALUED[name], "sent once")
    passed = _passed_headers(request, model)
    timeout_seconds = request.timeout_seconds
    if request.size_bytes > MAX_BODY_BYTES:
        raise PayloadTooLarge(MAX_BODY_BYTES)
    if model.content_types == (JSON,):
        strict_json.check(request.body)
    return InferenceRequest(request.body, content_type, accept, passed, timeout_seconds)


def _accept(request: ClientRequest, model: Model) -> str | None:
    """Choose the Accept for the model; containers know few of the values that browsers send."""
    accept = request.headers.get("accept", "")
    if accept:
        _check_printable("Accept", accept, MAX_MEDIA_TYPE_LENGTH)
    try:
        return negotiate(accept, model.accepts)
    except LookupError as error:
        raise NotAcceptable(model.accepts) from error


def _content_type(request: ClientRequest, model: Model) -> str:
    content_type = request.headers.get("content-type", "")
    is_accepted = media_type_of(content_type) in model.content_types
    if not is_accepted or "content-encoding" in request.headers:
        raise UnsupportedMediaType(model.content_types)
    _check_printable("Content-Type", content_type, MAX_MEDIA_TYPE_LENGTH)
    return content_type


def _passed_headers(request: ClientRequest, model: Model) -> Mapping[str, str]:
    passed = {}
    for word in model.pass_headers:
        header = headers.PASSED[word]
        value = request.headers.get(header.name.lower())
        if value is not None:
            _check_printable(header.name, value, header.max_length)
            passed[header.argument] = value
    return passed


def _check_printable(name: str, value: str, max_length: int) -> None:
    if not (0 < len(value) <= max_length and value.isascii() and value.isprintable()):
        raise InvalidHeader(name, f"1 to {max_length} printable ASCII characters")


def media_type_of(header: str) -> str:
    """Return type and subtype of a Content-Type in lower case, without its parameters."""
    return header.partition(";")[0].strip().lower()


def negotiate(accept: str, offers: Sequence[str]) -> str | None:
    """Return the offer that an Accept header prefers, or None when any offer is acceptable.

    The narrowest range that matches an offer gives the offer its rank: first its q, then its
    position.

    Raises:
        LookupError: No offer is acceptable.
    """
    if accept.strip() in {"", ANY_MEDIA_TYPE}:
        return None
    ranks = _ranks(accept)
    matches = {offer: found for offer in offers if (found := _narrowest_range(offer, ranks))}
    wanted = [offer for offer, media_range in matches.items() if ranks[media_range][0] > 0]
    if not wanted:
        raise LookupError(accept)
    best = max(wanted, key=lambda offer: ranks[matches[offer]])
    return None if matches[best] == ANY_MEDIA_TYPE and len(wanted) == len(offers) else best


def _ranks(accept: str) -> dict[str, Rank]:
    """Return the rank of each media range of an Accept header."""
    ranks: dict[str, Rank] = {}
    for position, item in enumerate(accept.split(",")):
        media_range, *parameters = item.split(";")
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                quality = _quality(value.strip())
        ranks.setdefault(media_range.strip().lower(), (quality, -position))
    return ranks


def _quality(text: str) -> float:
    """Read a q; one that is not a number is ignored."""
    try:
        quality = float(text)
    except ValueError:
        return 1.0
    return 1.0 if math.isnan(quality) else min(max(quality, 0.0), 1.0)


def _narrowest_range(offer: str, ranks: dict[str, Rank]) -> str | None:
    main_type = offer.partition("/")[0]
    ranges = (offer, f"{main_type}/*", ANY_MEDIA_TYPE)
    return next((media_range for media_range in ranges if media_range in ranks), None)
