"""Fixtures of the tests of `gatewayctl policy`."""

import pytest

from tests.unit.policy.project import Project


@pytest.fixture(name="project")
def _project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
