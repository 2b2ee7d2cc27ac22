"""What tests of the account reader share."""

import pytest

from tests.support.aws_account import AwsAccount


@pytest.fixture
def account():
    """An account that is empty."""
    return AwsAccount()
