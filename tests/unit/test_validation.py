"""Input is checked against botocore's own service model, in AWS's words."""

import re

import pytest

from sagemaker_local.control_plane.protocol import OPERATIONS
from sagemaker_local.validation import mistyped, service_model, violations


def shape_of(operation, service="sagemaker"):
    return service_model(service).operation_model(operation).input_shape


def model(**members):
    """CreateModel's input, complete but for what is given."""
    return {"ModelName": "m", "PrimaryContainer": {"Image": "local/sklearn"}, **members}


def variant(**members):
    """CreateEndpointConfig's input with one variant."""
    given = {"VariantName": "v", "ModelName": "m", **members}
    return {"EndpointConfigName": "c", "ProductionVariants": [given]}


def invocation(**members):
    return {"EndpointName": "e", "Body": b"", **members}


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        pytest.param(
            "CreateModel",
            {},
            "Value null at 'modelName' failed to satisfy constraint: Member must not be null",
            id="missing",
        ),
        pytest.param(
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": [{"ModelName": "m"}]},
            "Value null at 'productionVariants.1.member.variantName' failed to satisfy"
            " constraint: Member must not be null",
            id="missing-inside",
        ),
        pytest.param(
            "CreateModel",
            model(ModelName="not a name"),
            "Value 'not a name' at 'modelName' failed to satisfy constraint: Member must satisfy"
            r" regular expression pattern: [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?",
            id="pattern",
        ),
        pytest.param(
            "CreateModel",
            model(ModelName="m" * 64),
            f"Value '{'m' * 64}' at 'modelName' failed to satisfy constraint: Member must have"
            " length less than or equal to 63",
            id="too-long",
        ),
        pytest.param(
            "CreateModel",
            model(PrimaryContainer={"Image": "i", "Mode": "ManyModels"}),
            "Value 'ManyModels' at 'primaryContainer.mode' failed to satisfy constraint: Member"
            " must satisfy enum value set: [SingleModel, MultiModel]",
            id="enum",
        ),
        pytest.param(
            "CreateEndpointConfig",
            variant(InitialInstanceCount=0),
            "Value '0' at 'productionVariants.1.member.initialInstanceCount' failed to satisfy"
            " constraint: Member must have value greater than or equal to 1",
            id="too-small",
        ),
        pytest.param(
            "CreateEndpointConfig",
            variant(ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 201}),
            "Value '201' at 'productionVariants.1.member.serverlessConfig.maxConcurrency' failed"
            " to satisfy constraint: Member must have value less than or equal to 200",
            id="too-large",
        ),
        pytest.param(
            "CreateModel",
            model(PrimaryContainer={"Image": "i", "Environment": {"A": "v" * 1025}}),
            f"Value '{'v' * 1025}' at 'primaryContainer.environment.A.member' failed to satisfy"
            " constraint: Member must have length less than or equal to 1024",
            id="value-in-a-map",
        ),
    ],
)
def test_a_violation_names_value_place_and_constraint(operation, given, expected):
    """As AWS does: `Value '…' at '…' failed to satisfy constraint: …`."""
    assert violations(shape_of(operation), given) == [expected]


def test_every_violation_is_named():
    """Not only the first."""
    given = model(ModelName="-", PrimaryContainer={"Image": "with space", "Mode": "?"})

    assert len(violations(shape_of("CreateModel"), given)) == 3


