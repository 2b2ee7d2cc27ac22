"""From SageMaker's descriptions to values."""

import pytest

from gatewayctl.account.values import Component, Model, Variant
from tests.support.aws_account import container

PREFIX = "s3://models/tabular/"
ON_DEMAND = container("x", prefix=PREFIX)


def model(*containers, mode=None, **members):
    execution = {"InferenceExecutionConfig": {"Mode": mode}} if mode else {}
    given = {"Containers": list(containers)} if containers else {}
    return Model.parse({"ModelName": "m", **given, **execution, **members})


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        pytest.param(model(PrimaryContainer=container()), "single", id="primary"),
        pytest.param(model(container()), "single", id="one-container"),
        pytest.param(model(PrimaryContainer=ON_DEMAND), "mme", id="multi-model"),
        pytest.param(model(container("a"), container("b"), mode="Direct"), "mce", id="direct"),
        pytest.param(model(container("a"), container("b"), mode="Serial"), "pipeline", id="serial"),
        pytest.param(model(container(), container()), "pipeline", id="serial-by-default"),
        pytest.param(model(container("a"), ON_DEMAND), "pipeline", id="with-a-multi-model"),
        pytest.param(model(), "single", id="nothing-said"),
    ],
)
def test_kind(described, kind):
    """What an endpoint is follows from its containers and how they are called."""
    assert Variant("v", described, False, 1).kind == kind


@pytest.mark.parametrize(
    "url",
    [
        PREFIX,
        "s3://models/tabular",
        "https://models.s3.eu-north-1.amazonaws.com/tabular/",
        "https://models.s3.amazonaws.com/tabular/",
        "https://s3.eu-north-1.amazonaws.com/models/tabular/",
        "https://s3-eu-west-1.amazonaws.com/models/tabular",
        "https://models.s3.cn-north-1.amazonaws.com.cn/tabular/",
    ],
)
def test_prefix(url):
    """One prefix has one form, however it was written when the model was created."""
    assert model(container("x", prefix=url)).prefix == PREFIX


@pytest.mark.parametrize(
    "members",
    [
        {"ModelDataUrl": "s3://b/m.tar.gz"},
        {"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/m.tar.gz"}}},
    ],
)
def test_artifact_of_its_own(members):
    """The artifact of an ordinary container is as it was written."""
    (only,) = model({"Image": "i", "Mode": "SingleModel", **members}).containers

    assert (only.model_data, only.multi_model) == ("s3://b/m.tar.gz", False)


def test_model_package():
    """A container need not name an image."""
    assert model(PrimaryContainer={"ModelPackageName": "arn"}).containers[0].image is None


def test_adapter():
    """A component that shares its base's copies says nothing of its own."""
    described = {
        "InferenceComponentName": "adapter",
        "EndpointName": "shared",
        "InferenceComponentStatus": "InService",
    }

    assert Component.parse(described).copies is None
