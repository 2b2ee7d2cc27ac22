"""Objects of S3 for web pages of this machine: what a bucket's CORS configuration allows them.

moto checks no signature, so whoever can name an object could make a presigned URL. Therefore an
origin has to be one of loopback too, which no page of the internet has.

Source: Amazon S3 user guide, "Using cross-origin resource sharing (CORS)" and "How does Amazon S3
evaluate the CORS configuration on a bucket?".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from moto.s3.models import s3_backends

from sagemaker_local import loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aiohttp import web
    from moto.s3.models import CorsRule

METHODS = frozenset(("GET", "HEAD", "PUT"))
SIGNED = frozenset(
    f"X-Amz-{part}"
    for part in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
)
SERVICE = re.compile(r"[^/]+/\d{8}/[a-z0-9-]+/s3/aws4_request")
# The other names of a query choose another operation, such as ?acl.
OBJECT_QUERY = re.compile(r"X-Amz-[A-Za-z-]+|x-id|versionId|response-[a-z-]+")
FORM = "application/x-www-form-urlencoded"  # moto takes the operation from such a body
ORIGIN = re.compile(r"https?://([^/]+)")
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


class Rule(NamedTuple):
    """One rule of a bucket."""

    methods: Sequence[str]
    origins: Sequence[str]
    headers: Sequence[str]
    exposed: Sequence[str]
    max_age: str | None

    @classmethod
    def of(cls, rule: CorsRule) -> Rule:
        """Read a rule of moto's, in which one value is a text and several are a list."""
        return cls(
            _values(rule.allowed_methods),
            _values(rule.allowed_origins),
            _values(rule.allowed_headers),
            _values(rule.exposed_headers),
            rule.max_age_seconds,
        )

    def allows(self, origin: str, method: str, headers: Iterable[str]) -> bool:
        """Whether a page of this origin may send such a request."""
        return (
            method in self.methods
            and _matches(origin, self.origins)
            and all(_matches(name.lower(), map(str.lower, self.headers)) for name in headers)
        )


def headers(request: web.BaseRequest) -> dict[str, str] | None:
    """Return the CORS headers of the answer to a page's request for an object, or its preflight.

    None: the request is not one that a page may send, or no page has sent it.
    """
    origins = request.headers.getall("Origin", ())
    if len(origins) != 1 or not _is_of_loopback(origins[0]) or not _is_for_object(request):
        return None
    preflight = request.method == "OPTIONS"
    method = _preflight(request, "Method") if preflight else request.method
    asked = re.findall(r"[^,\s]+", _preflight(request, "Headers")) if preflight else []
    if method not in METHODS:
        return None
    bucket = request.raw_path.split("/")[1]
    found = (rule for rule in _rules(bucket) if rule.allows(origins[0], method, asked))
    if (rule := next(found, None)) is None:
        return None
    more = {"Allow-Headers": ", ".join(asked)} if asked else {}
    more |= {"Max-Age": rule.max_age} if preflight and rule.max_age else {}
    more |= {"Expose-Headers": ", ".join(rule.exposed)} if rule.exposed else {}
    return {
        "Access-Control-Allow-Origin": "*" if "*" in rule.origins else origins[0],
        "Access-Control-Allow-Methods": ", ".join(rule.methods),
        **{f"Access-Control-{name}": value for name, value in more.items()},
        "Vary": VARY,
    }


def _preflight(request: web.BaseRequest, name: str) -> str:
    return request.headers.get(f"Access-Control-Request-{name}", "")


def _is_of_loopback(origin: str) -> bool:
    found = ORIGIN.fullmatch(origin)
    return found is not None and loopback.is_loopback(found[1])


def _is_for_object(request: web.BaseRequest) -> bool:
    """Whether a request is for one object in the path, by the signature in its query alone."""
    hosts = request.headers.getall("Host", ())
    names = [name for name, _ in request.query.items()]  # with those that came twice
    _, _, key = request.raw_path.partition("?")[0].removeprefix("/").partition("/")
    return (
        len(hosts) == 1
        and loopback.is_loopback(hosts[0])
        and ".localhost" not in hosts[0].lower()  # there the host would name the bucket
        and bool(key)
        and SIGNED.issubset(names)
        and len(set(names)) == len(names)
        and all(map(OBJECT_QUERY.fullmatch, names))
        and SERVICE.fullmatch(request.query["X-Amz-Credential"]) is not None
        and request.content_type != FORM
        and "Authorization" not in request.headers
        and not any(name.lower().startswith("x-amz-") for name in request.headers)
    )


def _rules(bucket: str) -> Iterator[Rule]:
    """Yield the rules of a bucket, whose name is unique among all accounts."""
    for partitions in list(s3_backends.values()):
        for backend in list(partitions.values()):
            if (found := backend.buckets.get(bucket)) is not None:
                yield from map(Rule.of, found.cors)


def _values(values: str | Sequence[str] | None) -> Sequence[str]:
    return [values] if isinstance(values, str) else values or []


def _matches(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns, in which `*` stands for any characters, is the text's."""
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) for pattern in patterns
    )
