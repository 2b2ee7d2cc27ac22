"""Which SageMaker calls create which kind of endpoint."""

import botocore.session
import pytest
from botocore.validate import ParamValidator

from sagemaker_local.demo.calls import Deployment, component_calls, endpoint_calls
from sagemaker_local.demo.endpoints import ENDPOINTS

DEPLOYMENT = Deployment(
    bucket="models", role="arn:aws:iam::123456789012:role/demo", instance_type="ml.c5.large"
)
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


@pytest.fixture(scope="session", name="service")
def _service():
    return botocore.session.Session().get_service_model("sagemaker")


def operation(call) -> str:
    return "Create" + call.resource.title().replace("_", "")


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_calls_are_valid(service, endpoint):
    """AWS's own service model finds nothing wrong with any call."""
    for call in endpoint_calls(endpoint, DEPLOYMENT) + component_calls(endpoint, DEPLOYMENT):
        shape = service.operation_model(operation(call)).input_shape

        assert ParamValidator().validate(call.arguments, shape).generate_report() == ""


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        pytest.param(
            "digit-reader",
            {
                "PrimaryContainer": {
                    "Image": "local/sklearn",
                    "ModelDataUrl": "s3://models/digit-reader/model.tar.gz",
                    "Mode": "SingleModel",
                }
            },
            id="single",
        ),
        pytest.param(
            "tabular",
            {
                "PrimaryContainer": {
                    "Image": "local/sklearn",
                    "ModelDataUrl": "s3://models/tabular/",
                    "Mode": "MultiModel",
                }
            },
            id="mme",
        ),
        pytest.param(
            "diabetes",
            {
                "InferenceExecutionConfig": {"Mode": "Direct"},
                "Containers": [
                    {
                        "Image": f"local/{name}",
                        "ModelDataUrl": f"s3://models/diabetes/{name}/model.tar.gz",
                        "Mode": "SingleModel",
                        "ContainerHostname": name,
                    }
                    for name in ("sklearn", "lightgbm")
                ],
            },
            id="mce",
        ),
        pytest.param(
            "wine-pipeline",
            {
                "InferenceExecutionConfig": {"Mode": "Serial"},
                "Containers": [
                    {
                        "Image": f"local/{framework}",
                        "ModelDataUrl": f"s3://models/wine-pipeline/{name}/model.tar.gz",
                        "Mode": "SingleModel",
                        "ContainerHostname": name,
                    }
                    for framework, name in (("sklearn", "preprocess"), ("lightgbm", "grade"))
                ],
            },
            id="pipeline",
        ),
    ],
)
def test_models(endpoint, expected):
    """The kind of an endpoint is decided by its model's containers."""
    model, config, _ = endpoint_calls(BY_NAME[endpoint], DEPLOYMENT)

    assert model.arguments == {
        "ModelName": endpoint,
        "ExecutionRoleArn": DEPLOYMENT.role,
        **expected,
    }
    assert config.arguments["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "ModelName": endpoint,
            "InstanceType": "ml.c5.large",
            "InitialInstanceCount": 1,
        }
    ]


def test_component():
    """An endpoint for components has a role and no model; the component brings its own."""
    config, endpoint = endpoint_calls(BY_NAME["shared"], DEPLOYMENT)
    (component,) = component_calls(BY_NAME["shared"], DEPLOYMENT)

    assert config.arguments["ExecutionRoleArn"] == DEPLOYMENT.role
    assert "ModelName" not in config.arguments["ProductionVariants"][0]
    assert str(endpoint) == "endpoint shared"
    assert str(component) == "inference component diabetes-component"
    assert component.arguments["EndpointName"] == "shared"
    assert component.arguments["RuntimeConfig"] == {"CopyCount": 1}


def test_images():
    """Against AWS the same endpoints take images from a registry."""
    images = {"sklearn": "1.dkr.ecr/sklearn:1", "lightgbm": "1.dkr.ecr/lightgbm:1"}
    model, *_ = endpoint_calls(BY_NAME["diabetes"], Deployment(images=images))

    assert [container["Image"] for container in model.arguments["Containers"]] == [
        "1.dkr.ecr/sklearn:1",
        "1.dkr.ecr/lightgbm:1",
    ]
