"""A table compared with an account: the findings of `validate --live` and `diff`.

One finding of each sort is in tests/integration/test_live.py, on a local SageMaker. Here are the
states and the permissions that a local SageMaker does not have.
"""

import pytest

from chalicelib.routing.reading import document
from chalicelib.routing.targets import KINDS
from gatewayctl.account.findings import compared
from gatewayctl.commands.diff import unnamed_in
from gatewayctl.tables import TableFile
from tests.support.aws_account import container

PREFIX = "s3://models/tabular/"
LOADER = container("loader", prefix=PREFIX)

TARGETS = {
    "single": "",
    "mme": "target_model: a-v1.tar.gz",
    "mce": "target_container_hostname: a",
    "pipeline": "",
    "component": "inference_component: c",
    "async": "",
}


@pytest.fixture(name="account")
def _account(account):
    """An account with an endpoint of every kind."""
    account.buckets["models"] = ["tabular/a-v1.tar.gz", "tabular/b-v1.tar.gz"]
    account.endpoint("single", account.model("single", container()))
    account.endpoint("mme", account.model("mme", LOADER))
    account.endpoint("mce", account.model("mce", container("a"), container("b"), mode="Direct"))
    account.endpoint("pipeline", account.model("pipeline", container("a"), container("b")))
    account.endpoint("component")
    account.component("c", "component")
    account.endpoint(
        "async", account.model("async", container()), AsyncInferenceConfig={"OutputConfig": {}}
    )
    return account


def entry(kind, *keys, name="m", endpoint=None):
    """An entry of one kind, as YAML."""
    lines = [f"kind: {kind}", f"endpoint: {endpoint or kind}", *filter(None, keys)]
    return f"  {name}:\n" + "".join(f"    {line}\n" for line in lines)


def table_of(*entries):
    data = f"version: 1\nmodels:\n{''.join(entries)}".encode()
    return TableFile("t.yaml", data, document.parse(data, "t.yaml"))


def findings(account, *entries):
    return [str(one) for one in compared(table_of(*entries), account.accounts()).problems]


@pytest.mark.parametrize("declared", KINDS)
@pytest.mark.parametrize("actual", KINDS)
def test_kind(account, declared, actual):
    """An entry of another kind than its endpoint has one finding; a correct one has none."""
    found = findings(account, entry(declared, TARGETS[declared], endpoint=actual))
    if declared == actual:
        assert found == []
    else:
        start = f"t.yaml:4: models.m.kind: endpoint {actual} is of kind {actual}, not {declared}: "
        assert len(found) == 1
        assert found[0].startswith(start)


TAKES_NO_CALLS = (
    "endpoint single is {status} and takes no calls; "
    "see aws sagemaker describe-endpoint --endpoint-name single"
)
CHANGES = "warning: endpoint single is {status}, so these findings may not hold when it is done"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        *((status, CHANGES) for status in ("Updating", "SystemUpdating", "RollingBack")),
        *((status, TAKES_NO_CALLS) for status in ("Creating", "Failed", "OutOfService")),
    ],
)
def test_status_of_an_endpoint(account, status, text):
    """An endpoint that is updated still answers; one that is not in service does not."""
    account.endpoints["single"]["EndpointStatus"] = status

    assert findings(account, entry("single")) == [
        f"t.yaml:5: models.m.endpoint: {text.format(status=status)}"
    ]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("Updating", "warning: inference component c is Updating"),
        (
            "Failed",
            "inference component c is Failed and takes no calls; see aws sagemaker "
            "describe-inference-component --inference-component-name c",
        ),
    ],
)
def test_status_of_a_component(account, status, text):
    """The same holds for an inference component."""
    account.component("c", "component", status)

    assert findings(account, entry("component", TARGETS["component"])) == [
        f"t.yaml:6: models.m.inference_component: {text}"
    ]


def test_variant_of_a_component(account):
    """If the entry names a variant, the component has to be on it."""
    account.endpoint("component", {"AllTraffic": None, "B": None})

    assert findings(account, entry("component", "target_variant: B", TARGETS["component"])) == [
        "t.yaml:6: models.m.target_variant: inference component c is on variant AllTraffic; "
        "name that or none"
    ]


