"""What a model accepts: a caller's request becomes the model's request, or an error says why not.

The order of the checks is part of the API: Accept, Content-Type, headers, size, JSON. Media types
are compared as RFC 9110 says. What is said to be JSON has to be JSON; its values are not checked.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, NoReturn

from chalicelib.errors import (
    InvalidHeader,
    InvalidJson,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
    quoted,
)
from chalicelib.routing import headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.routing.table import Model

    Rank = tuple[float, int]
    """q, then the negative position: the greater rank is preferred."""

MAX_BODY_BYTES = 4_600_000
"""As base64 it fits into Lambda's 6 MiB. Source: Lambda developer guide, "Lambda quotas"."""

MAX_PAYLOAD_BYTES = 25_000_000
"""What an endpoint takes and answers, where no API has to carry it: in jobs.

Source: SageMaker developer guide, "Real-time inference": payloads up to 25 MB."""

MAX_DEPTH = 200
USUAL_DEPTH = 8
PORTION_BYTES = 256 * 1024
LARGE_BODY_BYTES = 250_000
"""From this size on msgspec reads a body: three of them are worth the import (decision 17)."""

NEW_SESSION = "NEW_SESSION"
"""As a session's id it asks SageMaker for a new session, so it stands for no caller.

Source: SageMaker API reference, InvokeEndpoint, `SessionId`.
"""

TRANSFER_ENCODING = "transfer-encoding"
JSON = "application/json"
ANY_MEDIA_TYPE = "*/*"
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
# Commas and semicolons in a quoted text divide nothing. One without an end is the rest.
_QUOTED = r'"(?:[^"\\]|\\.)*"?'
LIST_ITEM = rf"(?:{_QUOTED}|[^,])+"
PARAMETER = rf"(?:{_QUOTED}|[^;])+"
MAX_MEDIA_TYPE_LENGTH = 1024
"""Source: botocore's service model of sagemaker-runtime, shape Header."""


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """What a caller sent, before any check."""

    headers: Mapping[str, str] = field(repr=False)
    """The headers by their lower-case names."""

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

    routing_key: str | None = field(default=None, repr=False)
    """What a header says to keep the caller at one target by; it is not passed on."""

    def invoke_args(self) -> dict[str, object]:
        """Return the arguments of InvokeEndpoint, except those of the target."""
        args: dict[str, object] = {"Body": self.body, "ContentType": self.content_type}
        if self.accept is not None:
            args["Accept"] = self.accept
        return {**args, **self.passed}


