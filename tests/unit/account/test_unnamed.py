"""What an account offers and no entry of a table names."""

import pytest
from gatewayctl.account.unnamed import unnamed

from chalicelib.routing.reading import document
from tests.unit.account.paper import container
from tests.unit.account.test_comparison import entry

PREFIX = "s3://models/tabular/"


@pytest.fixture(name="paper")
def _paper(paper):
    paper.buckets["models"] = [f"tabular/{name}-v1.tar.gz" for name in ("a", "b", "c")]
    paper.endpoint("mme", paper.model("mme", container(prefix=PREFIX)))
    return paper


def offered(paper, *entries):
    table = document.parse(f"version: 1\nmodels:\n{''.join(entries)}".encode(), "t.yaml")
    found, hidden = unnamed(table, paper.reader())
    return [str(one) for one in (*found, *hidden)]


def test_endpoints(paper):
    """An endpoint that no entry names is one line, whatever is behind it, and costs no call."""
    for number in range(250):
        paper.endpoint(f"e-{number:03}")
    found = offered(paper, entry("mme", "target_model: a-v1.tar.gz"))

    assert found == [
        *(f"endpoint e-{number:03}" for number in range(250)),
        "endpoint mme: artifact b-v1.tar.gz",
        "endpoint mme: artifact c-v1.tar.gz",
    ]
    assert paper.asked()["DescribeEndpoint"] == 1


def test_pattern_names_what_it_admits(paper):
    """One entry may be for many artifacts."""
    keys = ['target_model: "{x}-v1.tar.gz"', "parameters:", '  x: {pattern: "[ab]"}']

    assert offered(paper, entry("mme", *keys, name="m/{x}")) == [
        "endpoint mme: artifact c-v1.tar.gz"
    ]


def test_shared_prefix(paper):
    """What several endpoints may load is named by an entry for one of them."""
    paper.endpoint("gpu", "mme")
    entries = [
        entry("mme", "target_model: a-v1.tar.gz"),
        entry("mme", "target_model: b-v1.tar.gz", name="n", endpoint="gpu"),
    ]

    assert offered(paper, *entries) == ["endpoint gpu: artifact c-v1.tar.gz"]


def test_no_target(paper):
    """An object that no call could name is no artifact."""
    paper.buckets["models"] = ["tabular/a-v1.tar.gz", "tabular/read me.txt"]

    assert offered(paper, entry("mme", "target_model: a-v1.tar.gz")) == []


def test_containers_and_components(paper):
    """What an endpoint has beside what entries name."""
    paper.endpoint("mce", paper.model("mce", container("a"), container("b"), mode="Direct"))
    paper.endpoint("shared")
    paper.component("c", "shared")
    paper.component("d", "shared")
    entries = [
        entry("mme", "target_model: a-v1.tar.gz", name="x"),
        entry("mce", "target_container_hostname: a", name="y"),
        entry("component", "inference_component: c", name="z", endpoint="shared"),
    ]

    assert offered(paper, *entries)[:2] == [
        "endpoint mce: container b",
        "endpoint mme: artifact b-v1.tar.gz",
    ]
    assert offered(paper, *entries)[-1] == "endpoint shared: inference component d"


def test_denied(paper):
    """What cannot be listed is said: there may be more."""
    paper.denied |= {"ListEndpoints", "ListInferenceComponents"}
    paper.endpoint("shared")
    said = entry("component", "inference_component: c", endpoint="shared")

    assert offered(paper, said) == [
        "the list of endpoints cannot be looked at without "
        "the IAM permission sagemaker:ListEndpoints",
        "the list of the inference components of endpoint shared cannot be looked at without "
        "the IAM permission sagemaker:ListInferenceComponents",
    ]