def test_variants(account):
    """If the entry names no variant, every variant has to be of its kind."""
    account.endpoint("ab", {"A": "single", "B": "mce"})

    assert findings(account, entry("single", "target_variant: A", endpoint="ab")) == []
    assert findings(account, entry("single", endpoint="ab")) == [
        "t.yaml:4: models.m.kind: variant B of endpoint ab is of kind mce, not single: "
        "a call names one of its containers, a, b"
    ]


def test_artifact_of_a_pipeline(account):
    """An entry names an artifact if and only if a container of the pipeline loads artifacts."""
    assert findings(account, entry("pipeline", "target_model: a-v1.tar.gz")) == [
        "t.yaml:6: models.m.target_model: no container of endpoint pipeline loads artifacts; "
        "remove the key"
    ]
    account.endpoint("pipeline", account.model("loading", container("a"), LOADER))
    assert findings(account, entry("pipeline")) == [
        "t.yaml:3: models.m.target_model: missing; a container of endpoint pipeline loads the "
        "artifact that a call names"
    ]
    assert findings(account, entry("pipeline", "target_model: a-v1.tar.gz")) == []
    (found,) = findings(account, entry("pipeline", "target_model: c-v1.tar.gz"))
    assert "there is no artifact 'c-v1.tar.gz' under s3://models/tabular/" in found


@pytest.mark.parametrize(
    ("prefix", "name", "advice"),
    [
        ("s3://models/tabular/", "/a-v1.tar.gz", "ends with a slash: target_model must not begin"),
        ("s3://models/tabular", "a-v1.tar.gz", "has no trailing slash: target_model must begin"),
        ("s3://models", "tabular/a-v1.tar.gz", "has no trailing slash: target_model must begin"),
        ("s3://models/tabular", "/c-v1.tar.gz", ""),
    ],
)
def test_slash_between_prefix_and_artifact(account, prefix, name, advice):
    """A finding about a missing artifact says if the slash is missing, or is there twice."""
    account.endpoint("mme", account.model("open", container("l", prefix=prefix)))
    (found,) = findings(account, entry("mme", f"target_model: {name}"))

    assert f"there is no artifact '{name}' under {prefix}; " in found
    assert found.endswith(f" (the prefix {advice} with /)") if advice else "(the" not in found


def test_many_missing_artifacts(account):
    """Many missing artifacts of one entry are one finding."""
    rule = f"  x: {{one_of: [{', '.join(map(str, range(100, 110)))}]}}"
    keys = ['target_model: "{x}.tar.gz"', "parameters:", rule]

    assert findings(account, entry("mme", *keys, name="m/{x}")) == [
        "t.yaml:6: models.m/{x}.target_model: not under s3://models/tabular/: 100.tar.gz, "
        "101.tar.gz, 102.tar.gz, 103.tar.gz, 104.tar.gz and 5 more"
    ]


class TestPermissions:
    """What a missing permission hides is a finding that names the IAM action."""

    @pytest.mark.parametrize(
        ("kind", "operation", "place", "what"),
        [
            ("single", "DescribeEndpoint", "5: models.m.endpoint", "endpoint single"),
            (
                "single",
                "DescribeEndpointConfig",
                "5: models.m.endpoint",
                "endpoint configuration single",
            ),
            ("single", "DescribeModel", "5: models.m.endpoint", "model single"),
            (
                "component",
                "DescribeInferenceComponent",
                "6: models.m.inference_component",
                "inference component c",
            ),
            ("mme", "ListObjectsV2", "6: models.m.target_model", "bucket models"),
        ],
    )
    def test_denied(self, account, kind, operation, place, what):
        """The finding is on the key that needs the permission."""
        account.denied.add(operation)
        action = {"ListObjectsV2": "s3:ListBucket"}.get(operation, f"sagemaker:{operation}")

        assert findings(account, entry(kind, TARGETS[kind])) == [
            f"t.yaml:{place}: the {what} cannot be read without the IAM permission {action}; "
            "until then it is not checked"
        ]

    def test_lists(self, account):
        """Without the permission to list, only a suggestion is missing."""
        account.denied |= {"ListEndpoints", "ListInferenceComponents"}

        assert findings(account, entry("component", TARGETS["component"])) == []
        assert findings(account, entry("single", endpoint="x")) == [
            "t.yaml:5: models.m.endpoint: there is no endpoint 'x' in eu-north-1"
        ]

    def test_once(self, account):
        """Of many entries that need the permission, only the first has the finding."""
        account.denied.add("ListObjectsV2")
        many = [entry("mme", TARGETS["mme"], name=f"m{number}") for number in range(10)]

        assert len(findings(account, *many)) == 1


