"""The gateway's settings. Only this module reads the environment.

A setting is one row of `SETTINGS`: its variable, its field, its default as text, and the function
that reads the text or says what it must be. All mistakes are reported at once.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib.errors import ConfigurationError, closest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PREFIX = "GATEWAY_"

ASYMMETRIC = tuple(f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512))
ALGORITHMS = (*ASYMMETRIC, "EdDSA")

PRINTABLE = "1 to 256 printable ASCII characters without a space"

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_LONGEST_HEADER_NAMES = 2048  # API Gateway takes 10,240 bytes for all headers of a response


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A routing table in a file."""

    path: Path


@dataclass(frozen=True, slots=True)
class S3Location:
    """A routing table in an S3 object."""

    bucket: str
    key: str


class JobsLocation(NamedTuple):
    """The part of a bucket that holds jobs and uploads."""

    bucket: str
    prefix: str
    """Without a slash at either end."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set from outside, checked and typed."""

    routing: FileLocation | S3Location
    routing_max_age: int
    keys_secret: str | None = field(repr=False)  # people write a key where its name belongs
    keys_max_age: int
    jwt_issuer: str | None
    jwt_audience: tuple[str, ...]
    jwt_audience_claim: str
    jwt_jwks_url: str | None
    jwt_algorithms: tuple[str, ...]
    jwt_types: tuple[str, ...]
    jwt_grants_claim: tuple[str, ...]
    jwt_grant_prefix: str
    cors_origin: str | None
    cors_headers: tuple[str, ...]
    page: bool
    metrics_per_model: bool
    metrics_per_principal: bool
    jobs: JobsLocation | None
    jobs_queue: str | None
    jobs_concurrency: int
    lambda_handler: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from the environment as it is now.

        Raises:
            ConfigurationError: A setting is wrong; the error lists all mistakes.
        """
        environ = os.environ if environ is None else environ
        problems = list(_misspelled(environ))
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            text = environ.get(setting.variable, setting.default)
            try:
                values[setting.field] = setting.read(text)
            except ValueError as rule:
                problems.append(f"{setting.variable}{_quoted_value(setting, text)} must be {rule}")
        if values.get("jwt_issuer") and values.get("jwt_audience") == ():
            problems.append(
                "GATEWAY_JWT_AUDIENCE is not set; GATEWAY_JWT_ISSUER needs it: "
                "the audience, or the client id, that the tokens are made for"
            )
        if values.get("jobs") and values.get("jobs_queue", "") is None:
            problems.append(
                "GATEWAY_JOBS_QUEUE is not set; GATEWAY_JOBS needs it: the name of the SQS queue "
                "whose messages start jobs"
            )
        problems += _expiring(values.get("routing"), values.get("jobs"))
        if problems:
            raise ConfigurationError(problems)
        return cls(**values)


class Setting(NamedTuple):
    """One setting and how it is read."""

    variable: str
    field: str
    default: str
    read: Callable[[str], object]
    quotable: bool = True
    """Whether a message may repeat the value; people write a secret where its name belongs."""


def routing_location(text: str) -> FileLocation | S3Location:
    """Return where the table is; a relative path is relative to the folder `chalicelib`.

    Raises:
        ValueError: The text is not a location; the error says what it must be.
    """
    scheme, _, rest = text.partition(":")
    if scheme == "file" and rest.endswith((".yaml", ".yml")):
        return FileLocation(Path(__file__).parent / rest)
    match = re.fullmatch(r"//([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([!-~]{1,1024})", rest)
    if scheme == "s3" and match:
        return S3Location(match[1], match[2])
    raise ValueError("file:<path of a .yaml file> or s3://<bucket>/<key>")


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 86_400):
        raise ValueError("a whole number of seconds from 1 to 86400")
    return int(text)


def _word(text: str) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text and 1 <= len(text) <= 256):
        raise ValueError(PRINTABLE)
    return text


def _secret_name(text: str) -> str | None:
    if not all(part.isalnum() and part.isascii() for part in re.split("[/_+=.@:-]+", text) if part):
        raise ValueError("the name or ARN of a secret, or empty for no API keys")
    return text or None


def _prefix(text: str) -> str:
    # With several prefixes in it, the gateway would start, and no token would have a grant.
    if "," in text:
        raise ValueError("one prefix without a comma, or empty")
    return text and _word(text)


def _claim(text: str) -> str:
    rule = f"the name of one claim: {PRINTABLE} or a comma; a dot leads to a member of the claim"
    if "," in text or not all(text.split(".")):
        raise ValueError(rule)
    try:
        return _word(text)
    except ValueError:
        raise ValueError(rule) from None


def _issuer(text: str) -> str | None:
    if ",http" in text:
        raise ValueError("one URL: the gateway takes the tokens of one issuer")
    return _url(text)


def _url(text: str) -> str | None:
    if not text:
        return None
    rule = "a URL that starts with https:// (or http:// on loopback), or empty"
    try:
        url = urlsplit(_word(text))
        local = url.scheme == "http" and url.hostname in _LOOPBACK
        sound = url.hostname and url.port != 0 and "@" not in url.netloc and not url.fragment
    except ValueError as error:
        raise ValueError(rule) from error
    if not sound or not (local or url.scheme == "https"):
        raise ValueError(rule)
    return text


def _algorithms(text: str) -> tuple[str, ...]:
    names = tuple(item.strip() for item in text.split(","))
    if not set(names) <= set(ALGORITHMS):
        raise ValueError(f"a comma-separated list of asymmetric ones: {', '.join(ALGORITHMS)}")
    return names


def _list(text: str, read: Callable[[str], str] = _word) -> tuple[str, ...]:
    try:
        return tuple(read(item.strip()) for item in text.split(","))
    except ValueError as rule:
        raise ValueError(f"one or several, separated by commas, each {rule}") from None


def _optional_list(text: str) -> tuple[str, ...]:
    return _list(text) if text else ()


def _claims(text: str) -> tuple[str, ...]:
    return _list(text, _claim)


def _origin(text: str) -> str | None:
    if text in {"", "*"}:
        return text or None
    rule = "one origin such as https://app.example.com, or *, or empty for no CORS"
    if len(re.sub("[,;]", " ", text).split()) > 1:
        raise ValueError(f"{rule}; not several, because API Gateway answers every preflight alike")
    pattern = r"(https?)://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?"
    found = re.fullmatch(pattern, text)
    if not found or int((found[2] or ":0")[1:]) > 65_535:
        raise ValueError(rule)
    if found[2] == _DEFAULT_PORTS[found[1]]:
        raise ValueError(f"{rule}; without {found[2]}, which browsers leave out")
    return text


def _header_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    # HTTP also allows `'` and `$`, but they have a meaning where API Gateway reads the names.
    form = r"[A-Za-z0-9!#%&+.^_`|~-]+"
    if len(text) > _LONGEST_HEADER_NAMES or not all(re.fullmatch(form, name) for name in names):
        raise ValueError(
            "names of headers such as X-Tenant, separated by commas, with at most "
            f"{_LONGEST_HEADER_NAMES:,} characters, or empty; not *, which browsers read as a name "
            "if credentials are allowed"
        )
    return names


def _jobs_location(text: str) -> JobsLocation | None:
    if not text:
        return None
    match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9._/-]{1,200})", text)
    # An empty part between two slashes would be another prefix than people see. HTTP clients remove
    # `.` and `..` from URLs, whose signature is then another.
    if not match or not {"", ".", ".."}.isdisjoint(match[2].split("/")):
        raise ValueError(
            "s3://<bucket>/<prefix> with a prefix of A-Z a-z 0-9 . _ - and '/' between them, "
            "no part of which is . or .., or empty for no jobs"
        )
    return JobsLocation(match[1], match[2])


def _queue_name(text: str) -> str | None:
    if text and not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", text):
        raise ValueError("the name of an SQS standard queue, not its URL or ARN; or empty")
    return text or None


def _concurrency(text: str) -> int:
    # Source: Lambda API reference, ScalingConfig, member MaximumConcurrency.
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 2 <= int(text) <= 1000):
        raise ValueError("a whole number from 2 to 1000")
    return int(text)


def _switch(text: str) -> bool:
    if text not in {"on", "off"}:
        raise ValueError("on or off")
    return text == "on"


SETTINGS = (
    Setting("GATEWAY_ROUTING", "routing", "file:routing.yaml", routing_location),
    Setting("GATEWAY_ROUTING_MAX_AGE", "routing_max_age", "30", _seconds),
    Setting("GATEWAY_KEYS_SECRET", "keys_secret", "inference-gateway/keys", _secret_name, False),
    Setting("GATEWAY_KEYS_MAX_AGE", "keys_max_age", "60", _seconds),
    Setting("GATEWAY_JWT_ISSUER", "jwt_issuer", "", _issuer),
    Setting("GATEWAY_JWT_AUDIENCE", "jwt_audience", "", _optional_list),
    Setting("GATEWAY_JWT_AUDIENCE_CLAIM", "jwt_audience_claim", "aud", _claim),
    Setting("GATEWAY_JWT_JWKS_URL", "jwt_jwks_url", "", _url),
    Setting("GATEWAY_JWT_ALGORITHMS", "jwt_algorithms", "RS256", _algorithms),
    Setting("GATEWAY_JWT_TYPES", "jwt_types", "JWT,at+jwt", _list),
    Setting("GATEWAY_JWT_GRANTS_CLAIM", "jwt_grants_claim", "scope", _claims),
    Setting("GATEWAY_JWT_GRANT_PREFIX", "jwt_grant_prefix", "model:", _prefix),
    Setting("GATEWAY_CORS_ORIGIN", "cors_origin", "", _origin),
    Setting("GATEWAY_CORS_HEADERS", "cors_headers", "", _header_names),
    Setting("GATEWAY_PAGE", "page", "on", _switch),
    Setting("GATEWAY_METRICS_PER_MODEL", "metrics_per_model", "on", _switch),
    Setting("GATEWAY_METRICS_PER_PRINCIPAL", "metrics_per_principal", "off", _switch),
    Setting("GATEWAY_JOBS", "jobs", "", _jobs_location),
    Setting("GATEWAY_JOBS_QUEUE", "jobs_queue", "", _queue_name),
    Setting("GATEWAY_JOBS_CONCURRENCY", "jobs_concurrency", "10", _concurrency),
    # Set by Lambda: the handler of the function that this process runs.
    Setting("_HANDLER", "lambda_handler", "", str),
)


def _misspelled(environ: Mapping[str, str]) -> Iterator[str]:
    """Report unknown variables that resemble a known one; other programs may use the rest."""
    known = [setting.variable.removeprefix(PREFIX) for setting in SETTINGS]
    unknown = {variable for variable in environ if variable.startswith(PREFIX)}
    for variable in sorted(unknown - {PREFIX + name for name in known}):
        if close := closest(variable.removeprefix(PREFIX), known):
            yield f"{variable} is not a setting; did you mean {PREFIX}{close}?"


def _expiring(routing: object, jobs: JobsLocation | None) -> list[str]:
    """Report a routing table that would expire with the jobs, after a week."""
    if not (jobs and isinstance(routing, S3Location) and routing.bucket == jobs.bucket):
        return []
    if not routing.key.startswith(f"{jobs.prefix}/"):
        return []
    return [
        "GATEWAY_JOBS holds the table of GATEWAY_ROUTING; name another prefix, because everything "
        "below it expires after 7 days"
    ]


def _quoted_value(setting: Setting, text: str) -> str:
    return f" is {quoted(text)}; it" if setting.quotable else ""
