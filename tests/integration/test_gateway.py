"""The gateway with real models behind it: the table of this repository, boto3, model servers."""

import io
import json

import numpy
import pytest
from PIL import Image
from sklearn import datasets

from chalicelib.routing.reading import file
from tests.support.paths import ROOT
from tests.support.clients import LambdaClient, LocalClient
from tests.support.gateway import JSON, FixedTable, build_gateway, runtime_at
from tests.support.problems import assert_problem

TABLE = file.load(ROOT / "routing.yaml")
CSV = {"Content-Type": "text/csv"}

# Each of the table's models by a path, what boto3 calls for it, and the answer to its example.
MODELS = [
    pytest.param(
        "iris", {"EndpointName": "tabular", "TargetModel": "iris-v1.tar.gz"}, [0, 2], id="iris"
    ),
    pytest.param(
        "wine", {"EndpointName": "tabular", "TargetModel": "wine-v1.tar.gz"}, [0], id="wine"
    ),
    pytest.param(
        "breast-cancer",
        {"EndpointName": "tabular", "TargetModel": "breast-cancer-v1.tar.gz"},
        [0],
        id="breast-cancer",
    ),
    pytest.param(
        "is-digit/7", {"EndpointName": "digits", "TargetModel": "is-7-v1.tar.gz"}, [1], id="is-7"
    ),
    pytest.param(
        "is-digit/1", {"EndpointName": "digits", "TargetModel": "is-1-v1.tar.gz"}, [0], id="is-1"
    ),
    pytest.param("digit", {"EndpointName": "digit-reader"}, [3], id="digit"),
    pytest.param(
        "diabetes-linear",
        {"EndpointName": "diabetes", "TargetContainerHostname": "sklearn"},
        None,
        id="diabetes-linear",
    ),
    pytest.param(
        "diabetes-boosted",
        {"EndpointName": "diabetes", "TargetContainerHostname": "lightgbm"},
        None,
        id="diabetes-boosted",
    ),
    pytest.param("wine-grade", {"EndpointName": "wine-pipeline"}, [0], id="wine-grade"),
    pytest.param(
        "diabetes-component",
        {"EndpointName": "shared", "InferenceComponentName": "diabetes-component"},
        None,
        id="diabetes-component",
    ),
]


@pytest.fixture(
    scope="module",
    params=[pytest.param(LocalClient, id="local"), pytest.param(LambdaClient, id="api-gateway")],
)
def gateway(request, demo):
    return build_gateway(request.param, source=FixedTable(TABLE), runtime=runtime_at(demo.url))


def example(gateway, path):
    return gateway.get(f"/models/{path}").json()["example"]


def test_every_model_is_shown_here(gateway):
    """A new model needs its line above."""
    shown = {gateway.get(f"/models/{param.values[0]}").json()["name"] for param in MODELS}

    assert shown == {model["name"] for model in gateway.get("/models").json()["models"]}


@pytest.mark.parametrize(("path", "target", "predictions"), MODELS)
def test_example(gateway, demo, path, target, predictions):
    """A model answers its own example, with the bytes that boto3 alone gets."""
    body = json.dumps(example(gateway, path)).encode()

    answer = gateway.post(f"/predict/{path}", body, JSON)

    direct = demo.client("sagemaker-runtime").invoke_endpoint(
        **target, ContentType="application/json", Body=body
    )
    assert (answer.status, answer.body) == (200, direct["Body"].read())
    assert answer.headers["content-type"] == direct["ContentType"]
    assert answer.headers["x-invoked-variant"] == "AllTraffic"
    assert answer.headers["server-timing"].startswith("model;dur=")
    if predictions is not None:
        assert answer.json() == {"predictions": predictions}


def test_example_of_diabetes(gateway):
    """Three models answer the same question, each with a number that is plausible."""
    for model in ("diabetes-linear", "diabetes-boosted", "diabetes-component"):
        body = json.dumps(example(gateway, model)).encode()
        (prediction,) = gateway.post(f"/predict/{model}", body, JSON).json()["predictions"]

        assert 100 < prediction < 300  # the patient's own was 151


