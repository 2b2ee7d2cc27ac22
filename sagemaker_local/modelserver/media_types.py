"""The formats of bodies, and which of them a response has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagemaker_local.modelserver.errors import NotAcceptable

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON = "application/json"
CSV = "text/csv"
NPY = "application/x-npy"
PNG = "image/png"

DEFAULT_ACCEPT = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
"""The environment variable with the format of responses to requests that accept anything."""

ANY = "*/*"
QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def media_type_of(content_type: str) -> str:
    """Return a Content-Type in lower case and without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def negotiate(accept: str, offers: Sequence[str], default: str = JSON) -> str:
    """Return the format of the response.

    Args:
        accept: The request's Accept header; empty if it has none.
        offers: The formats in which the model answers.
        default: What a request accepts that accepts anything, and what is preferred where the
            header leaves a choice.

    Raises:
        NotAcceptable: The model answers in none of the formats.

    Source: RFC 9110, section 12.5.1; for the default `Transformer.transform` of AWS's SageMaker
    Inference Toolkit.
    """
    is_any = accept.strip() in ("", ANY)
    offers = sorted(offers, key=lambda offer: offer != media_type_of(default))
    ranges = _parse_accept(default if is_any else accept)
    matches = {offer: _most_precise(offer, ranges) for offer in offers}
    acceptable = [offer for offer in offers if matches[offer].quality > 0]
    if not acceptable:
        known = " or ".join(sorted(offers))
        asked = f"{DEFAULT_ACCEPT} is {default!r}" if is_any else "the request accepts none of them"
        raise NotAcceptable(f"This model answers {known}; {asked}.")
    return min(acceptable, key=lambda offer: (-matches[offer].quality, matches[offer].position))


@dataclass(frozen=True, slots=True)
class _MediaRange:
    """One item of an Accept header, such as `text/*;q=0.5`."""

    main: str
    sub: str
    quality: float
    position: int

    def matches(self, media_type: str) -> bool:
        main, _, sub = media_type.partition("/")
        return self.main in {main, "*"} and self.sub in {sub, "*"}

    @property
    def precision(self) -> int:
        return (self.main != "*") + (self.sub != "*")


_NO_MATCH = _MediaRange("", "", quality=0.0, position=0)


def _parse_accept(accept: str) -> list[_MediaRange]:
    """Parse an Accept header; items that are no media ranges are ignored."""
    items = enumerate(accept.split(","))
    return [parsed for position, item in items if (parsed := _parse_range(item, position))]


def _parse_range(item: str, position: int) -> _MediaRange | None:
    name, *parameters = (part.strip().lower() for part in item.split(";"))
    main, slash, sub = name.partition("/")
    qualities = [value[2:] for value in parameters if value.startswith("q=")]
    quality = qualities[0] if qualities else "1"
    if not slash or not QUALITY.fullmatch(quality):
        return None
    return _MediaRange(main, sub, float(quality), position)


def _most_precise(offer: str, ranges: list[_MediaRange]) -> _MediaRange:
    """Return the most precise range that matches the offer; its quality decides."""
    matching = [media_range for media_range in ranges if media_range.matches(offer)]
    return max(matching, key=lambda media_range: media_range.precision, default=_NO_MATCH)
