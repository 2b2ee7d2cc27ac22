"""Model server processes, and artifacts of models whose predictions are easy to check."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import joblib
import lightgbm
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROJECT = Path(__file__).resolve().parents[3]
DEADLINE_SECONDS = 20


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)


class ModelServer:
    """A model server process with an inherited socket, as the local SageMaker starts it."""

    def __init__(self, framework: str, log: Path, **environment: str) -> None:
        self._log = log
        with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
            self.port = listener.getsockname()[1]
            descriptor = listener.fileno()
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "sagemaker_local.modelserver", framework),
                    *("--fd", str(descriptor), "--exit-with-parent"),
                ],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[descriptor],
                cwd=PROJECT,
                env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            )

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Response(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    def invoke(
        self, body: bytes, content_type: str = "application/json", accept: str = ""
    ) -> Response:
        headers = {"Content-Type": content_type, **({"Accept": accept} if accept else {})}
        return self.request("POST", "/invocations", body, headers)

    def load(self, name: str, folder: Path) -> Response:
        body = json.dumps({"model_name": name, "url": str(folder)}).encode()
        return self.request("POST", "/models", body)

    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> int:
        self.process.stdin.close()
        self.process.terminate()
        return self.process.wait(DEADLINE_SECONDS)


def sum_model(features: int) -> LinearRegression:
    """A model that predicts the sum of a row."""
    model = LinearRegression()
    model.coef_, model.intercept_, model.n_features_in_ = np.ones(features), 0.0, features
    return model


def booster(objective: str, classes: int) -> str:
    """A model whose class or number grows with the first of two features."""
    features = np.array([[place / 10, 0.0] for place in range(300)])
    targets = np.arange(300) * classes // 300
    parameters = {"objective": objective, "verbosity": -1, "num_threads": 1, "seed": 1}
    if objective.startswith("multiclass"):
        parameters["num_class"] = classes
    return lightgbm.train(parameters, lightgbm.Dataset(features, targets), 20).model_to_string()


@pytest.fixture(scope="session", name="folders")
def _folders(tmp_path_factory):
    """The folders of unpacked artifacts, by name."""
    root = tmp_path_factory.mktemp("artifacts")
    pickles = {
        "sum": sum_model(3),
        "picture": sum_model(4),
        "scaler": StandardScaler().fit([[0.0, 0.0], [2.0, 4.0]]),
        "failing": FunctionTransformer(time.sleep).fit([[1.0]]),
        "unfitted": StandardScaler(),
        "no-model": {"not": "an estimator"},
        "hungry": RaisesWhenLoaded("MemoryError"),
        "broken": RaisesWhenLoaded("AttributeError('first line\\nsecond line')"),
    }
    for name, estimator in pickles.items():
        (root / name).mkdir()
        joblib.dump(estimator, root / name / "model.joblib")
    signature = {"image": {"width": 2, "height": 2, "levels": 16}}
    (root / "picture" / "signature.json").write_text(json.dumps(signature))
    texts = {
        "multiclass": booster("multiclass", 3),
        "binary": booster("binary", 2),
        "regression": booster("regression", 300),
        "not-lightgbm": "<html>",
    }
    for name, text in texts.items():
        (root / name).mkdir()
        (root / name / "model.txt").write_text(text)
    (root / "empty").mkdir()
    return {folder.name: folder for folder in root.iterdir()}


class RaisesWhenLoaded:
    """A pickle that raises this error when it is loaded."""

    def __init__(self, error: str) -> None:
        self._error = error

    def __reduce__(self) -> tuple[object, ...]:
        return exec, (f"raise {self._error}",)


@pytest.fixture(scope="module", name="start")
def _start(tmp_path_factory) -> Iterator[Callable[..., ModelServer]]:
    """A function that starts a model server; the server ends with the module's tests."""
    with ExitStack() as running:

        def start(framework: str, **environment: str) -> ModelServer:
            log = tmp_path_factory.mktemp("server") / "log"
            server = ModelServer(framework, log, **environment)
            running.callback(server.stop)
            return server

        yield start
