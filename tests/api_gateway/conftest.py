"""Fixtures of the tests with the simulator of API Gateway."""

import pytest

from tests.functional.conftest import chalices_signature
from tests.support.clock import Clock

__all__ = ["chalices_signature"]


@pytest.fixture
def clock():
    """A clock that only the test moves."""
    return Clock()
