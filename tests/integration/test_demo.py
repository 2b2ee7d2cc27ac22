"""The demo endpoints, called with boto3 and the data that their models were trained on."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from sklearn import datasets

from tests.support.stand_in import error_of


def data_of(load_data, **settings):
    return load_data(return_X_y=True, **settings)


IRIS, WINE, CANCER, DIGITS = map(
    data_of,
    (
        datasets.load_iris,
        datasets.load_wine,
        datasets.load_breast_cancer,
        datasets.load_digits,
    ),
)
DIABETES = data_of(datasets.load_diabetes, scaled=False)

TARGETS = {
    "iris": {"EndpointName": "tabular", "TargetModel": "iris-v1.tar.gz"},
    "wine": {"EndpointName": "tabular", "TargetModel": "wine-v1.tar.gz"},
    "wine-release": {"EndpointName": "tabular", "TargetModel": "wine-v1.tar.gz"},
    "breast-cancer": {"EndpointName": "tabular", "TargetModel": "breast-cancer-v1.tar.gz"},
    "digit": {"EndpointName": "digit-reader"},
    "diabetes-linear": {"EndpointName": "diabetes", "TargetContainerHostname": "sklearn"},
    "diabetes-boosted": {"EndpointName": "diabetes", "TargetContainerHostname": "lightgbm"},
    "wine-grade": {"EndpointName": "wine-pipeline"},
    "diabetes-component": {
        "EndpointName": "shared",
        "InferenceComponentName": "diabetes-component",
    },
    **{
        f"is-digit/{digit}": {
            "EndpointName": "digits",
            "TargetModel": f"is-{digit}-v1.tar.gz",
        }
        for digit in range(10)
    },
}


@pytest.fixture(scope="module")
def runtime(demo):
    client = demo.client("sagemaker-runtime")
    yield client
    client.close()


@pytest.fixture
def predict(runtime):
    """A function that returns a model's predictions for rows of numbers, sent as JSON."""

    def predict(model, rows):
        body = json.dumps({"instances": rows.tolist()})
        response = call(runtime, model, body, "application/json")
        return np.array(json.loads(response["Body"])["predictions"])

    return predict


def call(runtime, model, body, content_type, **members):
    """Return InvokeEndpoint's response with the bytes of its body."""
    response = runtime.invoke_endpoint(
        **TARGETS[model], Body=body, ContentType=content_type, **members
    )
    with response["Body"] as stream:
        return {**response, "Body": stream.read()}


def csv(rows):
    return "".join(",".join(map(str, row)) + "\n" for row in rows.tolist())


def npy(rows):
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()


def png(row):
    """An image of 8 by 8 pixels; 0 in the data set is black, 16 is white."""
    file = io.BytesIO()
    pixels = np.round(row.reshape(8, 8) * 255 / 16).astype(np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class TestPredictions:
    @pytest.mark.parametrize(
        ("model", "data"),
        [("iris", IRIS), ("wine", WINE), ("breast-cancer", CANCER), ("wine-grade", WINE)],
    )
    def test_classifiers(self, predict, model, data):
        """A classifier predicts the class index, and 95 % of its predictions are correct."""
        rows, classes = data

        predictions = predict(model, rows)

        assert predictions.dtype.kind == "i"
        assert np.mean(predictions == classes) >= 0.95

    @pytest.mark.parametrize("digit", range(10))
    def test_digit_detectors(self, predict, digit):
        """A detector is correct for 95 % of its digit and for 95 % of the other digits."""
        rows, digits = DIGITS

        predictions = predict(f"is-digit/{digit}", rows)

        assert np.mean(predictions[digits == digit] == 1) >= 0.95
        assert np.mean(predictions[digits != digit] == 0) >= 0.95

    def test_formats_of_a_digit(self, runtime, predict):
        """The digit reader takes JSON, arrays of rows, arrays of images, and PNG images."""
        rows, digits = DIGITS[0][:200], DIGITS[1][:200]

        def from_body(body, content_type):
            response = call(runtime, "digit", body, content_type, Accept="*/*")
            assert response["ContentType"] == "application/json"
            return json.loads(response["Body"])["predictions"]

        predictions = predict("digit", rows).tolist()
        assert np.mean(np.array(predictions) == digits) >= 0.95
        assert from_body(npy(rows), "application/x-npy") == predictions
        assert from_body(npy(rows.reshape(-1, 8, 8)), "application/x-npy") == predictions
        assert [from_body(png(row), "image/png")[0] for row in rows[:50]] == predictions[:50]

    def test_regressions(self, predict):
        """Two frameworks predict the same value, and both explain half of its variance."""
        rows, progression = DIABETES

        linear, boosted = predict("diabetes-linear", rows), predict("diabetes-boosted", rows)

        assert not np.allclose(linear, boosted)
        assert np.mean((linear - progression) ** 2) <= 0.5 * np.var(progression)
        assert np.mean((boosted - progression) ** 2) <= 0.4 * np.var(progression)
        assert np.allclose(predict("diabetes-component", rows), linear)

    @pytest.mark.parametrize("model", ["iris", "diabetes-linear", "diabetes-boosted", "wine-grade"])
    def test_csv_in_and_out(self, runtime, predict, model):
        """CSV gets one line for each row, with the same predictions as JSON."""
        rows = {"iris": IRIS, "wine-grade": WINE}.get(model, DIABETES)[0]

        response = call(runtime, model, csv(rows), "text/csv", Accept="text/csv")

        assert response["ContentType"].startswith("text/csv")
        lines = response["Body"].decode().splitlines()
        assert np.allclose(np.array(lines, float), predict(model, rows))


BAD_BODIES = {
    "nothing": (b"", "application/json"),
    "no-json": (b"{", "application/json"),
    "no-rows": (b'{"instances": []}', "application/json"),
    "words": (b'{"instances": [["a", "b"]]}', "application/json"),
    "another-shape": (b'{"instances": [[1, 2]]}', "application/json"),
    "no-numbers": (b'{"instances": [[NaN]]}', "application/json"),
    "no-csv": (b"\xff\xfe\x00", "text/csv"),
    "words-in-csv": (b"a,b,c\n", "text/csv"),
    "another-type": (b"<a/>", "application/xml"),
    "no-picture": (b"\x89PNG\r\n\x1a\n", "image/png"),
    "no-array": (b"\x93NUMPY", "application/x-npy"),
}


@pytest.mark.parametrize("model", TARGETS)
def test_bad_bodies(runtime, model):
    """Every model refuses a bad body with a 4xx and a sentence."""
    for name, (body, content_type) in BAD_BODIES.items():
        error = error_of(call, runtime, model, body, content_type)

        assert error["Error"]["Code"] == "ModelError", name
        assert 400 <= error["OriginalStatusCode"] < 500, name
        sentence = json.loads(error["OriginalMessage"])["error"]
        assert sentence.endswith("."), (name, sentence)
        assert " " in sentence, (name, sentence)


@pytest.mark.parametrize("model", TARGETS)
def test_bad_accept(runtime, model):
    """Every model refuses an Accept header that it cannot fulfil with a 4xx."""
    error = error_of(call, runtime, model, b"1,2", "text/csv", Accept="image/png")

    assert error["OriginalStatusCode"] in (400, 406)
