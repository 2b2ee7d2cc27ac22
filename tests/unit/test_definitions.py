"""What a caller described is parsed once; what SageMaker would refuse is not parsed at all."""

import pytest

from sagemaker_local.definitions import (
    ContainerDefinition,
    ModelData,
    ModelDefinition,
    Place,
    Variant,
)
from sagemaker_local.errors import InvalidInput

IMAGE = {"Image": "local/sklearn"}
MANY = {**IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://b/p/"}


def model(*containers, mode=None):
    given = {"ModelName": "m", "Containers": [*containers]}
    if mode is not None:
        given["InferenceExecutionConfig"] = {"Mode": mode}
    return given


def named(hostname, **members):
    return {**IMAGE, "ContainerHostname": hostname, **members}


@pytest.mark.parametrize("name", ["churn", "Churn", "CHURN"])
def test_an_arn_holds_the_name_in_lower_case(name):
    """Whatever the name's own case."""
    arn = Place("123456789012", "eu-west-1").arn("endpoint", name)

    assert arn == "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/churn"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"ModelDataUrl": "s3://b/k.tar.gz"}, ModelData("s3://b/k.tar.gz"), id="url"),
        pytest.param(
            {
                "ModelDataSource": {
                    "S3DataSource": {
                        "S3Uri": "s3://b/k.tar.gz",
                        "S3DataType": "S3Object",
                        "CompressionType": "Gzip",
                    }
                }
            },
            ModelData("s3://b/k.tar.gz"),
            id="archive",
        ),
        pytest.param(
            {
                "ModelDataSource": {
                    "S3DataSource": {
                        "S3Uri": "s3://b/p/",
                        "S3DataType": "S3Prefix",
                        "CompressionType": "None",
                    }
                }
            },
            ModelData("s3://b/p/", compressed=False),
            id="plain-files",
        ),
    ],
)
def test_where_an_artifact_lies(given, expected):
    """One archive, or files as they are below a prefix."""
    assert ContainerDefinition.parse({**IMAGE, **given}).data == expected


@pytest.mark.parametrize(
    ("given", "keeps"),
    [
        ({}, True),
        ({"MultiModelConfig": {}}, True),
        ({"MultiModelConfig": {"ModelCacheSetting": "Enabled"}}, True),
        ({"MultiModelConfig": {"ModelCacheSetting": "Disabled"}}, False),
    ],
)
def test_models_stay_in_memory_unless_told_otherwise(given, keeps):
    """ModelCacheSetting is Enabled when it is left out."""
    assert ContainerDefinition.parse({**MANY, **given}).caches_models is keeps


@pytest.mark.parametrize(("text", "expected"), [("", None), ("1", 1), ("40", 40)])
def test_a_limit_of_models_in_memory(text, expected):
    """From the container's environment; empty is no limit."""
    environment = {"SAGEMAKER_LOCAL_MAX_LOADED_MODELS": text}

    container = ContainerDefinition.parse({**MANY, "Environment": environment})

    assert container.max_loaded_models == expected


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", " 3", "\uff13"])
def test_a_limit_is_a_number_of_models(text):
    """What is none is refused by CreateModel, not discovered by the first call."""
    environment = {"SAGEMAKER_LOCAL_MAX_LOADED_MODELS": text}

    with pytest.raises(InvalidInput, match="give a number of models"):
        ContainerDefinition.parse({**MANY, "Environment": environment})


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        ({"ModelName": "m", "PrimaryContainer": IMAGE}, "single model"),
        (model(IMAGE), "single model"),
        ({"ModelName": "m", "PrimaryContainer": MANY}, "multi-model"),
        (model(IMAGE, IMAGE), "pipeline"),
        (model(IMAGE, IMAGE, mode="Serial"), "pipeline"),
        (model(IMAGE, MANY), "pipeline"),
        (model(named("a"), named("b"), mode="Direct"), "multi-container"),
    ],
)
def test_kinds(request_, kind):
    """Containers and their mode make the kind; Serial is the default."""
    assert ModelDefinition.parse(request_).kind == kind


def test_containers_keep_their_order():
    """It is the order of a pipeline."""
    parsed = ModelDefinition.parse(model(named("b"), named("a"), named("c")))

    assert [container.hostname for container in parsed.containers] == ["b", "a", "c"]


def test_direct_containers_may_all_be_multi_model():
    """Only a pipeline has room for one."""
    many = [{**MANY, "ContainerHostname": name} for name in ("a", "b")]

    assert ModelDefinition.parse(model(*many, mode="Direct")).multi_model


@pytest.mark.parametrize(
    ("given", "model_name", "expected"),
    [
        pytest.param(
            {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1},
            "m",
            {"weight": 1.0, "serverless": False, "startup_timeout_seconds": None},
            id="instances",
        ),
        pytest.param(
            {
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": 0,
                "ContainerStartupHealthCheckTimeoutInSeconds": 60,
            },
            "m",
            {"weight": 0, "startup_timeout_seconds": 60},
            id="weight-and-timeout",
        ),
        pytest.param(
            {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}},
            "m",
            {"serverless": True},
            id="serverless",
        ),
        pytest.param(
            {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1},
            None,
            {"model": None},
            id="components",
        ),
    ],
)
def test_variants(given, model_name, expected):
    """On instances, serverless, or for inference components."""
    parsed_model = ModelDefinition.parse({"ModelName": model_name, "PrimaryContainer": IMAGE})

    variant = Variant.parse(
        {"VariantName": "v", **given}, parsed_model if model_name is not None else None
    )

    assert {name: getattr(variant, name) for name in expected} == expected
