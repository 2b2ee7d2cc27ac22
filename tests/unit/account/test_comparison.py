"""A table beside an account: what is said about each entry, and where."""

import pytest

from chalicelib.routing.reading import document
from chalicelib.routing.targets import KINDS
from gatewayctl.account.comparison import problems
from gatewayctl.tables import TableFile
from tests.support.aws_account import container

PREFIX = "s3://models/tabular/"
ON_DEMAND = container("loader", prefix=PREFIX)
SAGEMAKER = "the IAM permission sagemaker"

TARGETS = {
    "single": "",
    "mme": "target_model: a-v1.tar.gz",
    "mce": "target_container_hostname: a",
    "pipeline": "",
    "component": "inference_component: c",
}


@pytest.fixture(name="account")
def _paper(account):
    """An account with an endpoint of every kind."""
    account.buckets["models"] = ["tabular/a-v1.tar.gz", "tabular/b-v1.tar.gz"]
    account.endpoint("single", account.model("single", container()))
    account.endpoint("mme", account.model("mme", ON_DEMAND))
    account.endpoint("mce", account.model("mce", container("a"), container("b"), mode="Direct"))
    account.endpoint("pipeline", account.model("pipeline", container("a"), container("b")))
    account.endpoint("component")
    account.component("c", "component")
    return account


def entry(kind, *keys, name="m", endpoint=None):
    """An entry of one kind, as YAML."""
    said = [f"kind: {kind}", f"endpoint: {endpoint or kind}", *filter(None, keys)]
    return f"  {name}:\n" + "".join(f"    {line}\n" for line in said)


def findings(account, *entries):
    data = f"version: 1\nmodels:\n{''.join(entries)}".encode()
    table = document.parse(data, "t.yaml")
    found = problems(TableFile("t.yaml", data, table), account.reader())
    return [str(problem) for problem in found]


def test_every_kind():
    """These tests have an endpoint of every kind."""
    assert KINDS.keys() == TARGETS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_as_declared(account, kind):
    """There is nothing to say about an entry that is right."""
    assert findings(account, entry(kind, TARGETS[kind])) == []


@pytest.mark.parametrize("declared", KINDS)
@pytest.mark.parametrize("actual", KINDS)
def test_kind(account, declared, actual):
    """Every other kind is noticed, on the line of `kind`, and nothing is said beyond that."""
    if declared != actual:
        (found,) = findings(account, entry(declared, TARGETS[declared], endpoint=actual))
        start = f"t.yaml:4: models.m.kind: endpoint {actual} is of kind {actual}, not {declared}: "

        assert found.startswith(start)


class TestEndpoint:
    """What is said about `endpoint`."""

    def said(self, account, **members):
        account.endpoints["single"].update(members)
        (found,) = findings(account, entry("single"))
        return found.removeprefix("t.yaml:5: models.m.endpoint: ")

    def test_missing(self, account):
        """The account knows what may have been meant."""
        assert findings(account, entry("single", endpoint="singel")) == [
            "t.yaml:5: models.m.endpoint: there is no endpoint 'singel' in eu-north-1; "
            "did you mean single?"
        ]

    @pytest.mark.parametrize("status", ["Updating", "SystemUpdating", "RollingBack"])
    def test_changing(self, account, status):
        """It still answers."""
        assert self.said(account, EndpointStatus=status) == (
            f"warning: endpoint single is {status}, so these findings may not hold when it is done"
        )

    @pytest.mark.parametrize("status", ["Creating", "Failed", "OutOfService", "Deleting"])
    def test_out_of_service(self, account, status):
        """It does not answer, and SageMaker knows why."""
        assert self.said(account, EndpointStatus=status) == (
            f"endpoint single is {status} and takes no calls; "
            "see aws sagemaker describe-endpoint --endpoint-name single"
        )

    def test_asynchronous(self, account):
        """It takes no InvokeEndpoint."""
        config = {"OutputConfig": {"S3OutputPath": "s3://b/out"}}

        assert self.said(account, AsyncInferenceConfig=config) == (
            "endpoint single is for asynchronous inference only; name a real-time endpoint"
        )

    def test_model_was_deleted(self, account):
        """The endpoint goes on answering for now."""
        del account.models["single"]

        assert self.said(account) == (
            "warning: the model single does not exist, "
            "and endpoint single needs it to start on another instance"
        )


