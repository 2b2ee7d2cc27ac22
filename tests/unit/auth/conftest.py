"""Fixtures for the tests of authentication."""

import pytest

from tests.support.clock import Clock
from tests.support.tokens import jwks, make_keys, scheme


@pytest.fixture(scope="session")
def signing_keys():
    """Real keys by id."""
    return make_keys()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def published(signing_keys):
    """The key set of an issuer that publishes all of these keys, the weak one too."""
    return jwks(*(key.public() for key in signing_keys.values()))


@pytest.fixture(scope="session")
def rsa(signing_keys):
    """The key that signs most tokens."""
    return signing_keys["rsa"]


@pytest.fixture
def tokens(published):
    """The scheme that takes this issuer's tokens."""
    return scheme(published, jwt_algorithms="RS256,ES256,ES384,EdDSA")
