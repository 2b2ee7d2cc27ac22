"""Reading an account: what is asked for, each thing once, and whatever AWS does meanwhile."""

import pytest

from gatewayctl.account.values import (
    Artifacts,
    Component,
    Container,
    Endpoint,
    Model,
    Unread,
    Variant,
)
from gatewayctl.report import NotReachable
from tests.unit.account.paper import IMAGE, SILENCE, VARIANT, container

BUCKET = "models"
PREFIX = f"s3://{BUCKET}/tabular/"


def test_endpoint(paper):
    """An endpoint with its variants, and the containers of their models."""
    paper.endpoint("churn", {"A": paper.model("one", container()), "B": "one"})

    model = Model("one", (Container(None, IMAGE, False, None),), direct=False)
    assert paper.reader().endpoint("churn") == Endpoint(
        "churn",
        "InService",
        async_only=False,
        variants=(Variant("A", model, False, 2), Variant("B", model, False, 2)),
        components=(),
    )


def test_only_what_is_asked_for(paper):
    """One endpoint of many costs three calls, and components are for those who can have some."""
    for number in range(50):
        paper.endpoint(f"e-{number}", paper.model(f"m-{number}", container()))
    paper.reader().endpoint("e-7")

    assert paper.calls == {
        ("DescribeEndpoint", "e-7"): 1,
        ("DescribeEndpointConfig", "e-7"): 1,
        ("DescribeModel", "m-7"): 1,
    }


def test_thousands(paper):
    """Every page is read; what endpoints share is described once; AWS has time to answer others."""
    paper.model("shared", container())
    for number in range(3_000):
        paper.endpoint(f"e-{number:04}", "shared")
    lines = []
    reader = paper.reader(progress=lines.append)
    found = reader.endpoints(reader.endpoint_names())

    assert list(found) == [f"e-{number:04}" for number in range(3_000)]
    assert {endpoint.kind for endpoint in found.values()} == {"single"}
    assert paper.asked() == {
        "ListEndpoints": 30,
        "DescribeEndpoint": 3_000,
        "DescribeEndpointConfig": 3_000,
        "DescribeModel": 1,
    }
    assert sum(paper.clock.slept) == pytest.approx((6_031 - 20) / 5, rel=0.01)
    assert lines[29:31] == ["3,000 endpoints listed", "1 of 3,000 endpoints read"]
    assert lines[-1] == "3,000 of 3,000 endpoints read"


def test_asked_once(paper):
    """A second look costs nothing, also at what is not there."""
    paper.endpoint("churn", paper.model("one", container()))
    reader = paper.reader()
    first = [reader.endpoint("churn"), reader.endpoint("gone"), reader.endpoint_names()]

    assert [reader.endpoint("churn"), reader.endpoint("gone"), reader.endpoint_names()] == first
    assert set(paper.calls.values()) == {1}


def test_artifacts(paper):
    """All pages of what lies under a prefix, as TargetModel names it; folders are none."""
    names = [f"{number:04}/v1.tar.gz" for number in range(2_500)]
    keys = [*(f"tabular/{name}" for name in names), "tabular/", "tabular/a/", "tabular-2/x"]
    paper.buckets[BUCKET] = keys

    assert paper.reader().artifacts(PREFIX) == Artifacts(PREFIX, tuple(names))
    assert paper.asked() == {"ListObjectsV2": 3}


def test_whole_bucket(paper):
    """A prefix may be a bucket."""
    paper.buckets[BUCKET] = ["a.tar.gz"]

    assert paper.reader().artifacts(f"s3://{BUCKET}/").names == ("a.tar.gz",)


def test_components(paper):
    """The names of an endpoint's own components, and one with its state."""
    paper.endpoint("shared")
    for number in range(150):
        paper.component(f"c-{number:03}", "shared", CurrentCopyCount=number)
    paper.component("elsewhere", "another")
    reader = paper.reader()

    assert reader.endpoint("shared").components == tuple(f"c-{n:03}" for n in range(150))
    assert reader.component("c-007") == Component("c-007", "shared", VARIANT, "InService", 7)
    assert paper.asked()["DescribeInferenceComponent"] == 1


def test_on_its_way_out(paper):
    """An endpoint that is being deleted is nothing to offer."""
    paper.endpoint("going", EndpointStatus="Deleting")
    paper.endpoint("staying")

    assert paper.reader().endpoint_names() == ("staying",)


