"""Trains the demo models on the data sets that scikit-learn includes.

Each model includes the scaling that it needs, because callers send values as they were measured.
"""

from __future__ import annotations

import json
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import joblib
import lightgbm
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Files: TypeAlias = dict[str, bytes]

SIGNATURE = {"image": {"width": 8, "height": 8, "levels": 16}}
BOOSTING = {
    "num_leaves": 8,
    "min_data_in_leaf": 10,
    "verbosity": -1,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
}
load_diabetes = partial(datasets.load_diabetes, scaled=False)


def classifier(load_data: Callable[..., Any]) -> Files:
    """Predicts the class index of the data set."""
    features, classes = load_data(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=1))
    return sklearn_files(model.fit(features, classes))


def second_wine_classifier() -> Files:
    """Predicts the same as the first version, by the distance to measured wines."""
    features, wines = datasets.load_wine(return_X_y=True)
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(5))
    return sklearn_files(model.fit(features, wines))


def digit_reader() -> Files:
    """Predicts which digit an image shows."""
    features, digits = datasets.load_digits(return_X_y=True)
    return image_files(pixel_classifier().fit(features, digits))


def digit_detector(digit: int) -> Files:
    """Predicts whether an image shows this digit: 1 or 0."""
    features, digits = datasets.load_digits(return_X_y=True)
    return image_files(pixel_classifier().fit(features, (digits == digit).astype(int)))


def diabetes_linear() -> Files:
    """Predicts the progression of diabetes within a year."""
    features, progression = load_diabetes(return_X_y=True)
    return sklearn_files(
        make_pipeline(StandardScaler(), Ridge(random_state=1)).fit(features, progression)
    )


def diabetes_boosted() -> Files:
    """Predicts the progression of diabetes, with LightGBM."""
    features, progression = load_diabetes(return_X_y=True)
    return lightgbm_files({"objective": "regression"}, features, progression)


def wine_scaler() -> Files:
    """The first container of the pipeline: scales the measurements."""
    return sklearn_files(StandardScaler().fit(datasets.load_wine().data))


def wine_grade() -> Files:
    """The second container of the pipeline: predicts which of three wines it is."""
    features, wines = datasets.load_wine(return_X_y=True)
    scaled = StandardScaler().fit_transform(features)
    return lightgbm_files({"objective": "multiclass", "num_class": 3}, scaled, wines)


def pixel_classifier() -> SVC:
    return SVC(C=10, gamma=0.001, random_state=1)


def sklearn_files(estimator: Any) -> Files:
    file = BytesIO()
    joblib.dump(estimator, file)
    return {"model.joblib": file.getvalue()}


def image_files(estimator: Any) -> Files:
    """The files of a model that reads images as well as rows of numbers."""
    return {**sklearn_files(estimator), "signature.json": json.dumps(SIGNATURE).encode()}


def lightgbm_files(parameters: dict[str, object], features: Any, targets: Any) -> Files:
    booster = lightgbm.train({**BOOSTING, **parameters}, lightgbm.Dataset(features, targets), 40)
    return {"model.txt": booster.model_to_string().encode()}


RECIPES: dict[str, Callable[[], Files]] = {
    "tabular/iris-v1.tar.gz": partial(classifier, datasets.load_iris),
    "tabular/wine-v1.tar.gz": partial(classifier, datasets.load_wine),
    "tabular/wine-v2.tar.gz": second_wine_classifier,
    "tabular/breast-cancer-v1.tar.gz": partial(classifier, datasets.load_breast_cancer),
    **{f"digits/is-{n}-v1.tar.gz": partial(digit_detector, n) for n in range(10)},
    "digit-reader/model.tar.gz": digit_reader,
    "diabetes/sklearn/model.tar.gz": diabetes_linear,
    "diabetes/lightgbm/model.tar.gz": diabetes_boosted,
    "wine-pipeline/preprocess/model.tar.gz": wine_scaler,
    "wine-pipeline/grade/model.tar.gz": wine_grade,
    "shared/diabetes-component/model.tar.gz": diabetes_linear,
}
"""The function that makes the files of each artifact, by the artifact's key in the bucket."""
