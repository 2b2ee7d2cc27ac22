"""Media types as RFC 9110 compares them: what is offered, and what is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Rank = tuple[float, int]
    """q, then position; the higher, the better."""

ANYTHING = "*/*"


def essence(media_type: str) -> str:
    """Type and subtype, in lower case, without parameters."""
    return media_type.partition(";")[0].strip().lower()


def chosen(accept: str, offers: Sequence[str]) -> str | None:
    """The offer that an Accept header likes best; None when any will do.

    How much an offer is wanted is for the narrowest range that fits it to say: by q, then by
    position. When no offer is acceptable: LookupError.
    """
    if accept.strip() in {"", ANYTHING}:
        return None
    ranks = _ranks(accept)
    fitting = {offer: media_range for offer in offers if (media_range := _narrowest(offer, ranks))}
    wanted = [offer for offer, media_range in fitting.items() if ranks[media_range][0] > 0]
    if not wanted:
        raise LookupError(accept)
    best = max(wanted, key=lambda offer: ranks[fitting[offer]])
    return None if fitting[best] == ANYTHING and len(wanted) == len(offers) else best


def _ranks(accept: str) -> dict[str, Rank]:
    """The ranges of an Accept header."""
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
    """A q that cannot be read does not count, as if it were not there."""
    try:
        quality = float(text)
    except ValueError:
        return 1.0
    return 1.0 if math.isnan(quality) else min(max(quality, 0.0), 1.0)


def _narrowest(offer: str, ranks: dict[str, Rank]) -> str | None:
    kind = offer.partition("/")[0]
    return next((one for one in (offer, f"{kind}/*", ANYTHING) if one in ranks), None)
