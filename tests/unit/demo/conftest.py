"""The demo's artifacts, trained once for these tests."""

import pytest

from sagemaker_local.demo import artifacts


@pytest.fixture(scope="session", name="trained")
def _trained(tmp_path_factory):
    return artifacts.ensure(tmp_path_factory.mktemp("cache"), progress=lambda _line: None)
