"""The kinds of target, and the grammar of their names."""

import dataclasses

import pytest

from chalicelib.routing.targets import (
    KINDS,
    ComponentTarget,
    MultiContainerTarget,
    MultiModelTarget,
    PipelineTarget,
    SingleModelTarget,
    Target,
    is_name,
    is_target_model,
)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(SingleModelTarget("churn"), {"EndpointName": "churn"}, id="single"),
        pytest.param(
            SingleModelTarget("churn", target_variant="green"),
            {"EndpointName": "churn", "TargetVariant": "green"},
            id="single-variant",
        ),
        pytest.param(
            MultiModelTarget("fraud", "eu/v3.tar.gz"),
            {"EndpointName": "fraud", "TargetModel": "eu/v3.tar.gz"},
            id="mme",
        ),
        pytest.param(
            MultiModelTarget("fraud", "eu.tar.gz", target_variant="green"),
            {"EndpointName": "fraud", "TargetModel": "eu.tar.gz", "TargetVariant": "green"},
            id="mme-variant",
        ),
        pytest.param(
            MultiContainerTarget("nlp", "ner"),
            {"EndpointName": "nlp", "TargetContainerHostname": "ner"},
            id="mce",
        ),
        pytest.param(PipelineTarget("grade"), {"EndpointName": "grade"}, id="pipeline"),
        pytest.param(
            PipelineTarget("grade", "a.tar.gz"),
            {"EndpointName": "grade", "TargetModel": "a.tar.gz"},
            id="pipeline-with-multi-model-container",
        ),
        pytest.param(
            ComponentTarget("shared", "summary-v2"),
            {"EndpointName": "shared", "InferenceComponentName": "summary-v2"},
            id="component",
        ),
    ],
)
def test_invoke_args(target, expected):
    """A target becomes arguments of InvokeEndpoint."""
    assert expected == target.invoke_args()


def test_every_kind_has_its_row():
    """A kind is found by the value of the key `kind`."""
    assert list(KINDS) == ["single", "mme", "mce", "pipeline", "component", "async"]
    assert all(KINDS[kind].kind == kind for kind in KINDS)


def test_targets_are_values():
    """A target cannot be changed, and two kinds are never equal."""
    target = MultiModelTarget("fraud", "eu.tar.gz")
    another_kind: Target = PipelineTarget("fraud", "eu.tar.gz")

    with pytest.raises(dataclasses.FrozenInstanceError):
        target.target_model = "us.tar.gz"  # type: ignore[misc]
    assert target == MultiModelTarget("fraud", "eu.tar.gz")
    assert target != another_kind
    assert len({target, MultiModelTarget("fraud", "eu.tar.gz")}) == 1


@pytest.mark.parametrize("text", ["a", "A1", "a-b", "a--b", "null", "0", "a" * 63])
def test_a_name(text):
    """A name that SageMaker takes is valid."""
    assert is_name(text)


@pytest.mark.parametrize(
    "text",
    ["", "-", "a-", "-a", "a_b", "a.b", "a b", "a/b", "..", "a\n", "\na", "é", "a" * 64, "{a}"],
)
def test_no_name(text):
    """A name that SageMaker does not take is not valid."""
    assert not is_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a.tar.gz",
        "a/b/c.tar.gz",
        "/a.tar.gz",
        "/a/b.tar.gz",
        "...",
        ".a",
        "a..b",
        "!_.'()+=@,~-",
        "a" * 1024,
        "a/..b",
    ],
)
def test_a_target_model(text):
    """The name of an artifact is what follows the endpoint's prefix; it may begin with a slash."""
    assert is_target_model(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "/",
        "//a",
        "/.",
        "/../a",
        "/a//b",
        "a/",
        "a//b",
        "a/.",
        "a/..",
        "../a",
        "./a",
        "a/../b",
        "a b",
        "a\n",
        "a\\b",
        "a%2e",
        "a*",
        "a?b",
        "é",
        "{a}",
        "a" * 1025,
    ],
)
def test_no_target_model(text):
    """A path that leaves the prefix, or names several artifacts, is not valid."""
    assert not is_target_model(text)


def test_fill():
    """The parameters of a target are replaced by the values of a request."""
    target = MultiModelTarget("e", "{city}/{month}/{city}.tar.gz", target_variant="v")
    filled = target.filled({"city": "houston", "month": "2026-01"})

    assert filled == MultiModelTarget("e", "houston/2026-01/houston.tar.gz", target_variant="v")


@pytest.mark.parametrize("value", [".", "..", "a/../..", "", "/a", "{b}", "a" * 1025])
@pytest.mark.parametrize(
    "target",
    [
        MultiModelTarget("e", "{a}"),
        MultiModelTarget("e", "{a}/b"),
        MultiModelTarget("e", "/{a}"),
        PipelineTarget("e", "{a}"),
    ],
    ids=["mme", "folder", "slash", "pipeline"],
)
def test_fill_is_checked_again(target, value):
    """Values that make no valid name of an artifact are refused."""
    with pytest.raises(ValueError, match=r".*"):
        target.filled({"a": value})


def test_nothing_to_fill():
    """A target without parameters stays as it is."""
    for target in (SingleModelTarget("a"), MultiContainerTarget("a", "b"), PipelineTarget("a")):
        assert target.filled({}) == target
