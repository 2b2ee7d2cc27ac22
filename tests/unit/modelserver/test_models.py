"""Loading a model, choosing the response's format, and what the model's result becomes."""

import json
from io import BytesIO

import joblib
import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

from sagemaker_local.modelserver.errors import BadInput, CannotLoad, NotAcceptable, OutOfMemory
from sagemaker_local.modelserver.media_types import CSV, JSON, NPY, negotiate
from sagemaker_local.modelserver.models import InferenceRequest, load
from sagemaker_local.modelserver.tabular import TabularModel


def respond(model, body, accept=JSON):
    return model.respond(InferenceRequest(CSV, accept, body)).body


def predictions_of(model, body):
    return json.loads(respond(model, body))["predictions"]


def model_that_raises(error):
    def predict(_rows):
        raise error

    return TabularModel(1, predict)


@pytest.mark.parametrize(("artifact", "expected"), [("binary", [0, 1]), ("multiclass", [0, 2])])
def test_lightgbm_classifiers(folders, artifact, expected):
    """A LightGBM classifier predicts the class index, as a whole number."""
    predictions = predictions_of(load("lightgbm", folders[artifact]), b"1,0\n29,0")

    assert predictions == expected
    assert all(isinstance(prediction, int) for prediction in predictions)


def test_lightgbm_in_other_formats(folders):
    """LightGBM reads and answers the same formats as scikit-learn: lists, and npy both ways."""
    model = load("lightgbm", folders["multiclass"])
    rows = BytesIO()
    np.save(rows, np.array([[1.0, 0.0], [29.0, 0.0]]))

    array = model.respond(InferenceRequest(NPY, NPY, rows.getvalue()))
    answer = model.respond(InferenceRequest(JSON, "*/*", b"[[1,0],[29,0]]"))

    assert (array.content_type, np.load(BytesIO(array.body)).tolist()) == (NPY, [0, 2])
    assert (answer.content_type, answer.body) == (JSON, b"[0, 2]")


def test_lightgbm_regression(folders):
    """A LightGBM regression predicts a number."""
    (prediction,) = predictions_of(load("lightgbm", folders["regression"]), b"15,0")

    assert isinstance(prediction, float)
    assert 120 < prediction < 180


def test_sparse_results(tmp_path):
    """A sparse result of a transformer becomes a full row, zeros included."""
    joblib.dump(OneHotEncoder().fit(np.array([[0.0], [1.0]])), tmp_path / "model.joblib")

    assert json.loads(respond(load("sklearn", tmp_path), b"1")) == {"instances": [[0.0, 1.0]]}


@pytest.mark.parametrize(
    ("signature", "message"),
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
def test_invalid_signatures(folders, tmp_path, signature, message):
    """A model does not load if its signature is not valid or does not fit the model."""
    (tmp_path / "model.joblib").write_bytes((folders["picture"] / "model.joblib").read_bytes())
    (tmp_path / "signature.json").write_text(signature)

    with pytest.raises(CannotLoad, match=message):
        load("sklearn", tmp_path)


@pytest.mark.parametrize(
    ("values", "as_json", "as_csv"),
    [
        pytest.param([2], b'{"predictions": [2]}', b"2\n", id="class"),
        pytest.param([2.5], b'{"predictions": [2.5]}', b"2.5\n", id="number"),
        pytest.param([[1, 0]], b'{"predictions": [[1, 0]]}', b"1,0\n", id="several-outputs"),
        pytest.param(["a,b"], b'{"predictions": ["a,b"]}', b'"a,b"\n', id="label"),
    ],
)
def test_response_formats(values, as_json, as_csv):
    """Whole numbers stay whole, and each row of the request is one line of CSV."""
    model = TabularModel(1, lambda _rows: np.array(values))

    assert respond(model, b"1") == as_json
    assert respond(model, b"1", CSV) == as_csv


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (ValueError("too large for float32"), BadInput, "too large for float32"),
        (MemoryError(), OutOfMemory, "no memory left for 1 rows"),
        (ZeroDivisionError("by zero"), ZeroDivisionError, "by zero"),
    ],
)
def test_model_errors(raised, expected, message):
    """A ValueError is the caller's mistake; an error without a known meaning is the model's."""
    with pytest.raises(expected, match=message):
        respond(model_that_raises(raised), b"1")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json;charset=utf-8", JSON),
        ("application/json, text/plain, */*", JSON),
        ("text/html, */*;q=0.8", JSON),
        ("text/csv", CSV),
        ("text/csv; header=absent", CSV),
        ("text/*", CSV),
        ("text/csv, */*", CSV),
        ("text/csv, application/json", CSV),
        ("application/json, text/csv", JSON),
        ("application/json;q=0.5, text/csv", CSV),
        ("application/json;q=0.5, text/csv;q=0.4", JSON),
        ("application/json;q=0.1, */*", CSV),
        ("*/*, application/json;q=0", CSV),
        ("text/csv;q=nonsense, application/json;q=0.1", JSON),
        (", ,text/csv,", CSV),
    ],
)
def test_negotiation(accept, expected):
    """The highest quality wins, then the first position; the most precise range counts."""
    assert negotiate(accept, [JSON, CSV]) == expected


@pytest.mark.parametrize(
    "accept", ["image/png", "text/csv;q=0", "*/*;q=0", "json", "text/csv;q=nan", "\udcff/\udcff"]
)
def test_nothing_acceptable(accept):
    """An Accept header that allows no offer, or is not valid, is refused with the offers."""
    with pytest.raises(NotAcceptable, match="application/json or text/csv"):
        negotiate(accept, [JSON, CSV])
