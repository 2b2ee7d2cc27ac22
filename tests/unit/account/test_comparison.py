"""A table beside an account: what is said about each entry, and where."""

import pytest
from gatewayctl.account.addressed import CHECKS

from chalicelib.routing.reading import document
from chalicelib.routing.targets import KINDS
from gatewayctl import live
from gatewayctl.tables import Lines
from tests.unit.account.paper import container

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


@pytest.fixture(name="paper")
def _paper(paper):
    """An account with an endpoint of every kind."""
    paper.buckets["models"] = ["tabular/a-v1.tar.gz", "tabular/b-v1.tar.gz"]
    paper.endpoint("single", paper.model("single", container()))
    paper.endpoint("mme", paper.model("mme", ON_DEMAND))
    paper.endpoint("mce", paper.model("mce", container("a"), container("b"), mode="Direct"))
    paper.endpoint("pipeline", paper.model("pipeline", container("a"), container("b")))
    paper.endpoint("component")
    paper.component("c", "component")
    return paper


def entry(kind, *keys, name="m", endpoint=None):
    """An entry of one kind, as YAML."""
    said = [f"kind: {kind}", f"endpoint: {endpoint or kind}", *filter(None, keys)]
    return f"  {name}:\n" + "".join(f"    {line}\n" for line in said)


def findings(paper, *entries):
    data = f"version: 1\nmodels:\n{''.join(entries)}".encode()
    table = document.parse(data, "t.yaml")
    found = live.problems(table, Lines(data), "t.yaml", paper.reader())
    return [str(problem) for problem in found]


def test_every_kind():
    """There is a check for each, and an endpoint of it in these tests."""
    assert KINDS.keys() == CHECKS.keys() == TARGETS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_as_declared(paper, kind):
    """There is nothing to say about an entry that is right."""
    assert findings(paper, entry(kind, TARGETS[kind])) == []


@pytest.mark.parametrize("declared", KINDS)
@pytest.mark.parametrize("actual", KINDS)
def test_kind(paper, declared, actual):
    """Every other kind is noticed, on the line of `kind`, and nothing is said beyond that."""
    if declared != actual:
        (found,) = findings(paper, entry(declared, TARGETS[declared], endpoint=actual))
        start = f"t.yaml:4: models.m.kind: endpoint {actual} is of kind {actual}, not {declared}: "

        assert found.startswith(start)


class TestEndpoint:
    """What is said about `endpoint`."""

    def said(self, paper, **members):
        paper.endpoints["single"].update(members)
        (found,) = findings(paper, entry("single"))
        return found.removeprefix("t.yaml:5: models.m.endpoint: ")

    def test_missing(self, paper):
        """The account knows what may have been meant."""
        assert findings(paper, entry("single", endpoint="singel")) == [
            "t.yaml:5: models.m.endpoint: there is no endpoint 'singel' in eu-north-1; "
            "did you mean single?"
        ]

    @pytest.mark.parametrize("status", ["Updating", "SystemUpdating", "RollingBack"])
    def test_changing(self, paper, status):
        """It still answers."""
        assert self.said(paper, EndpointStatus=status) == (
            f"warning: endpoint single is {status}; what is true of it now may not be true soon"
        )

    @pytest.mark.parametrize("status", ["Creating", "Failed", "OutOfService", "Deleting"])
    def test_out_of_service(self, paper, status):
        """It does not answer, and SageMaker knows why."""
        assert self.said(paper, EndpointStatus=status) == (
            f"endpoint single is {status} and takes no calls; "
            "see aws sagemaker describe-endpoint --endpoint-name single"
        )

    def test_asynchronous(self, paper):
        """It takes no InvokeEndpoint."""
        config = {"OutputConfig": {"S3OutputPath": "s3://b/out"}}

        assert self.said(paper, AsyncInferenceConfig=config) == (
            "endpoint single is for asynchronous inference only; name a real-time endpoint"
        )

    def test_model_was_deleted(self, paper):
        """The endpoint goes on answering for now."""
        del paper.models["single"]

        assert self.said(paper) == (
            "warning: the model single does not exist, "
            "and endpoint single needs it to start on another instance"
        )


