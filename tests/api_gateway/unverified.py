"""Behaviour of API Gateway that is not verified: tests try the gateway with both answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unverified:
    """Switches; each default is what the best source says."""

    path_parameters_are_decoded: bool = False
    """Undecoded in what LocalStack recorded on AWS for `%2B`; other characters are unknown."""

    first_header_wins: bool = False
    """Which of two headers is in `headers`. AWS says the last of parameters, not of headers."""

    empty_allow_lets_in: bool = False
    """One report of 200 for an Allow without a resource (aws/chalice issue 1619)."""

    content_encoding_is_kept: bool = True
    """Whether a function sees the Content-Encoding of a body that was decompressed for it."""

    more_headers_are_remapped: bool = True
    """WWW-Authenticate and others in an answer: many have seen it, LocalStack's record has not."""

    failed_authorizer: str = "AUTHORIZER_FAILURE"
    """The type for an authorizer that raises. Its x-amzn-ErrorType speaks of the configuration."""

    too_large_event: str = "REQUEST_TOO_LARGE"
    """A body below API Gateway's 10 MB, whose event is over Lambda's 6 MB."""
