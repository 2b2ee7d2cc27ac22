"""What tests of authentication share."""

import pytest

from tests.support.clock import Clock
from tests.unit.auth.issuer import jwks, make_keys, scheme


@pytest.fixture(scope="session")
def signing_keys():
    """Real keys by name."""
    return make_keys()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def published(signing_keys):
    """What an issuer publishes that has all of these keys, the weak one too."""
    return jwks(*(key.public() for key in signing_keys.values()))


@pytest.fixture(scope="session")
def rsa(signing_keys):
    """The key that most tokens are signed with."""
    return signing_keys["rsa"]


@pytest.fixture
def tokens(published):
    """Takes that issuer's tokens."""
    return scheme(published, jwt_algorithms="RS256,ES256,ES384,EdDSA")
