"""What tests of the account reader share."""

import pytest

from tests.unit.account.paper import Paper


@pytest.fixture
def paper():
    """An account that is empty."""
    return Paper()