class TestVariants:
    """A call reaches the variant that is named, or any."""

    @pytest.fixture(autouse=True)
    def _two(self, account):
        account.endpoint("ab", {"A": "single", "B": "mce"})

    def test_missing(self, account):
        """The variant has to be one of the endpoint's."""
        assert findings(account, entry("single", "target_variant: C", endpoint="ab")) == [
            "t.yaml:6: models.m.target_variant: there is no variant 'C' of endpoint ab; "
            "known here: A, B"
        ]

    def test_chosen(self, account):
        """Only the one that is named has to be as declared."""
        assert findings(account, entry("single", "target_variant: A", endpoint="ab")) == []

    def test_any(self, account):
        """Without a name, all have to be."""
        assert findings(account, entry("single", endpoint="ab")) == [
            "t.yaml:4: models.m.kind: variant B of endpoint ab is of kind mce, not single: "
            "a call names one of its containers, a, b"
        ]


class TestPipeline:
    """A pipeline with a multi-model container needs an artifact for each call, others take none."""

    def test_needs_one(self, account):
        """What is missing is said on the line of the entry."""
        account.endpoint("pipeline", account.model("loading", container("a"), ON_DEMAND))

        assert findings(account, entry("pipeline")) == [
            "t.yaml:3: models.m.target_model: missing; a container of endpoint pipeline loads the "
            "artifact that a call names"
        ]

    def test_takes_none(self, account):
        """A key that no container would read."""
        assert findings(account, entry("pipeline", "target_model: a-v1.tar.gz")) == [
            "t.yaml:6: models.m.target_model: no container of endpoint pipeline loads artifacts; "
            "remove the key"
        ]

    def test_has_one(self, account):
        """And it has to be there."""
        account.endpoint("pipeline", account.model("loading", container("a"), ON_DEMAND))

        assert findings(account, entry("pipeline", "target_model: a-v1.tar.gz")) == []
        (found,) = findings(account, entry("pipeline", "target_model: c-v1.tar.gz"))
        assert "there is no artifact 'c-v1.tar.gz' under s3://models/tabular/" in found


def test_container(account):
    """A container has to be one of the endpoint's."""
    assert findings(account, entry("mce", "target_container_hostname: z")) == [
        "t.yaml:6: models.m.target_container_hostname: there is no container 'z' on endpoint mce; "
        "known here: a, b"
    ]


class TestArtifacts:
    """Artifacts lie under the prefix of the multi-model container."""

    def test_moved(self, account):
        """What resembles it may be it."""
        account.buckets["models"] = ["tabular/old/a-v1.tar.gz"]

        assert findings(account, entry("mme", "target_model: a-v1.tar.gz")) == [
            "t.yaml:6: models.m.target_model: there is no artifact 'a-v1.tar.gz' under "
            "s3://models/tabular/; did you mean old/a-v1.tar.gz?"
        ]

    def test_listed(self, account):
        """A listed value without an artifact is said where it is listed."""
        keys = ['target_model: "{x}-v1.tar.gz"', "parameters:", "  x:", "    one_of:"]
        listed = ["      - b", "      - c", "      - a"]

        assert findings(account, entry("mme", *keys, *listed, name="m/{x}")) == [
            "t.yaml:11: models.m/{x}.parameters.x.one_of[1]: there is no artifact 'c-v1.tar.gz' "
            "under s3://models/tabular/; did you mean b-v1.tar.gz?"
        ]

    def test_many(self, account):
        """So many that something else is wrong are one finding."""
        rule = f"  x: {{one_of: [{', '.join(map(str, range(100, 110)))}]}}"
        keys = ['target_model: "{x}.tar.gz"', "parameters:", rule]

        assert findings(account, entry("mme", *keys, name="m/{x}")) == [
            "t.yaml:6: models.m/{x}.target_model: not under s3://models/tabular/: 100.tar.gz, "
            "101.tar.gz, 102.tar.gz, 103.tar.gz, 104.tar.gz and 5 more"
        ]

    @pytest.mark.parametrize(("pattern", "count"), [("[a-z]", 0), ("[0-9]", 1)])
    def test_pattern(self, account, pattern, count):
        """A pattern needs one artifact at least."""
        keys = ['target_model: "{x}-v1.tar.gz"', "parameters:", f'  x: {{pattern: "{pattern}"}}']
        found = findings(account, entry("mme", *keys, name="m/{x}"))

        assert len(found) == count
        assert all("t.yaml:6: models.m/{x}.target_model: there is no artifact" in f for f in found)

    def test_no_bucket(self, account):
        """Without a bucket there are no artifacts."""
        account.buckets.clear()

        assert findings(account, entry("mme", TARGETS["mme"])) == [
            "t.yaml:6: models.m.target_model: the bucket models does not exist, "
            "and s3://models/tabular/ would be in it"
        ]


