"""What IAM has to allow for all calls of a table; for one call, see tests/unit/test_explain.py."""

import pytest

from gatewayctl.policy.needs import call_groups
from gatewayctl.report import Refused
from tests.unit.policy.tables import table_of

ARTIFACT = "sagemaker:TargetModel"
CONTAINER = "sagemaker:TargetContainerHostname"


def needs(*entries):
    """All that a table needs, in short."""
    return [
        (str(one.resource), one.key, [*map(str, one.values)], one.absent)
        for one in call_groups(table_of(entries).models())
    ]


def mme(target_model, endpoint="e", **parameters):
    rules = {"parameters": parameters} if parameters else {}
    return {"kind": "mme", "endpoint": endpoint, "target_model": target_model} | rules


def test_lists_and_patterns():
    """A list is all of its values; a pattern is open from its parameter on."""
    lists = mme("{a}/v{b}", a={"one_of": ["x", "y"]}, b={"one_of": ["1", "2"]})
    pattern = mme("{a}/v{b}", a={"one_of": ["x", "y"]}, b={"pattern": "[0-9]"})

    assert needs(lists) == [("endpoint/e", ARTIFACT, ["x/v1", "x/v2", "y/v1", "y/v2"], ())]
    assert needs(pattern) == [("endpoint/e", ARTIFACT, ["x/v*", "y/v*"], ())]


def test_no_artifact_that_the_gateway_refuses():
    """Values that together are too long for SageMaker are left out."""
    long = "x" * 63
    entry = mme("/".join(["{a}"] * 17), a={"one_of": ["y", long]})

    assert needs(entry) == [("endpoint/e", ARTIFACT, ["/".join("y" * 17)], ())]


def test_an_endpoint_that_is_called_in_several_ways():
    """Each way has a group of its own, which names the arguments of the others as absent."""
    mce = {"kind": "mce", "endpoint": "e", "target_container_hostname": "c"}

    assert needs({"kind": "single", "endpoint": "e"}, mce, mme("v1")) == [
        ("endpoint/e", "", [], (CONTAINER, ARTIFACT)),
        ("endpoint/e", CONTAINER, ["c"], (ARTIFACT,)),
        ("endpoint/e", ARTIFACT, ["v1"], (CONTAINER,)),
    ]


def test_both_spellings():
    """A name with capitals is allowed as it is written and in lower case."""
    component = {"kind": "component", "endpoint": "Shared", "inference_component": "Part"}

    assert [resource for resource, *_ in needs(component)] == [
        "endpoint/Shared",
        "endpoint/shared",
        "inference-component/Part",
        "inference-component/part",
    ]
    assert needs(mme("v1", "Many"), mme("v2", "many")) == [
        ("endpoint/Many", ARTIFACT, ["v1", "v2"], ()),
        ("endpoint/many", ARTIFACT, ["v1", "v2"], ()),
    ]


def test_too_many_artifacts():
    """An entry whose lists make far too many artifacts is refused by name."""
    values = [str(number) for number in range(400)]
    entry = mme("{a}/{b}", a={"one_of": values}, b={"one_of": values})

    with pytest.raises(Refused, match=r"models\.m0/\{a\}/\{b\}: its lists make 160,000 artifacts"):
        needs(entry)
