"""The entries and the remarks that an endpoint gives.

One entry of each kind is in tests/integration/test_import.py, on a local SageMaker.
"""

from dataclasses import replace

import pytest

from gatewayctl.account.values import Component, Container, Unread
from gatewayctl.commands.import_ import section
from tests.unit.importing.accounts import (
    DENIED,
    FakeAccount,
    container,
    endpoint,
    model,
    multi_model,
    variant,
)

IRIS = "s3://bucket/e/"
ACCOUNT = FakeAccount(
    by_prefix={
        IRIS: ("iris-v1.tar.gz",),
        "s3://bucket/same/": ("iris-v1.tar.gz",),
        "s3://bucket/other/": ("wine.tar.gz",),
        "s3://bucket/empty/": ("readme.md",),
        "s3://bucket/secret/": Unread("bucket bucket", "s3:ListBucket", denied=True),
    },
    components={
        "llm": Component("llm", "e", "AllTraffic", "InService", 1),
        "idle": Component("idle", "e", "AllTraffic", "InService", 0),
        "adapter": Component("adapter", "e", None, "InService", None),
        "failed": Component("failed", "e", "AllTraffic", "Failed", 0),
        "gone": Unread("inference component gone", "sagemaker:DescribeInferenceComponent", False),
    },
)
DIRECT = model(container("sklearn"), container("xgboost"), direct=True)
PIPELINE = model(container("scale"), container("grade"))


def hosted(one):
    """Return the entries by kind, name and target, and the remarks."""
    made = section("e", one, ACCOUNT).hosted
    entries = [
        (entry.kind, entry.names[0], {k: v for k, v in entry.target.items() if k != "endpoint"})
        for entry in made.entries
    ]
    assert {entry.target["endpoint"] for entry in made.entries} <= {"e"}
    return entries, list(made.omitted)


def test_asynchronous():
    """An asynchronous endpoint is an entry of kind `async`, whatever its variants are."""
    variants = (variant(model(), name="a"), variant(PIPELINE, name="b"))

    assert hosted(endpoint("e", *variants, async_only=True)) == ([("async", "e", {})], [])


@pytest.mark.parametrize(
    ("one", "remark"),
    [
        pytest.param(
            endpoint("e", status="Creating"),
            "is Creating; import it when it is InService",
            id="not in service",
        ),
        pytest.param(
            Unread("endpoint e", "sagemaker:DescribeEndpoint", denied=False),
            "the endpoint e does not exist",
            id="gone meanwhile",
        ),
        pytest.param(
            endpoint("e", variant(DENIED)),
            "the model m cannot be read without the IAM permission sagemaker:DescribeModel",
            id="model not to be seen",
        ),
        pytest.param(
            endpoint("e", variant(multi_model("secret"))),
            "the bucket bucket cannot be read without the IAM permission s3:ListBucket",
            id="artifacts not to be seen",
        ),
        pytest.param(
            endpoint("e", variant(model(Container(None, True, None)))),
            "the account does not tell where its artifacts are",
            id="artifacts nowhere",
        ),
        pytest.param(endpoint("e", variant(None)), "no inference component yet", id="no component"),
        pytest.param(
            endpoint("e", variant(None), components=DENIED),
            "the model m cannot be read without the IAM permission sagemaker:DescribeModel",
            id="components not to be seen",
        ),
        pytest.param(
            endpoint("e", variant(None), components=("failed",)),
            "inference component failed is Failed",
            id="component not in service",
        ),
        pytest.param(
            endpoint("e", variant(None), components=("gone",)),
            "the inference component gone does not exist",
            id="component gone meanwhile",
        ),
        pytest.param(
            endpoint("e", variant(model(container("a", artifacts=IRIS), direct=True))),
            "container a: of kind mce, no artifact can be chosen in a multi-model container",
            id="direct and multi-model",
        ),
        pytest.param(
            endpoint("e", variant(model(container("a-"), direct=True))),
            "a table cannot hold the name 'a-'",
            id="an illegal name",
        ),
    ],
)
def test_nothing_to_call(one, remark):
    """What cannot be called or read has no entry, but a remark."""
    assert hosted(one) == ([], [remark])


