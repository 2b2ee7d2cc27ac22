"""Requests that the control plane rejects, and the texts of the errors."""

import base64

import boto3
import pytest
from botocore.config import Config

from tests.containers.account import INSTANCES, RESOURCES, ROLE
from tests.support.stand_in import error_of, wait_until

REGION = "eu-west-3"  # No other test creates resources in this region.
ARN = f"arn:aws:sagemaker:{REGION}:123456789012"
IMAGE = {"Image": "somebody/elses:1"}
MANY = {**IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://refusals/prefix/"}
DATA_SOURCE = {
    "S3DataSource": {"S3Uri": "s3://b/p/", "S3DataType": "S3Prefix", "CompressionType": "None"}
}
HUB_ACCESS = {"HubContentArn": "arn:aws:sagemaker:eu-west-3:aws:hub-content/a/Model/m/1"}
HUB_SOURCE = {"S3DataSource": {**DATA_SOURCE["S3DataSource"], "HubAccessConfig": HUB_ACCESS}}
SHAP = {"ShapBaselineConfig": {"ShapBaseline": "1,2"}}
ADAPTER = {"ArtifactUrl": "s3://refusals/prefix/a.tar.gz"}
SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}


@pytest.fixture(scope="module")
def sagemaker(sagemaker_local):
    """A boto3 client without parameter validation, so that every request reaches the service."""
    session = boto3.Session("test", "test", region_name=REGION)
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    client = session.client("sagemaker", endpoint_url=sagemaker_local.url, config=config)
    yield client
    client.close()


@pytest.fixture(scope="module")
def existing(sagemaker, sagemaker_local):
    """Create the artifact, models, configurations and endpoints that the requests name."""
    s3 = sagemaker_local.client("s3")
    s3.create_bucket(Bucket="refusals")
    s3.put_object(Bucket="refusals", Key="prefix/a.tar.gz")
    s3.close()
    for name, container in (("single", IMAGE), ("many", MANY)):
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    sagemaker.create_model(ModelName="two", Containers=[IMAGE, IMAGE], ExecutionRoleArn=ROLE)
    sagemaker.create_model(ModelName="short-lived", PrimaryContainer=IMAGE, ExecutionRoleArn=ROLE)
    for name, members in (
        ("failing", {"ModelName": "single"}),
        ("components", {}),
        ("orphan", {"ModelName": "short-lived"}),
    ):
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": "v", **INSTANCES, **members}],
        )
    sagemaker.delete_model(ModelName="short-lived")
    for name in ("failing", "components"):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    statuses = {"failing": "Failed", "components": "InService"}
    wait_until(
        lambda: all(
            sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == status
            for name, status in statuses.items()
        )
    )
    yield
    for name in ("failing", "components"):
        sagemaker.delete_endpoint(EndpointName=name)


def model(*containers, **members):
    """Build a request of CreateModel."""
    given = {"Containers": [*containers]} if containers else {}
    return {"ModelName": "new", "ExecutionRoleArn": ROLE, **given, **members}


def named(hostname):
    return {**IMAGE, "ContainerHostname": hostname}


def config(*variants, name="new"):
    """Build a request of CreateEndpointConfig."""
    return {"EndpointConfigName": name, "ProductionVariants": [*variants]}


def variant(model="single", name="v", **members):
    return {"VariantName": name, "ModelName": model, **(members or INSTANCES)}


def component(endpoint="components", variant="v", **specification):
    """Build a request of CreateInferenceComponent."""
    return {
        "InferenceComponentName": "new",
        "EndpointName": endpoint,
        "VariantName": variant,
        "Specification": {"ComputeResourceRequirements": RESOURCES, **specification},
    }


def weights(endpoint, *variants, **members):
    """Build a request of UpdateEndpointWeightsAndCapacities."""
    desired = [{"VariantName": name, **(members or {"DesiredWeight": 1})} for name in variants]
    return {"EndpointName": endpoint, "DesiredWeightsAndCapacities": desired}


def encoded(token):
    return base64.b64encode(token.encode()).decode()


DIRECT = {"InferenceExecutionConfig": {"Mode": "Direct"}}

