"""The deployed package in front of the demo endpoints."""

import json

import pytest

JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("path", "target", "predictions"),
    [
        ("iris", {"EndpointName": "tabular", "TargetModel": "iris-v1.tar.gz"}, [0, 2]),
        ("wine", {"EndpointName": "tabular", "TargetModel": "wine-v1.tar.gz"}, [0]),
        (
            "breast-cancer",
            {"EndpointName": "tabular", "TargetModel": "breast-cancer-v1.tar.gz"},
            [0],
        ),
        ("is-digit/7", {"EndpointName": "digits", "TargetModel": "is-7-v1.tar.gz"}, [1]),
        ("is-digit/3", {"EndpointName": "digits", "TargetModel": "is-3-v1.tar.gz"}, [0]),
        ("digit", {"EndpointName": "digit-reader"}, [3]),
        (
            "diabetes-linear",
            {"EndpointName": "diabetes", "TargetContainerHostname": "sklearn"},
            None,
        ),
        (
            "diabetes-boosted",
            {"EndpointName": "diabetes", "TargetContainerHostname": "lightgbm"},
            None,
        ),
        ("wine-grade", {"EndpointName": "wine-pipeline"}, [0]),
        (
            "diabetes-component",
            {"EndpointName": "shared", "InferenceComponentName": "diabetes-component"},
            None,
        ),
    ],
)
def test_each_model_predicts_for_its_example(demo_gateway, demo, path, target, predictions):
    """The example in `GET /models/…` works unchanged, and gets the same response as with boto3."""
    example = json.dumps(demo_gateway.send("GET", f"/models/{path}").json()["example"]).encode()

    response = demo_gateway.send("POST", f"/predict/{path}", [JSON], example)

    assert response.status == 200, response.body
    direct = demo.client("sagemaker-runtime").invoke_endpoint(
        **target, ContentType="application/json", Body=example
    )
    assert response.body == direct["Body"].read()
    assert response.headers["content-type"] == direct["ContentType"]
    assert predictions is None or response.json() == {"predictions": predictions}


def test_csv(demo_gateway):
    """A CSV request gets a CSV response if its Accept header asks for CSV."""
    headers = [("Content-Type", "text/csv; charset=utf-8"), ("Accept", "text/csv")]

    response = demo_gateway.send("POST", "/predict/iris", headers, b"5.1,3.5,1.4,0.2\n")

    assert response.body == b"0\n"
    assert response.headers["content-type"].startswith("text/csv")
