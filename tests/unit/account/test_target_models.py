"""The artifacts that an entry may name."""

import pytest

from chalicelib.routing.parameters import parameter
from chalicelib.routing.targets import fill
from gatewayctl.account.artifacts import Artifacts
from gatewayctl.account.target_models import TargetModels

CITIES = {"one_of": ["houston", "austin"]}


def wanted(template, **rules):
    return TargetModels(template, [parameter(*item) for item in rules.items()])


def artifacts(*names):
    return Artifacts("s3://b/", tuple(sorted(names)))


@pytest.mark.parametrize(
    ("entry", "there", "among"),
    [
        pytest.param(wanted("a.tar.gz"), ["a.tar.gz", "b.tar.gz"], ["a.tar.gz"], id="one"),
        pytest.param(wanted("a.tar.gz"), ["A.tar.gz", "a.tar", "x/a.tar.gz"], [], id="no-other"),
        pytest.param(
            wanted("{city}/v3", city=CITIES), ["austin/v3", "dallas/v3"], ["austin/v3"], id="list"
        ),
        pytest.param(
            wanted("{c}/v3", c={"pattern": "[a-z]{2,20}"}),
            ["austin/v3", "a/v3", "austin/v4", "austin/x/v3", "x/austin/v3"],
            ["austin/v3"],
            id="pattern",
        ),
        pytest.param(
            wanted("{c}", c={"pattern": ".+"}),
            ["a.tar.gz", "a/b.tar.gz", "a+b.tar.gz", "x" * 63, "y" * 64],
            ["a.tar.gz", "x" * 63],
            id="no-more-than-a-path-can-say",
        ),
        pytest.param(
            wanted("{a}-{b}", a={"pattern": "[a-z-]+"}, b={"pattern": "v[0-9]"}),
            ["eu-west-v1", "eu-v1-v2", "v1"],
            ["eu-west-v1"],
            id="any-split",
        ),
        pytest.param(
            wanted("{c}/{c}.tar.gz", c={"pattern": "[a-z]+"}),
            ["x/x.tar.gz", "x/y.tar.gz"],
            ["x/x.tar.gz"],
            id="twice",
        ),
        pytest.param(
            wanted("{city}/{v}", city=CITIES, v={"pattern": "v[0-9]"}),
            ["austin/v1", "dallas/v1", "houston/v22"],
            ["austin/v1"],
            id="list-and-pattern",
        ),
    ],
)
def test_reachable(entry, there, among):
    """A caller can reach the artifacts that some values of the parameters make, and no others."""
    found = list(entry.reachable(artifacts(*there)))

    assert sorted(one.name for one in found) == among
    assert all(fill(entry.template, one.values) == one.name for one in found)


@pytest.mark.parametrize(
    ("entry", "missing"),
    [
        pytest.param(wanted("a.tar.gz"), ["a.tar.gz"], id="one"),
        pytest.param(wanted("{city}/v1", city=CITIES), ["houston/v1"], id="list"),
        pytest.param(wanted("{c}/v1", c={"pattern": "[a-z]+"}), [], id="pattern"),
        pytest.param(wanted("{c}/v9", c={"pattern": "[a-z]+"}), ["{c}/v9"], id="no-match"),
        pytest.param(
            wanted("{city}/{v}", city=CITIES, v={"pattern": "v[0-9]"}),
            ["houston/{v}"],
            id="each-listed-value-needs-a-match",
        ),
        pytest.param(
            wanted("{a}/{b}", a=CITIES, b={"one_of": ["v1", "v2"]}),
            ["austin/v2", "houston/v1", "houston/v2"],
            id="all-combinations",
        ),
    ],
)
def test_missing(entry, missing):
    """Every listed artifact has to exist, and for a pattern at least one."""
    found = entry.missing(artifacts("austin/v1", "dallas/v1"))

    assert [listed.name for listed in found] == missing