REFUSALS = {
    "a-name-is-missing": (
        "create_model",
        {},
        "Value null at 'modelName' failed to satisfy constraint: Member must not be null",
    ),
    "a-name-is-missing-in-a-list": (
        "create_endpoint_config",
        config({"ModelName": "single", **INSTANCES}),
        "Value null at 'productionVariants.1.member.variantName' failed to satisfy constraint:"
        " Member must not be null",
    ),
    "a-name-is-no-name": (
        "create_model",
        model(IMAGE, ModelName="no name"),
        "Value 'no name' at 'modelName' failed to satisfy constraint: Member must satisfy"
        r" regular expression pattern: [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?",
    ),
    "a-name-is-too-long": (
        "describe_model",
        {"ModelName": "m" * 64},
        f"Value '{'m' * 64}' at 'modelName' failed to satisfy constraint: Member must have length"
        " less than or equal to 63",
    ),
    "a-mode-is-no-mode": (
        "create_model",
        model({**IMAGE, "Mode": "ManyModels"}),
        "Value 'ManyModels' at 'containers.1.member.mode' failed to satisfy constraint: Member"
        " must satisfy enum value set: [SingleModel, MultiModel]",
    ),
    "a-value-in-a-map-is-too-long": (
        "create_model",
        model(PrimaryContainer={**IMAGE, "Environment": {"A": "v" * 1025}}),
        f"Value '{'v' * 1025}' at 'primaryContainer.environment.A.member' failed to satisfy"
        " constraint: Member must have length less than or equal to 1024",
    ),
    "16-containers": (
        "create_model",
        model(*[IMAGE] * 16),
        "at 'containers' failed to satisfy constraint: Member must have length less than or equal"
        " to 15",
    ),
    "two-mistakes": ("create_endpoint", {"EndpointName": "-"}, "2 validation errors detected: "),
    "no-container": ("create_model", model(), "Specify PrimaryContainer or Containers."),
    "both-ways-of-containers": (
        "create_model",
        model(IMAGE, PrimaryContainer=IMAGE),
        "Specify either PrimaryContainer or Containers, not both.",
    ),
    "no-image": ("create_model", model({"ContainerHostname": "a"}), "Image is required"),
    "direct-without-hostname": (
        "create_model",
        model(named("a"), IMAGE, **DIRECT),
        "ContainerHostname is required for every container in Direct mode.",
    ),
    "serial-with-some-hostnames": (
        "create_model",
        model(named("a"), IMAGE),
        "Specify ContainerHostname for all containers or for none.",
    ),
    "one-hostname-twice": (
        "create_model",
        model(named("a"), named("a"), **DIRECT),
        "Container hostnames must be unique; got a, a.",
    ),
    "two-multi-model-in-a-pipeline": (
        "create_model",
        model(MANY, MANY),
        "A serial pipeline can have at most one multi-model container.",
    ),
    "multi-model-without-prefix": (
        "create_model",
        model({**IMAGE, "Mode": "MultiModel"}),
        "ModelDataUrl is required for a multi-model container.",
    ),
    "multi-model-with-data-source": (
        "create_model",
        model({**MANY, "ModelDataSource": DATA_SOURCE}),
        "ModelDataSource is not supported for a multi-model container.",
    ),
    "data-twice": (
        "create_model",
        model({**IMAGE, "ModelDataUrl": "s3://b/k", "ModelDataSource": DATA_SOURCE}),
        "Specify either ModelDataUrl or ModelDataSource, not both.",
    ),
    "data-of-nowhere": (
        "create_model",
        model({**IMAGE, "ModelDataUrl": "file:///etc/passwd"}),
        "Member must satisfy regular expression pattern: (https|s3)://",
    ),
    **{
        f"data-that-is-not-there-{number}": (
            "create_model",
            model({**IMAGE, **members}),
            f"Could not find model data at {url}.",
        )
        for number, (url, members) in enumerate(
            (
                (url, {**mode, "ModelDataUrl": url})
                for mode in ({}, {"Mode": "MultiModel"})
                for url in (
                    "s3://refusals/absent/a.tar.gz",
                    "s3://absent-bucket/prefix/",
                    "s3://no bucket!/a.tar.gz",
                    "https://absent-bucket.s3.eu-west-3.amazonaws.com/prefix/",
                )
            ),
        )
    },
    "one-object-is-a-prefix": (
        "create_model",
        model({**IMAGE, "ModelDataUrl": "s3://refusals/prefix/"}),
        "Could not find model data at s3://refusals/prefix/.",
    ),
    "plain-files-that-are-not-there": (
        "create_model",
        model({**IMAGE, "ModelDataSource": DATA_SOURCE}),
        "Could not find model data at s3://b/p/.",
    ),
    "second-container-without-its-data": (
        "create_model",
        model(IMAGE, {**IMAGE, "ModelDataUrl": "s3://refusals/b"}),
        "Could not find model data at s3://refusals/b.",
    ),
    "model-package": (
        "create_model",
        model({"ModelPackageName": "p"}),
        "The local SageMaker does not offer ModelPackageName of a container.",
    ),
    "more-data": (
        "create_model",
        model(
            {
                **IMAGE,
                "AdditionalModelDataSources": [{"ChannelName": "draft", **DATA_SOURCE}],
            }
        ),
        "The local SageMaker does not offer AdditionalModelDataSources of a container.",
    ),
    "hub-model": (
        "create_model",
        model({**IMAGE, "ModelDataSource": HUB_SOURCE}),
        "The local SageMaker does not offer HubAccessConfig of a ModelDataSource.",
    ),
    "existing-model-in-another-case": (
        "create_model",
        model(IMAGE, ModelName="SINGLE"),
        f'Cannot create already existing model "{ARN}:model/single".',
    ),
    "existing-model": (
        "create_model",
        model(IMAGE, ModelName="single"),
        f'Cannot create already existing model "{ARN}:model/single".',
    ),
    "unknown-model": (
        "delete_model",
        {"ModelName": "Absent"},
        f'Could not find model "{ARN}:model/absent".',
    ),
    "no-variant": (
        "create_endpoint_config",
        config(),
        "at 'productionVariants' failed to satisfy constraint: Member must have length greater",
    ),
    "one-variant-twice": (
        "create_endpoint_config",
        config(variant(), variant()),
        "Variant names must be unique; got v, v.",
    ),
    "variant-of-an-unknown-model": (
        "create_endpoint_config",
        config(variant("absent")),
        f'Could not find model "{ARN}:model/absent".',
    ),
    "variant-without-instances": (
        "create_endpoint_config",
        config(variant(InitialInstanceCount=1)),
        "Variant v: specify either ServerlessConfig or InstanceType.",
    ),
    "variant-without-a-count": (
        "create_endpoint_config",
        config(variant(InstanceType="ml.m5.large")),
        "Variant v: InitialInstanceCount is required.",
    ),
    "variant-of-an-unknown-type": (
        "create_endpoint_config",
        config(variant(InstanceType="ml.huge", InitialInstanceCount=1)),
        "at 'productionVariants.1.member.instanceType' failed to satisfy constraint: Member must"
        " satisfy enum value set: ",
    ),
    "variant-of-no-weight": (
        "create_endpoint_config",
        config(variant(**INSTANCES, InitialVariantWeight=-1)),
        "Member must have value greater than or equal to 0",
    ),
    "serverless-with-instances": (
        "create_endpoint_config",
        config(variant(**INSTANCES, **SERVERLESS)),
        "Variant v: specify either ServerlessConfig or InstanceType.",
    ),
    "serverless-without-model": (
        "create_endpoint_config",
        config({"VariantName": "v", **SERVERLESS}),
        "Variant v: a serverless variant needs a ModelName.",
    ),
    "serverless-multi-model": (
        "create_endpoint_config",
        config(variant("many", **SERVERLESS)),
        "Variant v: a serverless variant hosts one container.",
    ),
    "serverless-pipeline": (
        "create_endpoint_config",
        config(variant("two", **SERVERLESS)),
        "Variant v: a serverless variant hosts one container.",
    ),
    "serverless-of-too-many-requests": (
        "create_endpoint_config",
        config(variant(ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 201})),
        "Value '201' at 'productionVariants.1.member.serverlessConfig.maxConcurrency' failed to"
        " satisfy constraint: Member must have value less than or equal to 200",
    ),
    "serverless-and-another": (
        "create_endpoint_config",
        config(variant(**SERVERLESS), variant(name="w")),
        "A serverless endpoint has one variant.",
    ),
    "components-and-models": (
        "create_endpoint_config",
        config(variant(), {"VariantName": "w", **INSTANCES}),
        "Either every variant has a ModelName or none has.",
    ),
    "existing-config": (
        "create_endpoint_config",
        config(variant(), name="failing"),
        f'Cannot create already existing endpoint configuration "{ARN}:endpoint-config/failing".',
    ),
    "existing-config-in-another-case": (
        "create_endpoint_config",
        config(variant(), name="Failing"),
        f'Cannot create already existing endpoint configuration "{ARN}:endpoint-config/failing".',
    ),
    "shadow-variants": (
        "create_endpoint_config",
        {**config(variant()), "ShadowProductionVariants": [variant(name="w")]},
        "The local SageMaker does not offer ShadowProductionVariants of CreateEndpointConfig.",
    ),
    "explanations": (
        "create_endpoint_config",
        {
            **config(variant()),
            "ExplainerConfig": {"ClarifyExplainerConfig": {"ShapConfig": SHAP}},
        },
        "The local SageMaker does not offer ExplainerConfig of CreateEndpointConfig.",
    ),
    "unknown-config": (
        "delete_endpoint_config",
        {"EndpointConfigName": "absent"},
        f'Could not find endpoint configuration "{ARN}:endpoint-config/absent".',
    ),
    "endpoint-of-an-unknown-config": (
        "create_endpoint",
        {"EndpointName": "new", "EndpointConfigName": "absent"},
        f'Could not find endpoint configuration "{ARN}:endpoint-config/absent".',
    ),
    "endpoint-of-a-deleted-model": (
        "create_endpoint",
        {"EndpointName": "new", "EndpointConfigName": "orphan"},
        f'Could not find model "{ARN}:model/short-lived".',
    ),
    "existing-endpoint": (
        "create_endpoint",
        {"EndpointName": "failing", "EndpointConfigName": "failing"},
        f'Cannot create already existing endpoint "{ARN}:endpoint/failing".',
    ),
    "existing-endpoint-in-another-case": (
        "create_endpoint",
        {"EndpointName": "FAILING", "EndpointConfigName": "Failing"},
        f'Cannot create already existing endpoint "{ARN}:endpoint/failing".',
    ),
    "unknown-endpoint": (
        "delete_endpoint",
        {"EndpointName": "absent"},
        f'Could not find endpoint "{ARN}:endpoint/absent".',
    ),
    "update-to-an-unknown-config": (
        "update_endpoint",
        {"EndpointName": "components", "EndpointConfigName": "absent"},
        f'Could not find endpoint configuration "{ARN}:endpoint-config/absent".',
    ),
    "update-of-a-failed-endpoint": (
        "update_endpoint",
        {"EndpointName": "failing", "EndpointConfigName": "failing"},
        f'Cannot update endpoint "{ARN}:endpoint/failing" in status Failed.',
    ),
    "weights-of-an-unknown-endpoint": (
        "update_endpoint_weights_and_capacities",
        weights("absent", "v"),
        f'Could not find endpoint "{ARN}:endpoint/absent".',
    ),
    "weights-of-an-unknown-variant": (
        "update_endpoint_weights_and_capacities",
        weights("components", "w"),
        'The variant name(s) "w" is/are not present within endpoint configuration "components".',
    ),
    "weights-of-one-variant-twice": (
        "update_endpoint_weights_and_capacities",
        weights("components", "v", "v"),
        'The variant name "v" was non-unique within the request.',
    ),
    "weights-of-a-failed-endpoint": (
        "update_endpoint_weights_and_capacities",
        weights("failing", "v"),
        f'Cannot update endpoint "{ARN}:endpoint/failing" in status Failed.',
    ),
    "serverless-update-of-instances": (
        "update_endpoint_weights_and_capacities",
        weights("components", "v", ServerlessUpdateConfig={"MaxConcurrency": 2}),
        "Variant v is not serverless.",
    ),
    "component-of-an-unknown-endpoint": (
        "create_inference_component",
        component("absent", Container=IMAGE),
        f'Could not find endpoint "{ARN}:endpoint/absent".',
    ),
    "component-where-models-are": (
        "create_inference_component",
        component("failing", Container=IMAGE),
        "Invalid request provided: Inference Components are not supported in this Endpoint.",
    ),
    "component-of-an-unknown-variant": (
        "create_inference_component",
        component(variant="w", Container=IMAGE),
        "VariantName w is not one of v.",
    ),
    "component-of-nothing": (
        "create_inference_component",
        component(),
        "Specify either ModelName or Container.",
    ),
    "component-of-two-things": (
        "create_inference_component",
        component(Container=IMAGE, ModelName="single"),
        "Specify either ModelName or Container.",
    ),
    "component-of-many-models": (
        "create_inference_component",
        component(ModelName="many"),
        "An inference component hosts one container with one model.",
    ),
    "component-without-its-artifact": (
        "create_inference_component",
        component(Container={**IMAGE, "ArtifactUrl": "s3://refusals/absent"}),
        "Could not find model data at s3://refusals/absent.",
    ),
    "adapter": (
        "create_inference_component",
        {
            "InferenceComponentName": "new",
            "EndpointName": "components",
            "Specification": {"BaseInferenceComponentName": "base", "Container": ADAPTER},
        },
        "The local SageMaker does not offer adapters",
    ),
    "component-of-several-specifications": (
        "create_inference_component",
        {
            "InferenceComponentName": "new",
            "EndpointName": "components",
            "VariantName": "v",
            "Specifications": [{"InstanceType": "ml.m5.large", "ModelName": "single"}],
        },
        "The local SageMaker does not offer Specifications of an inference component",
    ),
    "unknown-component-to-update": (
        "update_inference_component",
        {"InferenceComponentName": "absent", "RuntimeConfig": {"CopyCount": 1}},
        f'Could not find inference component "{ARN}:inference-component/absent".',
    ),
    "unknown-component": (
        "describe_inference_component",
        {"InferenceComponentName": "absent"},
        f'Could not find inference component "{ARN}:inference-component/absent".',
    ),
    **{
        f"limit-of-models-{text}": (
            "create_model",
            model({**MANY, "Environment": {"SAGEMAKER_LOCAL_MAX_LOADED_MODELS": text}}),
            "give a number of models",
        )
        for text in ("0", "-1", "1.5", "many", " 3", "\uff13")
    },
    **{
        f"token-{token}": ("list_models", {"NextToken": token}, "Invalid NextToken.")
        for token in ("?", "x", "AAAA", *map(encoded, ("page:-1", "page:x", "leaf:1")))
    },
    "token-of-many-digits": (
        "list_models",
        {"NextToken": encoded("page:" + "9" * 5000)},
        "Invalid NextToken.",
    ),
    "page-too-long": (
        "list_endpoints",
        {"MaxResults": 101},
        "Member must have value less than or equal to 100",
    ),
}


@pytest.mark.usefixtures("existing")
@pytest.mark.parametrize(("operation", "members", "text"), REFUSALS.values(), ids=REFUSALS)
def test_rejected_request(sagemaker, operation, members, text):
    """The error is a ValidationException whose text names the problem; nothing is created."""
    error = error_of(getattr(sagemaker, operation), **members)

    assert error["Error"]["Code"] == "ValidationException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert text in error["Error"]["Message"]
    for names in (
        sagemaker.list_models(NameContains="new")["Models"],
        sagemaker.list_endpoint_configs(NameContains="new")["EndpointConfigs"],
        sagemaker.list_endpoints(NameContains="new")["Endpoints"],
        sagemaker.list_inference_components(NameContains="new")["InferenceComponents"],
    ):
        assert names == []


def test_longest_pipeline(sagemaker):
    """A model may have 15 containers."""
    sagemaker.create_model(**model(*[IMAGE] * 15, ModelName="longest"))

    sagemaker.delete_model(ModelName="longest")