class TestComponent:
    """An inference component of this endpoint, in service."""

    def said(self, account, component="c"):
        (found,) = findings(account, entry("component", f"inference_component: {component}"))
        return found.removeprefix("t.yaml:6: models.m.inference_component: ")

    def test_missing(self, account):
        """It has to exist."""
        assert self.said(account, "d") == (
            "there is no inference component 'd' on endpoint component; known here: c"
        )

    def test_elsewhere(self, account):
        """It has to be on this endpoint."""
        account.component("c", "another")

        assert self.said(account) == (
            "inference component c is on endpoint another, not on component"
        )

    def test_on_another_variant(self, account):
        """A variant that is named has to be the component's own."""
        account.endpoint("component", {"AllTraffic": None, "B": None})
        keys = ["target_variant: B", "inference_component: c"]

        assert findings(account, entry("component", *keys)) == [
            "t.yaml:6: models.m.target_variant: inference component c is on variant AllTraffic; "
            "name that or none"
        ]

    @pytest.mark.parametrize("status", ["Creating", "Failed", "Deleting"])
    def test_out_of_service(self, account, status):
        """It has to answer."""
        account.component("c", "component", status)

        assert self.said(account) == (
            f"inference component c is {status} and takes no calls; see aws sagemaker "
            "describe-inference-component --inference-component-name c"
        )

    def test_changing(self, account):
        """It still answers."""
        account.component("c", "component", "Updating")

        assert self.said(account) == "warning: inference component c is Updating"

    def test_scaled_to_zero(self, account):
        """The first call may be what brings it back."""
        account.component("c", "component", CurrentCopyCount=0)

        assert self.said(account) == (
            "warning: inference component c has no copy now; calls fail until there is one"
        )


class TestDenied:
    """What a missing permission hides is a finding that names it, once."""

    @pytest.mark.parametrize(
        ("kind", "operation", "key", "what"),
        [
            ("single", "DescribeEndpoint", "endpoint", "endpoint single"),
            ("single", "DescribeEndpointConfig", "endpoint", "endpoint configuration single"),
            ("single", "DescribeModel", "endpoint", "model single"),
            (
                "component",
                "DescribeInferenceComponent",
                "inference_component",
                "inference component c",
            ),
        ],
    )
    def test_sagemaker(self, account, kind, operation, key, what):
        """The action is IAM's."""
        account.denied.add(operation)
        (found,) = findings(account, entry(kind, TARGETS[kind]))

        assert found.endswith(
            f": models.m.{key}: the {what} cannot be read without "
            f"{SAGEMAKER}:{operation}; until then it is not checked"
        )

    def test_s3(self, account):
        """Listing objects has another name in IAM."""
        account.denied.add("ListObjectsV2")

        assert findings(account, entry("mme", TARGETS["mme"])) == [
            "t.yaml:6: models.m.target_model: the bucket models cannot be read without "
            "the IAM permission s3:ListBucket; until then it is not checked"
        ]

    def test_listing(self, account):
        """A suggestion is no reason to fail; nor is a component's list, when it is there."""
        account.denied |= {"ListEndpoints", "ListInferenceComponents"}

        assert findings(account, entry("component", TARGETS["component"])) == []
        assert findings(account, entry("single", endpoint="x")) == [
            "t.yaml:5: models.m.endpoint: there is no endpoint 'x' in eu-north-1"
        ]

    def test_once(self, account):
        """A thousand entries need not repeat it."""
        account.denied.add("ListObjectsV2")
        many = [entry("mme", TARGETS["mme"], name=f"m{number}") for number in range(10)]

        assert len(findings(account, *many)) == 1


def test_order(account):
    """Findings come in the order of their lines, whatever the models are called."""
    broken = [entry("single", name=name, endpoint="x") for name in ("z", "a", "m")]

    assert [found.split(":")[1] for found in findings(account, *broken)] == ["5", "8", "11"]


def test_only_the_tables_endpoints(account):
    """What no entry names is not read."""
    findings(account, entry("mce", TARGETS["mce"]))

    assert account.asked() == {
        "DescribeEndpoint": 1,
        "DescribeEndpointConfig": 1,
        "DescribeModel": 1,
    }