@pytest.mark.parametrize(
    ("name", "is_valid"),
    [
        ("a", True),
        ("Churn-2", True),
        ("a--b", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("", False),
        ("-a", False),
        ("a-", False),
        ("a_b", False),
        ("a/b", False),
        ("..", False),
        ("a\n", False),
        ("ä", False),
        ("a\x00", False),
    ],
)
@pytest.mark.parametrize("operation", ["DescribeEndpoint", "InvokeEndpoint"])
def test_names_of_endpoints(operation, name, is_valid):
    """Letters, digits and inner hyphens, at most 63, wherever a pattern is anchored."""
    service = "sagemaker-runtime" if operation == "InvokeEndpoint" else "sagemaker"
    given = {"EndpointName": name, **({"Body": b""} if service != "sagemaker" else {})}

    assert (violations(shape_of(operation, service), given) == []) == is_valid


@pytest.mark.parametrize(
    ("member", "value", "is_valid"),
    [
        ("TargetModel", "Houston_TX/0 (new).tar.gz", True),
        ("TargetModel", " leading-space", False),
        ("TargetModel", "m\u00fcnchen.tar.gz", False),
        ("TargetModel", "a\x7f", False),
        ("TargetModel", "a\n", False),
        ("TargetModel", "a" * 1024, True),
        ("TargetModel", "a" * 1025, False),
        ("CustomAttributes", "trace=1\ttenant=blue", True),
        ("CustomAttributes", "caf\u00e9", False),
        ("CustomAttributes", "a" * 1025, False),
        ("ContentType", 'text/csv; charset="utf-8"', True),
        ("ContentType", "a" * 1025, False),
        ("SessionId", "NEW_SESSION", True),
        ("SessionId", "NEW-SESSION", True),
        ("SessionId", "OLD_SESSION", False),
        ("SessionId", "a" * 257, False),
        ("InferenceId", "order 4711", True),
        ("InferenceId", "a" * 65, False),
        ("InferenceComponentName", "a-", False),
        ("TargetVariant", "a" * 64, False),
        ("TargetContainerHostname", "a.b", False),
    ],
)
def test_members_of_an_invocation(member, value, is_valid):
    """boto3 sends them all; SageMaker refuses some."""
    shape = shape_of("InvokeEndpoint", "sagemaker-runtime")

    assert (violations(shape, invocation(**{member: value})) == []) == is_valid


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"ModelName": "m"}, None, id="fits"),
        pytest.param({"ModelName": None}, None, id="null-is-absent"),
        pytest.param({"Unknown": {"a": [1]}}, None, id="unknown-is-ignored"),
        pytest.param([], "input must be a structure", id="not-an-object"),
        pytest.param({"ModelName": 1}, "modelName must be a string", id="number-for-string"),
        pytest.param(
            {"PrimaryContainer": []}, "primaryContainer must be a structure", id="list-for-object"
        ),
        pytest.param({"Containers": {}}, "containers must be a list", id="object-for-list"),
        pytest.param(
            {"Containers": [{"Image": "i"}, {"Image": True}]},
            "containers.2.member.image must be a string",
            id="inside-a-list",
        ),
        pytest.param(
            {"PrimaryContainer": {"Environment": {"A": 1}}},
            "primaryContainer.environment.A.member must be a string",
            id="inside-a-map",
        ),
        pytest.param(
            {"EnableNetworkIsolation": 1}, "enableNetworkIsolation must be a boolean", id="1-is-1"
        ),
    ],
)
def test_json_of_another_type(given, expected):
    """The first place where JSON does not fit the model is named."""
    assert mistyped(shape_of("CreateModel"), given) == expected


@pytest.mark.parametrize(
    ("member", "value", "fits"),
    [
        ("InitialInstanceCount", 1, True),
        ("InitialInstanceCount", 1.5, False),
        ("InitialInstanceCount", True, False),
        ("InitialVariantWeight", 1, True),
        ("InitialVariantWeight", 0.5, True),
        ("InitialVariantWeight", float("nan"), False),
        ("InitialVariantWeight", float("inf"), False),
    ],
)
def test_numbers(member, value, fits):
    """A whole number is also a float, a boolean is no number, and neither is infinity."""
    found = mistyped(shape_of("CreateEndpointConfig"), variant(**{member: value}))

    assert (found is None) == fits


@pytest.mark.parametrize(
    ("value", "fits"), [(0, True), (1.5e9, True), ("2026-01-01", False), (float("nan"), False)]
)
def test_timestamps(value, fits):
    """SageMaker's JSON has them as seconds since 1970."""
    assert (mistyped(shape_of("ListModels"), {"CreationTimeAfter": value}) is None) == fits


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_pattern_is_understood(operation):
    """The model writes Java's regular expressions; each has a meaning here."""
    for name, pattern in _patterns(shape_of(operation)):
        try:
            violations(service_model("sagemaker").shape_for(name), "a")
        except re.error as error:
            pytest.fail(f"{name}: {pattern}: {error}")


def _patterns(shape):
    if "pattern" in shape.metadata:
        yield shape.name, shape.metadata["pattern"]
    for child in _inside(shape):
        yield from _patterns(child)


def _inside(shape):
    match shape.type_name:
        case "structure":
            return shape.members.values()
        case "list":
            return [shape.member]
        case "map":
            return [shape.key, shape.value]
    return []