def test_order(account):
    """Findings are in the order of their lines, not of the models' names."""
    broken = [entry("single", name=name, endpoint="x") for name in ("z", "a", "m")]

    assert [found.split(":")[1] for found in findings(account, *broken)] == ["5", "8", "11"]


def test_only_the_endpoints_of_the_table(account):
    """An endpoint that no entry names is not read."""
    findings(account, entry("mce", TARGETS["mce"]))

    described = ("DescribeEndpoint", "DescribeEndpointConfig", "DescribeModel")
    assert account.operations() == dict.fromkeys(described, 1)


class TestUnnamed:
    """What the account offers and no entry names."""

    def unnamed(self, account, *entries):
        found, unread = unnamed_in(table_of(*entries).table, account.reader())
        return [str(one) for one in (*found, *unread) if "endpoint mme" in str(one) or unread]

    def test_endpoint(self, account):
        """An endpoint is reported if `import` would make an entry of it, whatever is on it."""
        for number in range(250):
            account.endpoint(f"e-{number:03}", "single")
        account.endpoint("e-empty")
        account.endpoint("e-late", "single", EndpointStatus="Creating")
        table = table_of(entry("mme", TARGETS["mme"])).table
        found, _ = unnamed_in(table, account.reader(), "e-*")

        assert list(map(str, found)) == [
            "endpoint mme: artifact b-v1.tar.gz",
            *(f"endpoint e-{number:03}" for number in range(250)),
        ] or set(map(str, found)) == {
            "endpoint mme: artifact b-v1.tar.gz",
            *(f"endpoint e-{number:03}" for number in range(250)),
        }

    def test_pattern(self, account):
        """An entry with a pattern names all artifacts that the pattern admits."""
        keys = ['target_model: "{x}-v1.tar.gz"', "parameters:", '  x: {pattern: "[a]"}']

        assert self.unnamed(account, entry("mme", *keys, name="m/{x}")) == [
            "endpoint mme: artifact b-v1.tar.gz"
        ]

    def test_shared_prefix(self, account):
        """An artifact of several endpoints is named by an entry of one of them."""
        account.endpoint("gpu", "mme")
        other = entry("mme", "target_model: b-v1.tar.gz", name="n", endpoint="gpu")

        assert self.unnamed(account, entry("mme", TARGETS["mme"]), other) == []

    def test_prefix_without_a_slash(self, account):
        """Objects beside the folder of a prefix are not reported."""
        account.buckets["models"].append("tabular-old/c.tar.gz")
        account.endpoint("mme", account.model("open", container("l", prefix=PREFIX.rstrip("/"))))

        assert self.unnamed(account, entry("mme", "target_model: /a-v1.tar.gz")) == [
            "endpoint mme: artifact /b-v1.tar.gz"
        ]

    def test_object_that_is_no_artifact(self, account):
        """An object that no call can name is not reported."""
        account.buckets["models"] = ["tabular/a-v1.tar.gz", "tabular/read me.txt"]

        assert self.unnamed(account, entry("mme", TARGETS["mme"])) == []

    def test_denied(self, account):
        """Lists that cannot be read are reported, because there may be more."""
        account.denied |= {"ListEndpoints", "ListInferenceComponents"}

        assert self.unnamed(account, entry("component", TARGETS["component"])) == [
            "the list of endpoints cannot be read without "
            "the IAM permission sagemaker:ListEndpoints",
            "the list of the inference components of endpoint component cannot be read without "
            "the IAM permission sagemaker:ListInferenceComponents",
        ]
