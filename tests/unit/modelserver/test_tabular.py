"""What a model's own answer, or its failure, becomes."""

import numpy as np
import pytest

from sagemaker_local.modelserver.errors import BadInput, OutOfMemory
from sagemaker_local.modelserver.frameworks import Invocation
from sagemaker_local.modelserver.tabular import TabularModel

ONE_ROW = b"1"


def ask(predict, accept="application/json"):
    return TabularModel(1, predict).answer(Invocation("text/csv", accept, ONE_ROW)).body


def fails_with(error):
    def predict(_rows):
        raise error

    return predict


@pytest.mark.parametrize(
    ("values", "as_json", "as_csv"),
    [
        pytest.param([2], b'{"predictions": [2]}', b"2\n", id="class"),
        pytest.param([2.5], b'{"predictions": [2.5]}', b"2.5\n", id="number"),
        pytest.param([[1, 0]], b'{"predictions": [[1, 0]]}', b"1,0\n", id="several-outputs"),
        pytest.param(["a,b"], b'{"predictions": ["a,b"]}', b'"a,b"\n', id="label"),
    ],
)
def test_answers(values, as_json, as_csv):
    """Whole numbers stay whole; what a row holds stays on its line."""

    def predict(_rows):
        return np.array(values)

    assert ask(predict) == as_json
    assert ask(predict, "text/csv") == as_csv


@pytest.mark.parametrize(
    ("predict", "expected", "said"),
    [
        (fails_with(ValueError("too large for float32")), BadInput, "too large for float32"),
        (fails_with(MemoryError()), OutOfMemory, "no memory left for 1 rows"),
        (lambda rows: rows / 0, BadInput, "not a finite number"),
    ],
)
def test_failures(predict, expected, said):
    """Whose fault a failure is decides how it is told."""
    with pytest.raises(expected, match=said):
        ask(predict)


def test_other_failures():
    """An error that says nothing about the input is the model's own."""
    with pytest.raises(ZeroDivisionError):
        ask(fails_with(ZeroDivisionError()))
