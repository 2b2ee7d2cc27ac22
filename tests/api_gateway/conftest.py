"""What the simulator's own tests share."""

import pytest

from tests.functional.conftest import chalices_signature
from tests.support.clock import Clock

__all__ = ["chalices_signature"]


@pytest.fixture
def clock():
    """Moved by the test alone."""
    return Clock()
