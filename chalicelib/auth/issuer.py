"""The issuer's keys as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.auth import key_set
from chalicelib.auth.download import download
from chalicelib.auth.json_object import NotAnObject, json_object
from chalicelib.auth.last_known_good import FetchFailed
from chalicelib.aws.deadline import Deadline

if TYPE_CHECKING:
    from chalicelib.auth.token_rules import TokenRules

FETCH_SECONDS = 1.5
"""For all of it, the discovery document included."""


def fetch_keys(rules: TokenRules) -> key_set.KeySet:
    """The issuer's usable keys. When they cannot be had: FetchFailed."""
    deadline = Deadline.soonest([FETCH_SECONDS])
    url = rules.jwks_url or _discovered(rules.issuer, deadline)
    return key_set.parse(download(url, deadline), rules.algorithms)


def _discovered(issuer: str, deadline: Deadline) -> str:
    """Where the issuer says that its keys are: OpenID Connect Discovery, section 4."""
    document = download(f"{issuer.rstrip('/')}/.well-known/openid-configuration", deadline)
    try:
        metadata = json_object(document)
    except NotAnObject:
        raise FetchFailed("the discovery document is not a JSON object") from None
    if metadata.get("issuer") != issuer:
        raise FetchFailed("the discovery document is another issuer's")
    url = metadata.get("jwks_uri")
    if not isinstance(url, str) or not _is_as_safe(url, issuer):
        raise FetchFailed("the discovery document has no safe jwks_uri")
    return url


def _is_as_safe(url: str, issuer: str) -> bool:
    """https; or, for an issuer on this machine, this machine."""
    try:
        there, here = urlsplit(url), urlsplit(issuer)
    except ValueError:
        return False
    is_here = (there.scheme, there.hostname) == (here.scheme, here.hostname)
    return bool(there.hostname) and (there.scheme == "https" or is_here)
