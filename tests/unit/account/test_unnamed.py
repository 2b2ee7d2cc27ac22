"""What an account offers and no entry of a table names."""

import pytest

from chalicelib.routing.reading import document
from gatewayctl.commands.diff import unnamed_in
from tests.support.aws_account import container
from tests.unit.account.test_comparison import entry

PREFIX = "s3://models/tabular/"


@pytest.fixture(name="account")
def _paper(account):
    account.buckets["models"] = [f"tabular/{name}-v1.tar.gz" for name in ("a", "b", "c")]
    account.endpoint("mme", account.model("mme", container(prefix=PREFIX)))
    return account


def offered(account, *entries):
    table = document.parse(f"version: 1\nmodels:\n{''.join(entries)}".encode(), "t.yaml")
    found, hidden = unnamed_in(table, account.reader())
    return [str(one) for one in (*found, *hidden)]


def test_endpoints(account):
    """An endpoint that no entry names is one line, whatever is behind it, and costs no call."""
    for number in range(250):
        account.endpoint(f"e-{number:03}")
    found = offered(account, entry("mme", "target_model: a-v1.tar.gz"))

    assert found == [
        *(f"endpoint e-{number:03}" for number in range(250)),
        "endpoint mme: artifact b-v1.tar.gz",
        "endpoint mme: artifact c-v1.tar.gz",
    ]
    assert account.asked()["DescribeEndpoint"] == 1


def test_pattern_names_what_it_admits(account):
    """One entry may be for many artifacts."""
    keys = ['target_model: "{x}-v1.tar.gz"', "parameters:", '  x: {pattern: "[ab]"}']

    assert offered(account, entry("mme", *keys, name="m/{x}")) == [
        "endpoint mme: artifact c-v1.tar.gz"
    ]


def test_shared_prefix(account):
    """What several endpoints may load is named by an entry for one of them."""
    account.endpoint("gpu", "mme")
    entries = [
        entry("mme", "target_model: a-v1.tar.gz"),
        entry("mme", "target_model: b-v1.tar.gz", name="n", endpoint="gpu"),
    ]

    assert offered(account, *entries) == ["endpoint gpu: artifact c-v1.tar.gz"]


def test_no_target(account):
    """An object that no call could name is no artifact."""
    account.buckets["models"] = ["tabular/a-v1.tar.gz", "tabular/read me.txt"]

    assert offered(account, entry("mme", "target_model: a-v1.tar.gz")) == []


def test_containers_and_components(account):
    """What an endpoint has beside what entries name."""
    account.endpoint("mce", account.model("mce", container("a"), container("b"), mode="Direct"))
    account.endpoint("shared")
    account.component("c", "shared")
    account.component("d", "shared")
    entries = [
        entry("mme", "target_model: a-v1.tar.gz", name="x"),
        entry("mce", "target_container_hostname: a", name="y"),
        entry("component", "inference_component: c", name="z", endpoint="shared"),
    ]

    assert offered(account, *entries)[:2] == [
        "endpoint mce: container b",
        "endpoint mme: artifact b-v1.tar.gz",
    ]
    assert offered(account, *entries)[-1] == "endpoint shared: inference component d"


def test_denied(account):
    """What cannot be listed is said: there may be more."""
    account.denied |= {"ListEndpoints", "ListInferenceComponents"}
    account.endpoint("shared")
    said = entry("component", "inference_component: c", endpoint="shared")

    assert offered(account, said) == [
        "the list of endpoints cannot be read without the IAM permission sagemaker:ListEndpoints",
        "the list of the inference components of endpoint shared cannot be read without "
        "the IAM permission sagemaker:ListInferenceComponents",
    ]
