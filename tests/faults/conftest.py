"""Fixtures of the fault matrix."""

import pytest

from tests.containers.account import Account
from tests.functional.conftest import chalices_signature

__all__ = ["chalices_signature"]


@pytest.fixture
def account(sagemaker_local):
    """An account of the local SageMaker; its endpoints are deleted after the test."""
    account = Account(sagemaker_local.session, sagemaker_local.url)
    yield account
    account.close()
