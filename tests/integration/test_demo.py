"""The demo endpoints, called as a user would, with the data that their models were trained on."""

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
    """What a model answers to rows of numbers, as JSON both ways."""

    def predict(model, rows):
        body = json.dumps({"instances": rows.tolist()})
        answer = call(runtime, model, body, "application/json")
        return np.array(json.loads(answer["Body"])["predictions"])

    return predict


def call(runtime, model, body, content_type, **members):
    """InvokeEndpoint's response, its Body read."""
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
    """A picture of 8 by 8; the data set's 0 to 16 are black to white."""
    file = io.BytesIO()
    pixels = np.round(row.reshape(8, 8) * 255 / 16).astype(np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class TestAnswers:
    @pytest.mark.parametrize(
        ("model", "data"),
        [("iris", IRIS), ("wine", WINE), ("breast-cancer", CANCER), ("wine-grade", WINE)],
    )
    def test_a_classifier_is_right_nine_times_in_ten(self, predict, model, data):
        """It answers the class index of the data set."""
        rows, classes = data

        answers = predict(model, rows)

        assert answers.dtype.kind == "i"
        assert np.mean(answers == classes) >= 0.9

    @pytest.mark.parametrize("digit", range(10))
    def test_a_detector_knows_its_digit(self, predict, digit):
        """1 where it is, 0 where it is not, and both right nine times in ten."""
        rows, digits = DIGITS[0][:500], DIGITS[1][:500]

        answers = predict(f"is-digit/{digit}", rows)

        assert np.mean(answers[digits == digit] == 1) >= 0.9
        assert np.mean(answers[digits != digit] == 0) >= 0.9

    @pytest.mark.parametrize("shape", [(64,), (8, 8)])
    def test_a_digit_comes_as_an_array_too(self, runtime, shape):
        """As rows or as pictures."""
        rows, digits = DIGITS

        answer = call(
            runtime, "digit", npy(rows.reshape(-1, *shape)), "application/x-npy", Accept="*/*"
        )

        assert answer["ContentType"] == "application/json"
        answers = json.loads(answer["Body"])["predictions"]
        assert np.mean(np.array(answers) == digits) >= 0.9

    def test_a_digit_comes_as_a_picture_too(self, runtime):
        """A PNG of 8 by 8 is one row."""
        rows, digits = DIGITS[0][:50], DIGITS[1][:50]

        answers = [
            json.loads(call(runtime, "digit", png(row), "image/png")["Body"]) for row in rows
        ]

        assert np.mean([answer["predictions"] for answer in answers] == digits[:, None]) >= 0.9

    def test_a_digit_as_numbers(self, predict):
        """64 of them a row."""
        rows, digits = DIGITS

        assert np.mean(predict("digit", rows) == digits) >= 0.9

    def test_two_frameworks_answer_one_question(self, predict):
        """Each in its own way, and both better than the mean of all."""
        rows, progression = DIABETES

        linear, boosted = predict("diabetes-linear", rows), predict("diabetes-boosted", rows)

        assert not np.allclose(linear, boosted)
        for answers in (linear, boosted):
            assert np.mean((answers - progression) ** 2) < 0.7 * np.var(progression)

    def test_a_component_answers_as_its_model_does_elsewhere(self, predict):
        """Where a model lives makes no difference."""
        rows, _ = DIABETES

        answers = predict("diabetes-component", rows)

        assert np.allclose(answers, predict("diabetes-linear", rows))

    @pytest.mark.parametrize("model", ["iris", "diabetes-linear", "diabetes-boosted", "wine-grade"])
    def test_csv_in_and_out(self, runtime, predict, model):
        """A line a row; the same answers as in JSON."""
        rows = {"iris": IRIS, "wine-grade": WINE}.get(model, DIABETES)[0]

        answer = call(runtime, model, csv(rows), "text/csv", Accept="text/csv")

        assert answer["ContentType"].startswith("text/csv")
        lines = answer["Body"].decode().splitlines()
        assert np.allclose(np.array(lines, float), predict(model, rows))


RUBBISH = {
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
def test_rubbish_is_the_callers_fault(runtime, model):
    """Every model says so with a 4xx and a sentence, whatever it is given."""
    for name, (body, content_type) in RUBBISH.items():
        error = error_of(call, runtime, model, body, content_type)

        assert error["Error"]["Code"] == "ModelError", name
        assert 400 <= error["OriginalStatusCode"] < 500, name
        sentence = json.loads(error["OriginalMessage"])["error"]
        assert sentence.endswith("."), (name, sentence)
        assert " " in sentence, (name, sentence)


@pytest.mark.parametrize("model", TARGETS)
def test_what_cannot_be_answered_so(runtime, model):
    """An Accept that no model can fulfil is the caller's fault too."""
    error = error_of(call, runtime, model, b"1,2", "text/csv", Accept="image/png")

    assert error["OriginalStatusCode"] in (400, 406)