@pytest.mark.parametrize(
    ("path", "load"),
    [
        pytest.param("iris", datasets.load_iris, id="iris"),
        pytest.param("wine", datasets.load_wine, id="wine"),
        pytest.param("wine-grade", datasets.load_wine, id="wine-grade"),
        pytest.param("breast-cancer", datasets.load_breast_cancer, id="breast-cancer"),
        pytest.param("digit", datasets.load_digits, id="digit"),
    ],
)
def test_example_is_of_the_data_set(gateway, path, load):
    """The example was really measured, and the answer is what it was measured of."""
    data, instances = load(), example(gateway, path)["instances"]
    classes = [target_of(data, instance) for instance in instances]

    answer = gateway.post(f"/predict/{path}", json.dumps({"instances": instances}).encode(), JSON)

    assert answer.json() == {"predictions": classes}


@pytest.mark.parametrize(("path", "digit"), [("digit", 3), ("is-digit/7", 7)])
def test_example_of_digits(gateway, path, digit):
    """The picture is of the digit that the table's comment names."""
    (picture,) = example(gateway, path)["instances"]

    assert target_of(datasets.load_digits(), picture) == digit


def target_of(data, instance):
    """The class of the row that holds just these measurements."""
    rows = numpy.flatnonzero((data.data == instance).all(axis=1))
    (known,) = set(data.target[rows])
    return int(known)


def test_csv(gateway):
    """Rows in, rows out; the same numbers as JSON."""
    rows = b"5.1,3.5,1.4,0.2\n5.9,3.0,5.1,1.8\n"

    as_csv = gateway.post("/predict/iris", rows, {**CSV, "Accept": "text/csv"})
    as_json = gateway.post("/predict/iris", rows, {**CSV, "Accept": "application/json"})

    assert (as_csv.status, as_csv.body.split()) == (200, [b"0", b"2"])
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert as_json.json() == {"predictions": [0, 2]}


@pytest.mark.parametrize("digit", range(10))
def test_npy(gateway, digit):
    """An array as numpy writes it, in two shapes."""
    pictures = datasets.load_digits().images[[digit, digit + 10]]
    for shape in ((2, 64), (2, 8, 8)):
        written = io.BytesIO()
        numpy.save(written, pictures.reshape(shape))

        answer = gateway.post(
            "/predict/digit", written.getvalue(), {"Content-Type": "application/x-npy"}
        )

        assert answer.json() == {"predictions": [digit, digit]}


@pytest.mark.parametrize("digit", range(10))
def test_png(gateway, digit):
    """A picture: bytes that no text encoding has."""
    picture = datasets.load_digits().images[digit]
    written = io.BytesIO()
    Image.fromarray((picture * 255 / 16).astype("uint8")).save(written, "PNG")

    answer = gateway.post("/predict/digit", written.getvalue(), {"Content-Type": "image/png"})

    assert answer.json() == {"predictions": [digit]}


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        pytest.param("iris", b'{"instances": [["a"]]}', JSON, id="no-numbers"),
        pytest.param("iris", b"1,2\n", CSV, id="too-few-columns"),
        pytest.param("digit", b"not a picture", {"Content-Type": "image/png"}, id="no-picture"),
        pytest.param("digit", b"{", JSON, id="no-json"),
    ],
)
def test_bad_input(gateway, path, body, headers):
    """What the container refuses is the caller's to mend; its own words stay with it."""
    answer = gateway.post(f"/predict/{path}", body, headers)

    problem = assert_problem(answer, 400, "model-rejected-input")
    assert "The model answered 400" in problem["detail"]
    assert gateway.log.requests[-1]["model"] == path


def test_nothing_reaches_another_model(gateway):
    """Targeting headers change nothing: the answer is still the one of the table's target."""
    said = {
        "X-Amzn-SageMaker-Target-Model": "wine-v1.tar.gz",
        "X-Amzn-SageMaker-Target-Variant": "other",
    }

    answer = gateway.post("/predict/iris", b"5.1,3.5,1.4,0.2\n", {**CSV, **said})

    assert answer.status == 200
    assert gateway.log.requests[-1]["target"] == "TargetModel=iris-v1.tar.gz"
