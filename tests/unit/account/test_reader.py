"""How an account is read: each thing once, at a limited rate, and in spite of errors that pass."""

import boto3
import pytest

from gatewayctl.account.artifacts import Artifacts
from gatewayctl.account.calls import Pace
from gatewayctl.account.reader import AccountReader
from gatewayctl.account.values import (
    Capacity,
    Component,
    Container,
    Endpoint,
    Model,
    Variant,
)
from gatewayctl.report import NotReachable
from tests.support.aws_account import IMAGE, NOW, SILENCE, VARIANT, container
from tests.support.job_desk import moto

AWS = {"region_name": "eu-north-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
BUCKET = "models"
PREFIX = f"s3://{BUCKET}/tabular/"


def test_endpoint(account):
    """An endpoint is read with its variants and the containers of their models."""
    account.endpoint("churn", {"A": account.model("one", container()), "B": "one"})

    model = Model("one", (Container(None, False, None, IMAGE),), direct=False)
    capacity = Capacity(instance_type="ml.m5.large", instances=2)
    assert account.reader().endpoint("churn") == Endpoint(
        "churn",
        "InService",
        async_only=False,
        variants=(Variant("A", model, False, capacity), Variant("B", model, False, capacity)),
        components=(),
        created=NOW.timestamp(),
    )


def test_only_what_is_asked_for(account):
    """One endpoint costs three calls; components are listed only where there can be some."""
    for number in range(50):
        account.endpoint(f"e-{number}", account.model(f"m-{number}", container()))
    account.reader().endpoint("e-7")

    assert account.calls == {
        ("DescribeEndpoint", "e-7"): 1,
        ("DescribeEndpointConfig", "e-7"): 1,
        ("DescribeModel", "m-7"): 1,
    }


def test_thousands(account):
    """Every page is read, a shared model is described once, and the rate is kept."""
    account.model("shared", container())
    for number in range(3_000):
        account.endpoint(f"e-{number:04}", "shared")
    lines = []
    reader = account.reader(progress=lines.append)
    found = reader.endpoints(reader.endpoint_names())

    assert list(found) == [f"e-{number:04}" for number in range(3_000)]
    assert {one.variants[0].kind for one in found.values()} == {"single"}
    assert account.operations() == {
        "ListEndpoints": 30,
        "DescribeEndpoint": 3_000,
        "DescribeEndpointConfig": 3_000,
        "DescribeModel": 1,
    }
    assert sum(account.clock.slept) == pytest.approx((6_031 - 20) / 5, rel=0.01)
    assert lines[29:31] == ["3,000 endpoints listed", "1 of 3,000 endpoints read"]
    assert lines[-1] == "3,000 of 3,000 endpoints read"


def test_asked_once(account):
    """A result is remembered, also that something does not exist."""
    account.endpoint("churn", account.model("one", container()))
    reader = account.reader()
    first = [reader.endpoint("churn"), reader.endpoint("gone"), reader.endpoint_names()]

    assert [reader.endpoint("churn"), reader.endpoint("gone"), reader.endpoint_names()] == first
    assert set(account.calls.values()) == {1}


def test_artifacts(account):
    """Every object under a prefix is an artifact, except the marks of folders."""
    names = [f"{number:04}/v1.tar.gz" for number in range(2_500)]
    keys = [*(f"tabular/{name}" for name in names), "tabular/", "tabular/a/", "tabular-2/x"]
    account.buckets[BUCKET] = keys

    assert account.reader().artifacts(PREFIX) == Artifacts(PREFIX, tuple(names))
    assert account.operations() == {"ListObjectsV2": 3}


def test_whole_bucket(account):
    """The prefix may be a whole bucket."""
    account.buckets[BUCKET] = ["a.tar.gz"]

    assert account.reader().artifacts(f"s3://{BUCKET}/").names == ("a.tar.gz",)
    assert account.reader().artifacts(f"s3://{BUCKET}").names == ("/a.tar.gz",)


def test_prefix_without_a_slash(account):
    """A TargetModel is what follows the prefix; objects beside the folder are set apart."""
    account.buckets[BUCKET] = ["tabular-2/x.tar.gz", "tabular/", "tabular/a.tar.gz"]
    found = account.reader().artifacts(PREFIX.rstrip("/"))

    assert found.names == ("-2/x.tar.gz", "/a.tar.gz")
    assert found.in_folder == ["/a.tar.gz"]


def test_components(account):
    """An endpoint has the names of its components; one component is read with its state."""
    account.endpoint("shared")
    for number in range(150):
        account.component(f"c-{number:03}", "shared", CurrentCopyCount=number)
    account.component("elsewhere", "another")
    reader = account.reader()

    assert reader.endpoint("shared").components == tuple(f"c-{n:03}" for n in range(150))
    assert reader.component("c-007") == Component("c-007", "shared", VARIANT, "InService", 7)
    assert account.operations()["DescribeInferenceComponent"] == 1


def test_on_its_way_out(account):
    """An endpoint that is being deleted is left out."""
    account.endpoint("going", EndpointStatus="Deleting")
    account.endpoint("staying")

    assert account.reader().endpoint_names() == ("staying",)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lambda reader: reader.endpoint("gone"), "the endpoint gone does not exist"),
        (lambda reader: reader.component("c"), "the inference component c does not exist"),
        (lambda reader: reader.artifacts(PREFIX), "the bucket models does not exist"),
        (lambda reader: _model(reader, "churn"), "the model deleted does not exist"),
        (lambda reader: _model(reader, "a"), "the endpoint configuration a does not exist"),
        (lambda reader: _model(reader, "b"), "the endpoint configuration does not exist"),
    ],
)
def test_deleted(account, read, text):
    """What is deleted between two calls does not exist; an endpoint keeps its variants."""
    for name in ("churn", "a", "b"):
        account.endpoint(name, "deleted")
    del account.configurations["a"]
    del account.endpoints["b"]["EndpointConfigName"]

    assert str(read(account.reader())) == text


