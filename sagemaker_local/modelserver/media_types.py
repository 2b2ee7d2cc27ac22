"""Content types: what a body is said to be, and what an answer may be."""

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

QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One item of an Accept header, such as `text/*;q=0.5`."""

    main: str
    sub: str
    quality: float
    place: int

    def covers(self, media_type: str) -> bool:
        main, _, sub = media_type.partition("/")
        return self.main in {main, "*"} and self.sub in {sub, "*"}

    @property
    def precision(self) -> int:
        return (self.main != "*") + (self.sub != "*")


UNWANTED = MediaRange("", "", quality=0.0, place=0)


def essence(content_type: str) -> str:
    """A content type without its parameters: `application/json` of `Application/JSON; a=b`."""
    return content_type.partition(";")[0].strip().lower()


def negotiate(accept: str, offers: Sequence[str]) -> str:
    """The offer that an Accept header asks for; the first one if it leaves the choice.

    When it rules out every offer: NotAcceptable.
    """
    ranges = parse_accept(accept or "*/*")
    wishes = {offer: _wish(offer, ranges) for offer in offers}
    wanted = [offer for offer in offers if wishes[offer].quality > 0]
    if not wanted:
        raise NotAcceptable(
            f"This model answers {' or '.join(offers)}; the request accepts neither."
        )
    return min(wanted, key=lambda offer: (-wishes[offer].quality, wishes[offer].place))


def parse_accept(accept: str) -> list[MediaRange]:
    """The media ranges of an Accept header; what is not one is left out."""
    items = enumerate(accept.split(","))
    return [parsed for place, item in items if (parsed := _parse_range(item, place))]


def _parse_range(item: str, place: int) -> MediaRange | None:
    name, *parameters = (part.strip().lower() for part in item.split(";"))
    main, slash, sub = name.partition("/")
    qualities = [value[2:] for value in parameters if value.startswith("q=")]
    quality = qualities[0] if qualities else "1"
    if not slash or not QUALITY.fullmatch(quality):
        return None
    return MediaRange(main, sub, float(quality), place)


def _wish(offer: str, ranges: list[MediaRange]) -> MediaRange:
    """The most precise range that covers an offer decides about it."""
    covering = [media_range for media_range in ranges if media_range.covers(offer)]
    return max(covering, key=lambda media_range: media_range.precision, default=UNWANTED)
