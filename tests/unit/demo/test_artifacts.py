"""Training the demo models, packing them, and finding them again."""

import io
import json
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn import datasets

from sagemaker_local.demo import artifacts
from sagemaker_local.demo.endpoints import ENDPOINTS
from sagemaker_local.demo.training import load_diabetes
from sagemaker_local.modelserver.frameworks import Invocation, load


def unpack(trained, key, folder):
    with tarfile.open(fileobj=io.BytesIO(trained.read(key))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def ask(model, rows, answers="predictions"):
    body = json.dumps({"instances": np.asarray(rows).tolist()}).encode()
    answer = model.answer(Invocation("application/json", "", body))
    return np.array(json.loads(answer.body)[answers])


@pytest.mark.parametrize(
    ("key", "load_data"),
    [
        ("tabular/iris-v1.tar.gz", datasets.load_iris),
        ("tabular/wine-v1.tar.gz", datasets.load_wine),
        ("tabular/breast-cancer-v1.tar.gz", datasets.load_breast_cancer),
        ("digit-reader/model.tar.gz", datasets.load_digits),
    ],
)
def test_classifiers(trained, tmp_path, key, load_data):
    """A classifier takes values as they were measured, and answers the class index."""
    features, classes = load_data(return_X_y=True)

    predictions = ask(load("sklearn", unpack(trained, key, tmp_path)), features)

    assert predictions.dtype == int
    assert np.mean(predictions == classes) >= 0.95


@pytest.mark.parametrize("digit", range(10))
def test_digit_detectors(trained, tmp_path, digit):
    """Is it a 7? Mostly right about those that are, and about those that are not."""
    features, digits = datasets.load_digits(return_X_y=True)
    model = load("sklearn", unpack(trained, f"digits/is-{digit}-v1.tar.gz", tmp_path))

    predictions = ask(model, features)

    assert np.mean(predictions[digits == digit] == 1) >= 0.95
    assert np.mean(predictions[digits != digit] == 0) >= 0.95


@pytest.mark.parametrize(
    ("framework", "key", "least"),
    [
        ("sklearn", "diabetes/sklearn/model.tar.gz", 0.5),
        ("lightgbm", "diabetes/lightgbm/model.tar.gz", 0.6),
        ("sklearn", "shared/diabetes-component/model.tar.gz", 0.5),
    ],
)
def test_regressions(trained, tmp_path, framework, key, least):
    """A regression explains a good part of what it was trained on."""
    features, progression = load_diabetes(return_X_y=True)

    predictions = ask(load(framework, unpack(trained, key, tmp_path)), features)

    unexplained = np.sum((progression - predictions) ** 2)
    assert 1 - unexplained / np.sum((progression - progression.mean()) ** 2) >= least


def test_pipeline(trained, tmp_path):
    """What the first container answers is what the second one reads."""
    features, wines = datasets.load_wine(return_X_y=True)
    first = unpack(trained, "wine-pipeline/preprocess/model.tar.gz", tmp_path / "first")
    second = unpack(trained, "wine-pipeline/grade/model.tar.gz", tmp_path / "second")

    scaled = ask(load("sklearn", first), features, answers="instances")
    predictions = ask(load("lightgbm", second), scaled)

    assert predictions.dtype == int
    assert np.mean(predictions == wines) >= 0.95


def test_a_digit_as_a_picture(trained, tmp_path):
    """The reader of digits takes pictures too: bright is ink."""
    digits = datasets.load_digits()
    model = load("sklearn", unpack(trained, "digit-reader/model.tar.gz", tmp_path))
    body = io.BytesIO()
    np.save(body, digits.images[:20])

    answer = model.answer(Invocation("application/x-npy", "", body.getvalue()))

    assert json.loads(answer.body) == {"predictions": digits.target[:20].tolist()}


def test_every_container_has_its_artifact(trained):
    """Nothing is trained in vain, and no endpoint waits for an artifact that nobody trains."""
    wanted = [container.artifact for endpoint in ENDPOINTS for container in endpoint.containers]

    assert all(any(key.startswith(artifact) for key in trained.keys) for artifact in wanted)
    assert all(key.startswith(tuple(wanted)) for key in trained.keys)
    assert sum(len(trained.read(key)) for key in trained.keys) < 500_000


def test_artifacts_are_reproducible(trained, tmp_path):
    """Two trainings make the same bytes, so that who trains does not matter."""
    again = artifacts.train(tmp_path, progress=lambda _line: None)

    assert trained.folder.name == again.folder.name
    assert [key for key in trained.keys if trained.read(key) != again.read(key)] == []


def test_two_at_once(trained, tmp_path):
    """Two starts at the same time share one set of files and leave nothing else behind."""
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda _: artifacts.train(tmp_path, lambda _line: None), range(2)))

    assert both[0] == both[1]
    assert both[0].keys == trained.keys
    assert [folder.name for folder in tmp_path.iterdir()] == [both[0].folder.name]


def test_cached(trained, tmp_path):
    """What was trained before is found; an unfinished training is not."""
    (tmp_path / ".training-x").mkdir()

    assert artifacts.cached(tmp_path) is None
    assert artifacts.cached(tmp_path / "nowhere") is None
    assert artifacts.cached(trained.folder.parent) == trained


def test_a_training_that_fails(tmp_path):
    """A training that breaks off leaves no half set."""

    def interrupt(_line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        artifacts.train(tmp_path, interrupt)

    assert list(tmp_path.iterdir()) == []


def test_command(trained, tmp_path):
    """One line per artifact; the second time nothing, and without any framework."""
    command = [sys.executable, "-X", "importtime", "-m", "sagemaker_local.demo.artifacts"]

    def run(folder):
        return subprocess.run([*command, folder], capture_output=True, text=True, check=True)

    first, second = run(tmp_path), run(tmp_path)

    lines = first.stdout.splitlines()
    assert len(lines) == len(trained.keys)
    assert lines[0].startswith("trained tabular/iris-v1.tar.gz (1 of ")
    assert second.stdout == ""
    assert "sklearn" not in second.stderr
