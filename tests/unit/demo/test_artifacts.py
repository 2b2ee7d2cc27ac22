"""Training the demo's models, and keeping their artifacts."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from sagemaker_local.demo import artifacts
from sagemaker_local.demo.endpoints import ENDPOINTS


def test_every_container_has_its_artifact(trained):
    """Every container has an artifact, and every artifact has a container."""
    prefixes = [container.artifact for endpoint in ENDPOINTS for container in endpoint.containers]

    assert all(any(key.startswith(prefix) for key in trained.keys) for prefix in prefixes)
    assert all(key.startswith(tuple(prefixes)) for key in trained.keys)
    assert sum(len(trained.read(key)) for key in trained.keys) < 500_000


def test_two_processes_train_at_once(trained, tmp_path):
    """Every training makes the same bytes, and two at once leave one set of files."""
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(
            lambda _: artifacts.ensure(tmp_path, lambda _line: None), range(2)
        )

    assert first == second
    assert first.folder.name == trained.folder.name
    assert {key: first.read(key) for key in first.keys} == {
        key: trained.read(key) for key in trained.keys
    }
    assert [folder.name for folder in tmp_path.iterdir()] == [first.folder.name]


def test_interrupted_training(tmp_path):
    """An interrupted training leaves nothing in the cache."""

    def interrupt(_line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        artifacts.ensure(tmp_path, interrupt)

    assert list(tmp_path.iterdir()) == []


def test_progress(trained, tmp_path):
    """A training reports each artifact in one line."""
    lines = []

    artifacts.ensure(tmp_path / "new", lines.append)

    assert len(lines) == len(trained.keys)
    assert lines[0].startswith("trained tabular/iris-v1.tar.gz (1 of ")


def test_artifacts_are_kept(trained):
    """Artifacts in the cache are found without training, and without importing a framework."""
    code = (
        "import sys, pathlib\n"
        "from sagemaker_local.demo import artifacts\n"
        "print(artifacts.ensure(pathlib.Path(sys.argv[1]), print).folder)\n"
        "assert 'sklearn' not in sys.modules"
    )
    command = [sys.executable, "-c", code, trained.folder.parent]

    found = subprocess.run(command, capture_output=True, text=True, check=True)

    assert found.stdout == f"{trained.folder}\n"