class TestGone:
    """Things that vanish between one call and the next are said to be gone."""

    def test_endpoint(self, paper):
        """An endpoint that was listed and is deleted."""
        assert str(paper.reader().endpoint("e")) == "the endpoint e does not exist"

    def test_configuration(self, paper):
        """The variants are still known from the endpoint itself."""
        paper.endpoint("churn", paper.model("one", container()))
        del paper.configurations["churn"]
        (variant,) = paper.reader().endpoint("churn").variants

        assert (variant.name, variant.kind) == (VARIANT, None)
        assert str(variant.model) == "the endpoint configuration churn does not exist"

    def test_no_configuration(self, paper):
        """SageMaker need not name one."""
        paper.endpoint("churn", "one")
        del paper.endpoints["churn"]["EndpointConfigName"]

        assert str(paper.reader().endpoint("churn").variants[0].model) == (
            "the endpoint configuration does not exist"
        )

    def test_model(self, paper):
        """The endpoint is still one."""
        paper.endpoint("churn", "deleted")

        assert str(paper.reader().endpoint("churn").variants[0].model) == (
            "the model deleted does not exist"
        )

    @pytest.mark.parametrize(
        ("read", "said"),
        [
            (lambda reader: reader.component("c"), "the inference component c does not exist"),
            (lambda reader: reader.artifacts(PREFIX), "the bucket models does not exist"),
        ],
    )
    def test_others(self, paper, read, said):
        """The same for what belongs to no endpoint."""
        assert str(read(paper.reader())) == said


@pytest.mark.parametrize(
    ("operation", "action", "read"),
    [
        ("ListEndpoints", "sagemaker:ListEndpoints", lambda r: r.endpoint_names()),
        ("DescribeEndpoint", "sagemaker:DescribeEndpoint", lambda r: r.endpoint("e")),
        (
            "DescribeEndpointConfig",
            "sagemaker:DescribeEndpointConfig",
            lambda r: r.endpoint("e").variants[0].model,
        ),
        ("DescribeModel", "sagemaker:DescribeModel", lambda r: r.endpoint("e").variants[0].model),
        (
            "ListInferenceComponents",
            "sagemaker:ListInferenceComponents",
            lambda r: r.endpoint("shared").components,
        ),
        (
            "DescribeInferenceComponent",
            "sagemaker:DescribeInferenceComponent",
            lambda r: r.component("c"),
        ),
        ("ListObjectsV2", "s3:ListBucket", lambda r: r.artifacts(PREFIX)),
    ],
)
def test_denied(paper, operation, action, read):
    """One permission that is missing hides one thing, and says by which action it is seen."""
    paper.endpoint("e", "m")
    paper.endpoint("shared")
    paper.denied.add(operation)
    unread = read(paper.reader())

    assert isinstance(unread, Unread)
    assert (unread.action, unread.denied) == (action, True)
    assert str(unread).endswith(f"cannot be looked at without the IAM permission {action}")


class TestTroubles:
    """What passes is waited for; what does not is said."""

    def test_throttled(self, paper):
        """It is asked again, later each time, and more slowly from then on."""
        paper.endpoint("churn", paper.model("one", container()))
        paper.faults["DescribeEndpoint"] = ["ThrottlingException"] * 3
        assert paper.reader().endpoint("churn").status == "InService"

        waits = [seconds for seconds in paper.clock.slept if seconds >= 0.5]
        assert all(0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits[:3]))

    def test_throttled_for_good(self, paper):
        """In the end it gives up."""
        paper.faults["DescribeEndpoint"] = ["ThrottlingException"] * 100
        with pytest.raises(NotReachable, match="with ThrottlingException; try again in a minute"):
            paper.reader().endpoint("churn")

        assert paper.asked() == {"DescribeEndpoint": 8}
        assert max(paper.clock.slept) <= 20

    @pytest.mark.parametrize("trouble", ["ServiceUnavailable", SILENCE])
    def test_in_the_middle(self, paper, trouble):
        """Half an hour's reading is not lost to one bad moment."""
        paper.endpoint("churn", paper.model("one", container()))
        paper.faults["DescribeModel"] = [trouble]

        assert paper.reader().endpoint("churn").kind == "single"

    def test_nobody_there(self, paper):
        """A wrong address is said at once."""
        paper.faults["DescribeEndpoint"] = [SILENCE] * 100
        with pytest.raises(NotReachable, match=r"Amazon SageMaker cannot be reached"):
            paper.reader().endpoint("churn")

        assert paper.asked() == {"DescribeEndpoint": 1}

    def test_bad_credentials(self, paper):
        """What no repetition mends is not repeated."""
        paper.faults["DescribeEndpoint"] = ["ExpiredTokenException"] * 100
        with pytest.raises(NotReachable, match="check your credentials"):
            paper.reader().endpoint("churn")

        assert paper.asked() == {"DescribeEndpoint": 1}
