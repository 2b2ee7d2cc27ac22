"""Who a request comes from."""

from __future__ import annotations

from chalicelib.auth.principal import EVERYTHING, Principal

# Stands in for a credential: this version has no authentication, and every caller is this one.
ANONYMOUS = Principal("anonymous", grants=(EVERYTHING,))


def principal_of(context: object) -> Principal:
    """The principal that the request's context names."""
    return ANONYMOUS
