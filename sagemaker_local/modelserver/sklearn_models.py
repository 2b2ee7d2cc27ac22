"""Loads scikit-learn models: `model.joblib`, a fitted object with `predict` or `transform`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from sagemaker_local.modelserver.errors import CannotLoad
from sagemaker_local.modelserver.models import read_signature
from sagemaker_local.modelserver.tabular import TabularModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagemaker_local.modelserver.rows import Rows
    from sagemaker_local.modelserver.tabular import Values

FILE = "model.joblib"


def load(folder: Path) -> TabularModel:
    """Load the model in the folder of an unpacked artifact.

    Raises:
        CannotLoad: There is no `model.joblib`, or it contains no fitted estimator.
    """
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
        transform = _dense(estimator.transform)
        return TabularModel(features, transform, image, response_key="instances")
    raise CannotLoad(f"{path}: the {type(estimator).__name__} has no predict and no transform.")


def _dense(method: Callable[[Rows], Any]) -> Callable[[Rows], Values]:
    """Convert the method's result to an array, because some transformers return sparse matrices."""

    def call(rows: Rows) -> Values:
        values = method(rows)
        return np.asarray(values.toarray() if hasattr(values, "toarray") else values)

    return call
