"""scikit-learn: `model.joblib`, anything fitted that has `predict` or `transform`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from sagemaker_local.modelserver.errors import CannotLoad
from sagemaker_local.modelserver.signature import read_signature
from sagemaker_local.modelserver.tabular import TabularModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagemaker_local.modelserver.tabular import Values
    from sagemaker_local.modelserver.text_rows import Rows

FILE = "model.joblib"


def load(folder: Path) -> TabularModel:
    """When there is no such file, or no fitted estimator in it: CannotLoad."""
    path = folder / FILE
    if not path.is_file():
        raise CannotLoad(f"{folder} holds no {FILE}.")
    estimator = joblib.load(path)
    features = getattr(estimator, "n_features_in_", None)
    if not isinstance(features, int):
        kind = type(estimator).__name__
        raise CannotLoad(f"{path}: the {kind} does not know its n_features_in_; fit it first.")
    image = read_signature(folder, features)
    if hasattr(estimator, "predict"):
        return TabularModel(features, _dense(estimator.predict), image)
    if hasattr(estimator, "transform"):
        return TabularModel(features, _dense(estimator.transform), image, answers="instances")
    raise CannotLoad(f"{path}: the {type(estimator).__name__} has no predict and no transform.")


def _dense(method: Callable[[Rows], Any]) -> Callable[[Rows], Values]:
    """The method with its answer as an array; some transformers answer a sparse matrix."""

    def answer(rows: Rows) -> Values:
        values = method(rows)
        return np.asarray(values.toarray() if hasattr(values, "toarray") else values)

    return answer