class TestVariants:
    """A call reaches the variant that is named, or any."""

    @pytest.fixture(autouse=True)
    def _two(self, paper):
        paper.endpoint("ab", {"A": "single", "B": "mce"})

    def test_missing(self, paper):
        """The variant has to be one of the endpoint's."""
        assert findings(paper, entry("single", "target_variant: C", endpoint="ab")) == [
            "t.yaml:6: models.m.target_variant: there is no variant 'C' of endpoint ab; "
            "known here: A, B"
        ]

    def test_chosen(self, paper):
        """Only the one that is named has to be as declared."""
        assert findings(paper, entry("single", "target_variant: A", endpoint="ab")) == []

    def test_any(self, paper):
        """Without a name, all have to be."""
        assert findings(paper, entry("single", endpoint="ab")) == [
            "t.yaml:4: models.m.kind: variant B of endpoint ab is of kind mce, not single: "
            "a call names one of its containers, a, b"
        ]


class TestPipeline:
    """A pipeline with a multi-model container needs an artifact for each call, others take none."""

    def test_needs_one(self, paper):
        """What is missing is said on the line of the entry."""
        paper.endpoint("pipeline", paper.model("loading", container("a"), ON_DEMAND))

        assert findings(paper, entry("pipeline")) == [
            "t.yaml:3: models.m.target_model: missing; a container of endpoint pipeline loads the "
            "artifact that a call names"
        ]

    def test_takes_none(self, paper):
        """A key that no container would read."""
        assert findings(paper, entry("pipeline", "target_model: a-v1.tar.gz")) == [
            "t.yaml:6: models.m.target_model: no container of endpoint pipeline loads artifacts; "
            "remove the key"
        ]

    def test_has_one(self, paper):
        """And it has to be there."""
        paper.endpoint("pipeline", paper.model("loading", container("a"), ON_DEMAND))

        assert findings(paper, entry("pipeline", "target_model: a-v1.tar.gz")) == []
        (found,) = findings(paper, entry("pipeline", "target_model: c-v1.tar.gz"))
        assert "there is no artifact 'c-v1.tar.gz' under s3://models/tabular/" in found


def test_container(paper):
    """A container has to be one of the endpoint's."""
    assert findings(paper, entry("mce", "target_container_hostname: z")) == [
        "t.yaml:6: models.m.target_container_hostname: there is no container 'z' on endpoint mce; "
        "known here: a, b"
    ]


class TestArtifacts:
    """Artifacts lie under the prefix of the multi-model container."""

    def test_moved(self, paper):
        """What resembles it may be it."""
        paper.buckets["models"] = ["tabular/old/a-v1.tar.gz"]

        assert findings(paper, entry("mme", "target_model: a-v1.tar.gz")) == [
            "t.yaml:6: models.m.target_model: there is no artifact 'a-v1.tar.gz' under "
            "s3://models/tabular/; did you mean old/a-v1.tar.gz?"
        ]

    def test_listed(self, paper):
        """A listed value without an artifact is said where it is listed."""
        keys = ['target_model: "{x}-v1.tar.gz"', "parameters:", "  x:", "    one_of:"]
        listed = ["      - b", "      - c", "      - a"]

        assert findings(paper, entry("mme", *keys, *listed, name="m/{x}")) == [
            "t.yaml:11: models.m/{x}.parameters.x.one_of[1]: there is no artifact 'c-v1.tar.gz' "
            "under s3://models/tabular/; did you mean b-v1.tar.gz?"
        ]

    def test_many(self, paper):
        """So many that something else is wrong are one finding."""
        rule = f"  x: {{one_of: [{', '.join(map(str, range(100, 110)))}]}}"
        keys = ['target_model: "{x}.tar.gz"', "parameters:", rule]

        assert findings(paper, entry("mme", *keys, name="m/{x}")) == [
            "t.yaml:6: models.m/{x}.target_model: not under s3://models/tabular/: 100.tar.gz, "
            "101.tar.gz, 102.tar.gz, 103.tar.gz, 104.tar.gz and 5 more"
        ]

    @pytest.mark.parametrize(("pattern", "count"), [("[a-z]", 0), ("[0-9]", 1)])
    def test_pattern(self, paper, pattern, count):
        """A pattern needs one artifact at least."""
        keys = ['target_model: "{x}-v1.tar.gz"', "parameters:", f'  x: {{pattern: "{pattern}"}}']
        found = findings(paper, entry("mme", *keys, name="m/{x}"))

        assert len(found) == count
        assert all("t.yaml:6: models.m/{x}.target_model: there is no artifact" in f for f in found)

    def test_no_bucket(self, paper):
        """Without a bucket there are no artifacts."""
        paper.buckets.clear()

        assert findings(paper, entry("mme", TARGETS["mme"])) == [
            "t.yaml:6: models.m.target_model: the bucket models does not exist, "
            "and s3://models/tabular/ would be in it"
        ]


