"""Loading an unpacked artifact."""

import json

import joblib
import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

from sagemaker_local.modelserver.errors import CannotLoad, OutOfMemory
from sagemaker_local.modelserver.frameworks import Invocation, load


def ask(model, body):
    answer = model.answer(Invocation("text/csv", "application/json", body))
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ("artifact", "expected"),
    [
        pytest.param("binary", [0, 1], id="second-class-from-a-half"),
        pytest.param("multiclass", [0, 2], id="most-likely-class"),
    ],
)
def test_lightgbm_classes(folders, artifact, expected):
    """A classifier answers the class index, not a probability."""
    predictions = ask(load("lightgbm", folders[artifact]), b"1,0\n29,0")["predictions"]

    assert expected == predictions
    assert all(isinstance(prediction, int) for prediction in predictions)


def test_lightgbm_numbers(folders):
    """A regression answers numbers."""
    (prediction,) = ask(load("lightgbm", folders["regression"]), b"15,0")["predictions"]

    assert isinstance(prediction, float)
    assert 120 < prediction < 180


def test_sparse_answers(tmp_path):
    """A transformer may answer a sparse matrix; the next container wants all of it."""
    joblib.dump(OneHotEncoder().fit(np.array([[0.0], [1.0]])), tmp_path / "model.joblib")

    assert ask(load("sklearn", tmp_path), b"1") == {"instances": [[0.0, 1.0]]}


@pytest.mark.parametrize(
    ("framework", "artifact", "said"),
    [
        ("sklearn", "empty", "holds no model.joblib"),
        ("sklearn", "multiclass", "holds no model.joblib"),
        ("sklearn", "unfitted", "the StandardScaler does not know its n_features_in_"),
        ("sklearn", "broken", "AttributeError: first line second line"),
        ("lightgbm", "empty", "holds no model.txt"),
        ("lightgbm", "not-lightgbm", "is not a LightGBM model"),
    ],
)
def test_artifacts_that_cannot_be_loaded(folders, framework, artifact, said):
    """The reason names the folder and fits on a line."""
    with pytest.raises(CannotLoad) as caught:
        load(framework, folders[artifact])

    assert str(folders[artifact]) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_out_of_memory(folders):
    """Memory that runs out is told apart: SageMaker makes room and tries again."""
    with pytest.raises(OutOfMemory):
        load("sklearn", folders["hungry"])


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ("{", "not JSON"),
        ("[]", "must look like"),
        ('{"image": {"width": 2}}', "must look like"),
        ('{"image": {"width": 2, "height": 2, "levels": 16, "depth": 8}}', "must look like"),
        ('{"image": {"width": 2, "height": 2, "levels": true}}', "whole numbers"),
        ('{"image": {"width": -2, "height": -2, "levels": 16}}', "whole numbers"),
        ('{"image": {"width": 3, "height": 2, "levels": 16}}', "do not make the 4 numbers"),
    ],
)
def test_signatures_that_do_not_fit(folders, tmp_path, signature, said):
    """A signature is checked against the model it comes with."""
    (tmp_path / "model.joblib").write_bytes((folders["picture"] / "model.joblib").read_bytes())
    (tmp_path / "signature.json").write_text(signature)

    with pytest.raises(CannotLoad, match=said):
        load("sklearn", tmp_path)
