"""What can be a grant: a path after `/predict/` in which `*` may stand for a segment."""

from __future__ import annotations

from chalicelib.auth.principal import EVERYTHING
from chalicelib.routing.parameters import is_value
from chalicelib.routing.targets import is_name

MOST_SEGMENTS = 3  # a model's name and up to two parameters

GRANT_RULE = (
    "a model's name and up to two parameters, divided by '/', each of which may be '*', "
    "as in house-price/*"
)


def is_grant(text: str) -> bool:
    """Whether some model's path could match it. A grant holds no space, so a list of them can."""
    first, *parameters = text.split("/")
    return (
        len(parameters) < MOST_SEGMENTS
        and (first == EVERYTHING or (is_name(first) and first == first.lower()))
        and all(value == EVERYTHING or is_value(value) for value in parameters)
    )


def granted_by(claim: object, prefix: str) -> tuple[str, ...]:
    """The grants in a token's claim: a text with spaces between them, or a list.

    `:` stands for `/`, which an OAuth scope of Amazon Cognito's cannot hold. The claim is not ours
    alone, so whatever in it is no grant of ours is none of our business.
    """
    values = claim.split(" ") if isinstance(claim, str) else claim
    if not isinstance(values, list):
        return ()
    ours = [value for value in values if isinstance(value, str) and value.startswith(prefix)]
    grants = (value.removeprefix(prefix).replace(":", "/") for value in ours)
    return tuple(dict.fromkeys(grant for grant in grants if is_grant(grant)))
