"""Loads LightGBM models: `model.txt`, a booster in LightGBM's own text format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import lightgbm
import numpy as np

from sagemaker_local.modelserver.errors import CannotLoad
from sagemaker_local.modelserver.models import read_signature
from sagemaker_local.modelserver.tabular import TabularModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagemaker_local.modelserver.rows import Rows
    from sagemaker_local.modelserver.tabular import Values

FILE = "model.txt"
FIRST_LINE = "tree"
OBJECTIVE = re.compile(r"^objective=(\w+)", re.MULTILINE)


def load(folder: Path) -> TabularModel:
    """Load the model in the folder of an unpacked artifact.

    Raises:
        CannotLoad: There is no `model.txt`, or it contains no booster.
    """
    path = folder / FILE
    if not path.is_file():
        raise CannotLoad(f"{folder} holds no {FILE}.")
    text = path.read_text(encoding="utf-8")
    if not text.startswith(FIRST_LINE):  # LightGBM's own check also writes to stderr
        raise CannotLoad(f"{path} is not a LightGBM model in text format.")
    booster = lightgbm.Booster(model_str=text)
    features = booster.num_feature()
    objective = OBJECTIVE.search(text)
    to_classes = CLASSES.get(objective[1]) if objective else None

    def predict(rows: Rows) -> Values:
        scores = np.asarray(booster.predict(rows))
        return to_classes(scores) if to_classes else scores

    return TabularModel(features, predict, read_signature(folder, features))


def _binary_class(scores: Values) -> Values:
    return np.where(scores >= 0.5, 1, 0)


def _most_likely_class(scores: Values) -> Values:
    return np.asarray(scores.argmax(axis=1))


CLASSES: dict[str, Callable[[Values], Values]] = {
    "binary": _binary_class,
    "multiclass": _most_likely_class,
    "multiclassova": _most_likely_class,
}
