"""The zip alone, with real models behind it."""

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
def test_each_model_answers_its_example(demo_gateway, demo, path, target, predictions):
    """What `GET /models/…` shows works as it stands, and is answered as boto3 alone is answered."""
    example = json.dumps(demo_gateway.send("GET", f"/models/{path}").json()["example"]).encode()

    answer = demo_gateway.send("POST", f"/predict/{path}", [JSON], example)

    assert answer.status == 200, answer.body
    direct = demo.client("sagemaker-runtime").invoke_endpoint(
        **target, ContentType="application/json", Body=example
    )
    assert answer.body == direct["Body"].read()
    assert answer.headers["content-type"] == direct["ContentType"]
    assert predictions is None or answer.json() == {"predictions": predictions}


def test_another_media_type_in_and_out(demo_gateway):
    """CSV goes in and, when it is asked for, comes out."""
    headers = [("Content-Type", "text/csv; charset=utf-8"), ("Accept", "text/csv")]

    answer = demo_gateway.send("POST", "/predict/iris", headers, b"5.1,3.5,1.4,0.2\n")

    assert answer.body == b"0\n"
    assert answer.headers["content-type"].startswith("text/csv")
