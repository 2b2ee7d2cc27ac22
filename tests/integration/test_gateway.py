"""The gateway with real models: the table of this repository, boto3 and the model servers."""

import io
import json

import numpy
import pytest
from PIL import Image
from sklearn import datasets

from chalicelib.routing.reading import file
from tests.support.gateway import JSON, FixedTable, build_gateway, runtime_at
from tests.support.paths import ROOT
from tests.support.problems import assert_problem

TABLE = file.load(ROOT / "routing.yaml")
CSV = {"Content-Type": "text/csv"}

# A path of each model in the table, its arguments for boto3, and the prediction for its example.
MODELS = [
    pytest.param(
        "iris", {"EndpointName": "tabular", "TargetModel": "iris-v1.tar.gz"}, [0, 2], id="iris"
    ),
    pytest.param(
        "wine", {"EndpointName": "tabular", "TargetModel": "wine-v1.tar.gz"}, [0], id="wine"
    ),
    pytest.param(
        "wine-release",
        {"EndpointName": "tabular", "TargetModel": "wine-v1.tar.gz"},
        [0],
        id="wine-release",
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


@pytest.fixture(scope="module")
def gateway(demo):
    return build_gateway(source=FixedTable(TABLE), runtime=runtime_at(demo.url))


def example(gateway, path):
    return gateway.get(f"/models/{path}").json()["example"]


def test_every_model_is_shown_here(gateway):
    """MODELS above has every model of the table that answers at once."""
    shown = {gateway.get(f"/models/{param.values[0]}").json()["name"] for param in MODELS}

    listed = gateway.get("/models").json()["models"]
    assert shown == {model["name"] for model in listed if model["kind"] != "async"}


@pytest.mark.parametrize(("path", "target", "predictions"), MODELS)
def test_example(gateway, demo, path, target, predictions):
    """A model answers its own example with the bytes that boto3 alone gets."""
    body = json.dumps(example(gateway, path)).encode()

    response = gateway.post(f"/predict/{path}", body, JSON)

    direct = demo.client("sagemaker-runtime").invoke_endpoint(
        **target, ContentType="application/json", Body=body
    )
    assert (response.status, response.body) == (200, direct["Body"].read())
    assert response.headers["content-type"] == direct["ContentType"]
    assert response.headers["x-invoked-variant"] == "AllTraffic"
    assert response.headers["server-timing"].startswith("model;dur=")
    if predictions is not None:
        assert response.json() == {"predictions": predictions}


def test_example_of_diabetes(gateway):
    """The three diabetes models each predict a plausible number."""
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
    """The example is a row of the data set, and the prediction is its class."""
    data, instances = load(), example(gateway, path)["instances"]
    classes = [target_of(data, instance) for instance in instances]

    response = gateway.post(f"/predict/{path}", json.dumps({"instances": instances}).encode(), JSON)

    assert response.json() == {"predictions": classes}


@pytest.mark.parametrize(("path", "digit"), [("digit", 3), ("is-digit/7", 7)])
def test_example_of_digits(gateway, path, digit):
    """The picture shows the digit that the table's comment names."""
    (picture,) = example(gateway, path)["instances"]

    assert target_of(datasets.load_digits(), picture) == digit


def target_of(data, instance):
    """Return the class of the row with these measurements."""
    rows = numpy.flatnonzero((data.data == instance).all(axis=1))
    (known,) = set(data.target[rows])
    return int(known)


def test_csv(gateway):
    """CSV gets CSV or JSON, with the same predictions."""
    rows = b"5.1,3.5,1.4,0.2\n5.9,3.0,5.1,1.8\n"

    as_csv = gateway.post("/predict/iris", rows, {**CSV, "Accept": "text/csv"})
    as_json = gateway.post("/predict/iris", rows, {**CSV, "Accept": "application/json"})

    assert (as_csv.status, as_csv.body.split()) == (200, [b"0", b"2"])
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert as_json.json() == {"predictions": [0, 2]}


def test_npy(gateway):
    """A model takes arrays as numpy writes them, in two shapes."""
    pictures = datasets.load_digits().images[:20]
    for shape in ((20, 64), (20, 8, 8)):
        written = io.BytesIO()
        numpy.save(written, pictures.reshape(shape))

        response = gateway.post(
            "/predict/digit", written.getvalue(), {"Content-Type": "application/x-npy"}
        )

        assert response.json() == {"predictions": [*range(10), *range(10)]}


def test_png(gateway):
    """A model takes PNG pictures."""
    for digit, picture in enumerate(datasets.load_digits().images[:10]):
        written = io.BytesIO()
        Image.fromarray((picture * 255 / 16).astype("uint8")).save(written, "PNG")

        response = gateway.post("/predict/digit", written.getvalue(), {"Content-Type": "image/png"})

        assert response.json() == {"predictions": [digit]}


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        pytest.param("iris", b'{"instances": [["a"]]}', JSON, id="no-numbers"),
        pytest.param("iris", b"1,2\n", CSV, id="too-few-columns"),
        pytest.param("digit", b"not a picture", {"Content-Type": "image/png"}, id="no-picture"),
        pytest.param("digit", b"{}", JSON, id="no-instances"),
    ],
)
def test_bad_input(gateway, path, body, headers):
    """Input that the container refuses is a 400; the container's text stays inside."""
    response = gateway.post(f"/predict/{path}", body, headers)

    problem = assert_problem(response, 400, "model-rejected-input")
    assert "The model answered 400" in problem["detail"]
    assert gateway.log.requests[-1]["model"] == path