def admit(
    request: ClientRequest, model: Model, *, max_body_bytes: int | None = MAX_BODY_BYTES
) -> InferenceRequest:
    """Check a caller's request and build the model's request from it.

    Args:
        request: What the caller sent.
        model: The model that it is for.
        max_body_bytes: The largest body; None if the body is in S3, where nothing of it is checked.

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
    routing_key = None if model.sticky is None else _routing_key(request, model.sticky)
    timeout_seconds = request.timeout_seconds
    if max_body_bytes is not None:
        if request.size_bytes > max_body_bytes:
            raise PayloadTooLarge(max_body_bytes)
        if headers.is_json(media_type_of(content_type)):
            check_json(request.body)
    return InferenceRequest(
        request.body, content_type, accept, passed, timeout_seconds, routing_key
    )


def _accept(request: ClientRequest, model: Model) -> str | None:
    """Choose the Accept for the model; containers know few of the values that browsers send."""
    accept = request.headers.get("accept", "")
    if accept:
        _check_printable("Accept", accept, MAX_MEDIA_TYPE_LENGTH)
    try:
        chosen = negotiate(accept, model.accepts)
    except LookupError as error:
        raise NotAcceptable(model.accepts) from error
    if chosen is not None:  # a range such as image/* has become longer
        _check_printable("Accept", chosen, MAX_MEDIA_TYPE_LENGTH)
    return chosen


def _content_type(request: ClientRequest, model: Model) -> str:
    content_type = request.headers.get("content-type", "")
    if "content-encoding" in request.headers:
        raise UnsupportedMediaType(model.content_types, "The body has a Content-Encoding.")
    media_type = media_type_of(content_type)
    if media_type not in model.content_types:  # what is no media type may be anything
        is_known = _MEDIA_TYPE.fullmatch(media_type)
        came = (
            f"The Content-Type is {quoted(media_type)}." if is_known else "There is no media type."
        )
        raise UnsupportedMediaType(model.content_types, came)
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


def _routing_key(request: ClientRequest, sticky: str) -> str | None:
    """Return the value of the header that the word in `sticky` stands for, if there is one."""
    if sticky not in headers.STICKY:
        return None
    name, longest = headers.STICKY[sticky]
    value = request.headers.get(name.lower())
    if value is None or (sticky == "session-id" and value == NEW_SESSION):
        return None
    _check_printable(name, value, longest)
    return value


def _check_printable(name: str, value: str, max_length: int) -> None:
    if not (0 < len(value) <= max_length and value.isascii() and value.isprintable()):
        raise InvalidHeader(name, f"1 to {max_length} printable ASCII characters")


def media_type_of(header: str) -> str:
    """Return type and subtype of a Content-Type in lower case, without its parameters."""
    return header.partition(";")[0].strip().lower()


def negotiate(accept: str, offers: Sequence[str]) -> str | None:
    """Return what to ask a model for, or None when the caller takes any of its offers.

    That is an offer with the parameters that the caller wants for it: for some models they choose
    another answer (`application/json; verbose=true`). The narrowest range that matches decides how
    much the caller wants it: first by q, then by position.

    Raises:
        LookupError: No offer is acceptable.
    """
    if accept in offers:
        return accept
    if accept.strip() in {"", ANY_MEDIA_TYPE}:
        return None
    ranges = _ranges(accept)
    ranks: dict[str, Rank] = {}
    for offer in offers:
        main_type = offer.partition("/")[0]
        for media_range in (offer, f"{main_type}/*", ANY_MEDIA_TYPE):
            for parameters, rank in ranges.get(media_range, {}).items():
                ranks.setdefault(offer + parameters, rank)
    wanted = [asked for asked, (quality, _) in ranks.items() if quality > 0]
    if not wanted:
        raise LookupError(accept)
    best = max(wanted, key=ranks.__getitem__)
    is_any = ranks[best] == ranges.get(ANY_MEDIA_TYPE, {}).get("")
    return None if is_any and set(offers) <= set(wanted) else best


def _ranges(accept: str) -> dict[str, dict[str, Rank]]:
    """Return the rank of each media range of an Accept header, by its parameters as sent.

    Source: RFC 9110, section 12.5.1: q may stand anywhere among the parameters.
    """
    ranges: dict[str, dict[str, Rank]] = {}
    for position, item in enumerate(re.findall(LIST_ITEM, accept)):
        media_range, *rest = re.findall(PARAMETER, item) or [""]
        quality, parameters = 1.0, ""
        for parameter in rest:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                quality = _quality(value.strip())
            elif parameter.strip():
                parameters += f";{parameter}"
        known = ranges.setdefault(media_range.strip().lower(), {})
        known.setdefault(parameters.rstrip(), (quality, -position))
    return ranges


def _quality(text: str) -> float:
    """Read a q; one that is not a number is ignored."""
    try:
        quality = float(text)
    except ValueError:
        return 1.0
    return 1.0 if math.isnan(quality) else min(max(quality, 0.0), 1.0)


def check_json(body: bytes) -> None:
    """Check that a body is strictly JSON.

    Raises:
        InvalidJson: It is not. The error says where, and never repeats what is there.
    """
    if not body or body.isspace():
        raise InvalidJson("the body is empty")
    if body.startswith(codecs.BOM_UTF8):
        raise InvalidJson("it begins with a byte order mark")
    if len(body) < LARGE_BODY_BYTES or not _is_large_json(body):
        _decode_json(body)
    if len(body) > 2 * MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise InvalidJson(f"it is nested more than {MAX_DEPTH} deep")


def _is_large_json(body: bytes) -> bool:
    """Whether a body is certainly JSON; False for one with half of a surrogate pair, too."""
    from msgspec import DecodeError, Raw  # noqa: PLC0415  (most bodies are small)
    from msgspec.json import decode  # noqa: PLC0415

    try:
        if not body.isascii():
            body.decode()  # msgspec does not look at the bytes of strings that it skips
        decode(body, type=Raw)
    except (DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not JSON")


# Python's decoder is strict, except that it takes the constants NaN and Infinity. Numbers become
# True or False, which need no memory; and integers of any length are JSON.
_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=bool, parse_float=bool)


def _decode_json(body: bytes) -> None:
    """Find the first mistake of a body that should be JSON."""
    try:
        _decoder.decode(body.decode())
    except UnicodeDecodeError as error:
        raise InvalidJson(f"the byte at offset {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise InvalidJson(f"syntax error at offset {error.pos}") from error
    except RecursionError as error:
        raise InvalidJson(f"it is nested more than {MAX_DEPTH} deep") from error


_BRACES_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NEITHER_BRACKET_NOR_QUOTE = bytes(set(range(256)) - set(b'[{]}"'))
# +1 for an opening bracket and -1 for a closing one, as a signed byte.
_STEPS = bytes.maketrans(b"[]", b"\x01\xff")
_STRING = re.compile(rb'"[^"]*"')
_THOUSAND_STRINGS = re.compile(rb'(?:[^"]*"[^"]*"){0,1000}[^"]*')


def _depth(body: bytes) -> int:
    """Return the depth of valid JSON by its brackets, in portions that need little memory."""
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    portions = (body[at : at + PORTION_BYTES] for at in range(0, len(body), PORTION_BYTES))
    brackets = b"".join(
        portion.translate(_BRACES_AS_BRACKETS, _NEITHER_BRACKET_NOR_QUOTE) for portion in portions
    ).replace(b'""', b"")
    brackets = brackets.replace(b"[]" * 16, b"[]")  # as deep, and rows of numbers become few
    levels = 0
    while b'"' not in brackets and brackets and levels < USUAL_DEPTH:
        brackets = brackets.replace(b"[]", b"")  # removes the innermost level everywhere
        levels += 1
    depth = deepest = 0
    for portion in _THOUSAND_STRINGS.finditer(brackets):
        steps = _STRING.sub(b"", portion[0]).translate(_STEPS)
        highest = max(accumulate(memoryview(steps).cast("b"), initial=depth))
        deepest = max(deepest, highest)
        depth += 2 * steps.count(b"\x01") - len(steps)
    return levels + deepest
