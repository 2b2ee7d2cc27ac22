"""SageMaker's descriptions as values."""

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
        pytest.param(model(), "single", id="no-containers"),
    ],
)
def test_kind(described, kind):
    """The kind follows from the containers of the model and from its execution mode."""
    assert Variant("v", described, False).kind == kind


@pytest.mark.parametrize(
    "url",
    [
        PREFIX,
        "https://models.s3.eu-north-1.amazonaws.com/tabular/",
        "https://models.s3.amazonaws.com/tabular/",
        "https://s3.eu-north-1.amazonaws.com/models/tabular/",
        "https://s3-eu-west-1.amazonaws.com/models/tabular/",
        "https://models.s3.cn-north-1.amazonaws.com.cn/tabular/",
    ],
)
def test_prefix(url):
    """Every form of an S3 URL gives the same prefix; a slash at its end is kept, not added."""
    assert model(container("x", prefix=url)).prefix == PREFIX
    assert model(container("x", prefix=url[:-1])).prefix == PREFIX[:-1]


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("s3://models", "s3://models"),
        ("s3://models/", "s3://models/"),
        ("https://models.s3.amazonaws.com/", "s3://models/"),
        ("https://s3.eu-north-1.amazonaws.com/models/", "s3://models/"),
        ("https://s3.eu-north-1.amazonaws.com/models", "s3://models"),
    ],
)
def test_prefix_of_a_whole_bucket(url, prefix):
    """A bucket is a prefix, too."""
    assert model(container("x", prefix=url)).prefix == prefix


@pytest.mark.parametrize(
    "members",
    [
        {"ModelDataUrl": "s3://b/m.tar.gz"},
        {"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/m.tar.gz"}}},
    ],
)
def test_artifact_of_its_own(members):
    """The artifact of an ordinary container stays as it was written."""
    (only,) = model({"Image": "i", "Mode": "SingleModel", **members}).containers

    assert (only.model_data, only.multi_model) == ("s3://b/m.tar.gz", False)


def test_model_package():
    """A container of a model package has no artifact of its own."""
    assert model(PrimaryContainer={"ModelPackageName": "arn"}).containers[0].model_data is None


def test_adapter():
    """An adapter has no copies of its own."""
    described = {
        "InferenceComponentName": "adapter",
        "EndpointName": "shared",
        "InferenceComponentStatus": "InService",
    }

    assert Component.parse(described).copies is None
