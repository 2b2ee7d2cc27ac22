"""The account of these tests."""

import pytest

from tests.support.aws_account import AwsAccount


@pytest.fixture
def account():
    """An empty account."""
    return AwsAccount()