def _model(reader, endpoint):
    (variant,) = reader.endpoint(endpoint).variants
    assert (variant.name, variant.kind) == (VARIANT, None)
    return variant.model


class TestTroubles:
    """Errors of AWS."""

    def test_throttled(self, account):
        """A throttled call is repeated, each time after a longer pause."""
        account.endpoint("churn", account.model("one", container()))
        account.faults["DescribeEndpoint"] = ["ThrottlingException"] * 3
        assert account.reader().endpoint("churn").status == "InService"

        waits = [seconds for seconds in account.clock.slept if seconds >= 0.5]
        assert all(0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits[:3]))

    def test_throttled_for_good(self, account):
        """After eight attempts the command gives up."""
        account.faults["DescribeEndpoint"] = ["ThrottlingException"] * 100
        with pytest.raises(NotReachable, match="with ThrottlingException; try again in a minute"):
            account.reader().endpoint("churn")

        assert account.operations() == {"DescribeEndpoint": 8}
        assert max(account.clock.slept) <= 20

    @pytest.mark.parametrize("trouble", ["ServiceUnavailable", SILENCE])
    def test_in_the_middle(self, account, trouble):
        """An error that passes is repeated."""
        account.endpoint("churn", account.model("one", container()))
        account.faults["DescribeModel"] = [trouble]

        assert account.reader().endpoint("churn").variants[0].kind == "single"

    def test_nobody_there(self, account):
        """If AWS has never answered, the first error ends the command."""
        account.faults["DescribeEndpoint"] = [SILENCE] * 100
        with pytest.raises(NotReachable, match=r"Amazon SageMaker cannot be reached"):
            account.reader().endpoint("churn")

        assert account.operations() == {"DescribeEndpoint": 1}

    def test_bad_credentials(self, account):
        """Wrong credentials are not tried again."""
        account.faults["DescribeEndpoint"] = ["ExpiredTokenException"] * 100
        with pytest.raises(NotReachable, match="check your credentials"):
            account.reader().endpoint("churn")

        assert account.operations() == {"DescribeEndpoint": 1}


def test_sizes_of_s3():
    """The sizes are those that S3 says, for a prefix and for one object."""
    with moto() as url:
        s3 = boto3.client("s3", endpoint_url=url, **AWS)
        s3.create_bucket(
            Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
        )
        for number in range(3):
            s3.put_object(Bucket="models", Key=f"t/m{number}.tar.gz", Body=b"x" * (number + 1))
        reader = AccountReader(lambda _: s3, s3_pace=Pace(1_000))
        assert reader.artifacts("s3://models/t/").sizes == {
            f"m{number}.tar.gz": number + 1 for number in range(3)
        }
        assert reader.object_size("s3://models/t/m2.tar.gz") == 3
        assert reader.object_size("s3://models/t/m2") is None