class TestComponent:
    """An inference component of this endpoint, in service."""

    def said(self, paper, component="c"):
        (found,) = findings(paper, entry("component", f"inference_component: {component}"))
        return found.removeprefix("t.yaml:6: models.m.inference_component: ")

    def test_missing(self, paper):
        """It has to exist."""
        assert self.said(paper, "d") == (
            "there is no inference component 'd' on endpoint component; known here: c"
        )

    def test_elsewhere(self, paper):
        """It has to be on this endpoint."""
        paper.component("c", "another")

        assert self.said(paper) == (
            "inference component c is on endpoint another, not on component"
        )

    def test_on_another_variant(self, paper):
        """A variant that is named has to be the component's own."""
        paper.endpoint("component", {"AllTraffic": None, "B": None})
        keys = ["target_variant: B", "inference_component: c"]

        assert findings(paper, entry("component", *keys)) == [
            "t.yaml:6: models.m.target_variant: inference component c is on variant AllTraffic; "
            "name that or none"
        ]

    @pytest.mark.parametrize("status", ["Creating", "Failed", "Deleting"])
    def test_out_of_service(self, paper, status):
        """It has to answer."""
        paper.component("c", "component", status)

        assert self.said(paper) == (
            f"inference component c is {status} and takes no calls; see aws sagemaker "
            "describe-inference-component --inference-component-name c"
        )

    def test_changing(self, paper):
        """It still answers."""
        paper.component("c", "component", "Updating")

        assert self.said(paper) == "warning: inference component c is Updating"

    def test_scaled_to_zero(self, paper):
        """The first call may be what brings it back."""
        paper.component("c", "component", CurrentCopyCount=0)

        assert self.said(paper) == (
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
    def test_sagemaker(self, paper, kind, operation, key, what):
        """The action is IAM's."""
        paper.denied.add(operation)
        (found,) = findings(paper, entry(kind, TARGETS[kind]))

        assert found.endswith(
            f": models.m.{key}: the {what} cannot be looked at without "
            f"{SAGEMAKER}:{operation}; until then it is not checked"
        )

    def test_s3(self, paper):
        """Listing objects has another name in IAM."""
        paper.denied.add("ListObjectsV2")

        assert findings(paper, entry("mme", TARGETS["mme"])) == [
            "t.yaml:6: models.m.target_model: the bucket models cannot be looked at without "
            "the IAM permission s3:ListBucket; until then it is not checked"
        ]

    def test_listing(self, paper):
        """A suggestion is no reason to fail; nor is a component's list, when it is there."""
        paper.denied |= {"ListEndpoints", "ListInferenceComponents"}

        assert findings(paper, entry("component", TARGETS["component"])) == []
        assert findings(paper, entry("single", endpoint="x")) == [
            "t.yaml:5: models.m.endpoint: there is no endpoint 'x' in eu-north-1"
        ]

    def test_once(self, paper):
        """A thousand entries need not repeat it."""
        paper.denied.add("ListObjectsV2")
        many = [entry("mme", TARGETS["mme"], name=f"m{number}") for number in range(10)]

        assert len(findings(paper, *many)) == 1


def test_order(paper):
    """Findings come in the order of their lines, whatever the models are called."""
    broken = [entry("single", name=name, endpoint="x") for name in ("z", "a", "m")]

    assert [found.split(":")[1] for found in findings(paper, *broken)] == ["5", "8", "11"]


def test_only_the_tables_endpoints(paper):
    """What no entry names is not read."""
    findings(paper, entry("mce", TARGETS["mce"]))

    assert paper.asked() == {"DescribeEndpoint": 1, "DescribeEndpointConfig": 1, "DescribeModel": 1}