def test_no_artifact():
    """A prefix without artifacts is a remark."""
    assert hosted(endpoint("e", variant(multi_model("empty")))) == (
        [],
        ["no artifact in s3://bucket/empty/", "1 object not named .tar.gz: 'readme.md'"],
    )


def test_some_artifacts():
    """Objects that no call can name are a remark; marks of folders are not."""
    names = ("a.tar.gz", "b c.tar.gz", "d.zip", "folder/", "x/../y.tar.gz", "\n.tar.gz")
    account = FakeAccount({IRIS: names})
    made = section("e", endpoint("e", variant(multi_model("e"))), account).hosted

    assert [entry.target["target_model"] for entry in made.entries] == ["a.tar.gz"]
    assert list(made.omitted) == [
        "1 object not named .tar.gz: 'd.zip'",
        "3 objects with characters that a table cannot hold: "
        "'\\n.tar.gz', 'b c.tar.gz', 'x/../y.tar.gz'",
    ]


def test_no_capacity():
    """A component without copies has an entry with a comment."""
    (entry,) = section(
        "e", endpoint("e", variant(None), components=("idle",)), ACCOUNT
    ).hosted.entries

    assert entry.comments == ("No copy of it runs now",)


class TestVariants:
    """Endpoints with several variants."""

    @pytest.mark.parametrize(
        "models",
        [
            pytest.param((model(), model()), id="single"),
            pytest.param((DIRECT, DIRECT), id="mce"),
            pytest.param((multi_model("e"), multi_model("same")), id="mme"),
        ],
    )
    def test_alike(self, models):
        """Variants that host the same are one entry without a variant."""
        one, other = models

        assert hosted(endpoint("e", variant(one, "a"), variant(other, "b"))) == hosted(
            endpoint("e", variant(one))
        )

    def test_unlike(self):
        """Variants that host something else have entries of their own."""
        one = endpoint("e", variant(model(), "a"), variant(PIPELINE, "b"), variant(DENIED, "c"))

        assert hosted(one) == (
            [
                ("single", "e-a", {"target_variant": "a"}),
                ("pipeline", "e-b", {"target_variant": "b"}),
            ],
            [f"variant c: {DENIED}"],
        )

    def test_unlike_artifacts(self):
        """Variants with other artifacts have entries of their own."""
        one = endpoint("e", variant(multi_model("e"), "a"), variant(multi_model("other"), "b"))

        assert hosted(one)[0] == [
            ("mme", "iris-a", {"target_model": "iris-v1.tar.gz", "target_variant": "a"}),
            ("mme", "wine-b", {"target_model": "wine.tar.gz", "target_variant": "b"}),
        ]

    def test_none(self):
        """An endpoint without a variant has no entry."""
        assert hosted(replace(endpoint("e"), variants=())) == ([], ["has no variant"])


@pytest.mark.parametrize(
    ("one", "facts"),
    [
        pytest.param(endpoint("e"), "single, on instances", id="one variant"),
        pytest.param(
            endpoint("e", variant(model(), serverless=True)), "single, serverless", id="serverless"
        ),
        pytest.param(endpoint("e", async_only=True), "async, on instances", id="asynchronous"),
        pytest.param(
            endpoint("e", variant(multi_model("e"))),
            "mme, on instances, artifacts in s3://bucket/e/",
            id="artifacts",
        ),
        pytest.param(
            endpoint("e", variant(model(), "a"), variant(model(), "b")),
            "variants a, b: single, on instances",
            id="variants alike",
        ),
        pytest.param(
            endpoint("e", variant(model(), "a"), variant(DENIED, "b")),
            "variant a: single, on instances; variant b: of unknown kind, on instances",
            id="variants unlike",
        ),
    ],
)
def test_facts(one, facts):
    """The heading says what the endpoint is and where it runs."""
    assert section("e", one, ACCOUNT).facts == facts
