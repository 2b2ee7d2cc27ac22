"""What IAM has to allow, for one call and for a table."""

import pytest

from chalicelib.routing import targets
from gatewayctl.policy.needs import TARGET_CONTAINER_HOSTNAME, TARGET_MODEL, calls, needed
from gatewayctl.report import Refused
from tests.unit.policy.tables import table_of

KINDS = {
    "single": (targets.SingleModelTarget("Churn"), ("endpoint/churn",), None),
    "variant": (targets.SingleModelTarget("a", target_variant="b"), ("endpoint/a",), None),
    "mme": (targets.MultiModelTarget("a", "x/V1"), ("endpoint/a",), (TARGET_MODEL, "x/V1")),
    "mce": (
        targets.MultiContainerTarget("a", "Sk"),
        ("endpoint/a",),
        (TARGET_CONTAINER_HOSTNAME, "Sk"),
    ),
    "pipeline": (targets.PipelineTarget("a"), ("endpoint/a",), None),
    "pipeline-of-many": (targets.PipelineTarget("a", "v1"), ("endpoint/a",), (TARGET_MODEL, "v1")),
    "component": (
        targets.ComponentTarget("a", "B"),
        ("endpoint/a", "inference-component/b"),
        None,
    ),
}


def said(*entries):
    """All that a table needs, in short."""
    return [
        (str(one.resource), one.key.removeprefix("sagemaker:"), [*map(str, one.values)], one.absent)
        for one in calls(table_of(entries).models())
    ]


def mme(target_model, endpoint="e", **parameters):
    rules = {"parameters": parameters} if parameters else {}
    return {"kind": "mme", "endpoint": endpoint, "target_model": target_model} | rules


@pytest.mark.parametrize(("target", "resources", "condition"), KINDS.values(), ids=KINDS)
def test_one_call(target, resources, condition):
    """Its endpoint, its component, and the one argument that IAM can see; never a variant."""
    need = needed(target)

    assert (need.action, need.resources) == ("sagemaker:InvokeEndpoint", resources)
    assert need.condition == condition


def test_every_kind_is_known():
    """A new kind of target cannot be forgotten."""
    assert {target.kind for target, _, _ in KINDS.values()} == targets.KINDS.keys()


def test_lists_and_patterns():
    """A list is every one of its values; what a pattern leaves open is open from there on."""
    lists = mme("{a}/v{b}", a={"one_of": ["x", "y"]}, b={"one_of": ["1", "2"]})
    pattern = mme("{a}/v{b}", a={"one_of": ["x", "y"]}, b={"pattern": "[0-9]"})

    assert said(lists) == [("endpoint/e", "TargetModel", ["x/v1", "x/v2", "y/v1", "y/v2"], ())]
    assert said(pattern) == [("endpoint/e", "TargetModel", ["x/v*", "y/v*"], ())]


def test_no_artifact_that_the_gateway_refuses():
    """Values that together are too long for SageMaker are not asked for."""
    long = "x" * 63
    entry = mme("/".join(["{a}"] * 17), a={"one_of": ["y", long]})

    assert said(entry) == [("endpoint/e", "TargetModel", ["/".join("y" * 17)], ())]


def test_an_endpoint_that_is_called_in_several_ways():
    """Each way is apart, and knows which arguments the others have."""
    mce = {"kind": "mce", "endpoint": "e", "target_container_hostname": "c"}

    assert said({"kind": "single", "endpoint": "e"}, mce, mme("v1")) == [
        ("endpoint/e", "", [], (TARGET_CONTAINER_HOSTNAME, TARGET_MODEL)),
        ("endpoint/e", "TargetContainerHostname", ["c"], (TARGET_MODEL,)),
        ("endpoint/e", "TargetModel", ["v1"], (TARGET_CONTAINER_HOSTNAME,)),
    ]


def test_both_spellings():
    """A name with capitals is in an ARN as it is, or in lower case: the same, in any case."""
    component = {"kind": "component", "endpoint": "Shared", "inference_component": "Part"}

    assert [resource for resource, *_ in said(component)] == [
        "endpoint/Shared",
        "endpoint/shared",
        "inference-component/Part",
        "inference-component/part",
    ]
    assert said(mme("v1", "Many"), mme("v2", "many")) == [
        ("endpoint/Many", "TargetModel", ["v1", "v2"], ()),
        ("endpoint/many", "TargetModel", ["v1", "v2"], ()),
    ]


def test_more_artifacts_than_anybody_has():
    """Lists that multiply beyond reason are refused by name, before they fill the memory."""
    values = [str(number) for number in range(400)]
    entry = mme("{a}/{b}", a={"one_of": values}, b={"one_of": values})

    with pytest.raises(Refused, match=r"models\.m0/\{a\}/\{b\}: its lists make 160,000 artifacts"):
        said(entry)
