"""The statements of the two policies."""

import json

import pytest
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from chalicelib.settings import S3Location
from gatewayctl.policy import documents
from gatewayctl.policy.documents import invoke, read_keys, read_table, with_log_group
from gatewayctl.policy.functions import Function
from gatewayctl.policy.needs import call_groups, escaped
from gatewayctl.policy.place import Place
from gatewayctl.report import Refused
from tests.support.iam import allows
from tests.unit.policy.tables import table_of

HANDLER = Function("gateway-dev", ".chalice/policy-dev.json")
PLACE = Place("aws-cn", "cn-north-1", "123456789012")
OUR_SECRETS = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret"
SECRETS = "arn:aws:secretsmanager:eu-west-1:210987654321:secret"
ARN = "arn:aws-cn:sagemaker:cn-north-1:123456789012:endpoint/{}".format


def statements(*entries):
    """Return resources and conditions of the statements that allow the calls."""
    made = invoke(call_groups(table_of(entries).models()), PLACE)
    assert {(one["Effect"], one["Action"]) for one in made} == {
        ("Allow", "sagemaker:InvokeEndpoint")
    }
    return [(one["Resource"], one.get("Condition", {})) for one in made]


def listed(value):
    return [value] if isinstance(value, str) else value


def entry(kind, endpoint, **keys):
    return {"kind": kind, "endpoint": endpoint} | keys


def mme(endpoint, target_model, **parameters):
    rules = {"parameters": parameters} if parameters else {}
    return entry("mme", endpoint, target_model=target_model, **rules)


class TestInvoke:
    """Which resources share a statement."""

    def test_without_a_target(self):
        """Endpoints and components without a target share a statement without a condition."""
        assert statements(
            entry("single", "b"),
            entry("pipeline", "a"),
            entry("component", "c", inference_component="d"),
            entry("single", "b", target_variant="green"),
        ) == [
            (
                [
                    ARN("a"),
                    ARN("b"),
                    ARN("c"),
                    ARN("c").replace("endpoint/c", "inference-component/d"),
                ],
                {},
            )
        ]

    def test_with_a_target(self):
        """Endpoints with different targets have statements of their own."""
        assert statements(
            mme("b", "v2"),
            mme("b", "v1"),
            mme("a", "v3"),
            entry("mce", "c", target_container_hostname="sk"),
        ) == [
            ([ARN("a")], {"StringEquals": {"sagemaker:TargetModel": ["v3"]}}),
            ([ARN("b")], {"StringEquals": {"sagemaker:TargetModel": ["v1", "v2"]}}),
            ([ARN("c")], {"StringEquals": {"sagemaker:TargetContainerHostname": ["sk"]}}),
        ]

    def test_with_the_same_targets(self):
        """Endpoints with the same targets share a statement."""
        assert statements(mme("a", "v1"), mme("b", "v1"), mme("c", "v2")) == [
            ([ARN("a"), ARN("b")], {"StringEquals": {"sagemaker:TargetModel": ["v1"]}}),
            ([ARN("c")], {"StringEquals": {"sagemaker:TargetModel": ["v2"]}}),
        ]

    def test_with_a_slash_at_the_beginning(self):
        """A condition holds the target as the gateway sends it."""
        assert statements(mme("a", "/v1"), mme("a", "/{x}/v2", x={"pattern": "[a-z]"})) == [
            ([ARN("a")], {"StringEquals": {"sagemaker:TargetModel": ["/v1"]}}),
            ([ARN("a")], {"StringLike": {"sagemaker:TargetModel": ["/*/v2"]}}),
        ]

    def test_with_a_pattern(self):
        """Patterns have a statement of their own, with `StringLike`."""
        assert statements(mme("a", "v1"), mme("a", "{x}/v1", x={"pattern": "[a-z]"})) == [
            ([ARN("a")], {"StringEquals": {"sagemaker:TargetModel": ["v1"]}}),
            ([ARN("a")], {"StringLike": {"sagemaker:TargetModel": ["*/v1"]}}),
        ]

    def test_with_and_without_a_target(self):
        """If an endpoint has calls with and without a target, the latter must have none."""
        assert statements(mme("a", "v1"), entry("pipeline", "a"), entry("single", "b")) == [
            ([ARN("b")], {}),
            ([ARN("a")], {"Null": {"sagemaker:TargetModel": "true"}}),
            ([ARN("a")], {"StringEquals": {"sagemaker:TargetModel": ["v1"]}}),
        ]

    def test_with_two_sorts_of_target(self):
        """If an endpoint has calls with two arguments, each call must have only one of them."""
        container = entry("mce", "a", target_container_hostname="sk")

        assert statements(mme("a", "v1"), container) == [
            (
                [ARN("a")],
                {
                    "StringEquals": {"sagemaker:TargetContainerHostname": ["sk"]},
                    "Null": {"sagemaker:TargetModel": "true"},
                },
            ),
            (
                [ARN("a")],
                {
                    "StringEquals": {"sagemaker:TargetModel": ["v1"]},
                    "Null": {"sagemaker:TargetContainerHostname": "true"},
                },
            ),
        ]

    def test_lists(self):
        """A list is all of its values, without those that together are too long for SageMaker."""
        lists = mme("a", "{x}/v{y}", x={"one_of": ["c", "d"]}, y={"one_of": ["1", "2"]})
        long = mme("b", "/".join(["{x}"] * 17), x={"one_of": ["y", "x" * 63]})

        assert [condition["StringEquals"] for _, condition in statements(lists, long)] == [
            {"sagemaker:TargetModel": ["c/v1", "c/v2", "d/v1", "d/v2"]},
            {"sagemaker:TargetModel": ["/".join("y" * 17)]},
        ]

    def test_too_many_artifacts(self):
        """An entry whose lists make far too many artifacts is refused by name."""
        values = [str(number) for number in range(400)]
        entry_of_many = mme("a", "{x}/{y}", x={"one_of": values}, y={"one_of": values})

        with pytest.raises(Refused, match=r"models\.m0/\{x\}/\{y\}: its lists make 160,000 art"):
            statements(entry_of_many)

    def test_both_spellings(self):
        """A name with capitals is allowed as it is written and in lower case."""
        component = entry("component", "Shared", inference_component="Part")

        assert statements(component, mme("Many", "v1"), mme("many", "v2")) == [
            (
                [
                    ARN("Shared"),
                    ARN("shared"),
                    ARN("").replace("endpoint/", "inference-component/Part"),
                    ARN("").replace("endpoint/", "inference-component/part"),
                ],
                {},
            ),
            (
                [ARN("Many"), ARN("many")],
                {"StringEquals": {"sagemaker:TargetModel": ["v1", "v2"]}},
            ),
        ]


class TestRun:
    """What Lambda does for a function."""

    @pytest.mark.parametrize(
        ("function", "services"),
        [
            (HANDLER, {"logs"}),
            (HANDLER._replace(in_vpc=True), {"logs", "ec2"}),
            (HANDLER._replace(traced=True), {"logs", "xray"}),
        ],
    )
    def test_actions(self, function, services):
        """Both functions write logs; a VPC and tracing need more actions."""
        for made in (
            documents.handler_policy([], function, PLACE).document,
            documents.authorizer_policy(None, function, PLACE),
        ):
            actions = [action for one in made["Statement"] for action in listed(one["Action"])]
            assert {action.split(":")[0] for action in actions} == services

    def test_log_group(self):
        """The policy allows the function's own log group alone; Lambda may create it if needed."""
        policy = documents.authorizer_policy(None, HANDLER, PLACE)

        def may(policy, action, group):
            arn = f"arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/{group}"
            return allows(policy, f"logs:{action}", arn)

        assert may(policy, "PutLogEvents", "gateway-dev:log-stream:2030/01/01/[$LATEST]0")
        assert may(policy, "CreateLogStream", "gateway-dev:log-stream:")
        assert may(policy, "CreateLogGroup", "gateway-dev:log-stream:")
        assert not may(policy, "PutLogEvents", "gateway-dev-authorize:log-stream:s")
        assert not may(with_log_group(policy), "CreateLogGroup", "gateway-dev:log-stream:")
        assert may(with_log_group(policy), "PutLogEvents", "gateway-dev:log-stream:s")


class TestKeys:
    """The authorizer and its secret."""

    @pytest.mark.parametrize(
        ("secret", "arn"),
        [
            ("inference-gateway/keys", f"{OUR_SECRETS}:inference-gateway/keys-??????"),
            ("my-secret", f"{OUR_SECRETS}:my-secret-??????"),
            (f"{SECRETS}:keys-AbC123", f"{SECRETS}:keys-AbC123"),
            (f"{SECRETS}:keys", f"{SECRETS}:keys-??????"),
        ],
        ids=["name", "name-that-looks-complete", "arn", "arn-without-its-end"],
    )
    def test_secret(self, secret, arn):
        """The authorizer may read one secret, whose ARN ends in six characters."""
        assert read_keys(secret, PLACE)["Resource"] == arn

    def test_no_keys(self):
        """Without API keys, the authorizer reads nothing."""
        assert [
            one["Sid"] for one in documents.authorizer_policy(None, HANDLER, PLACE)["Statement"]
        ] == [
            "WriteLogs",
            "NewLogGroup",
        ]


class TestTable:
    """The handler and a table in S3."""

    @pytest.mark.parametrize(
        ("key", "compiled"),
        [
            ("routing.yaml", "routing.json"),
            ("a/b.c/routing", "a/b.c/routing.json"),
            ("a.b/r.yml", "a.b/r.json"),
        ],
    )
    def test_objects(self, key, compiled):
        """The handler may read the table's object and its compiled form."""
        assert read_table(S3Location("tables", key), PLACE)["Resource"] == [
            f"arn:aws-cn:s3:::tables/{key}",
            f"arn:aws-cn:s3:::tables/{compiled}",
        ]

    def test_in_the_policy(self):
        """Only a table in S3 needs a permission."""
        location = S3Location("tables", "r*.yaml")
        policy = documents.handler_policy([], HANDLER, PLACE, location).document

        def reads(key):
            return allows(policy, "s3:GetObject", f"arn:aws-cn:s3:::tables/{key}", {})

        assert [reads("r*.yaml"), reads("r*.json"), reads("r1.yaml"), reads("other")] == [
            True,
            True,
            False,
            False,
        ]
        assert len(documents.handler_policy([], HANDLER, PLACE).document["Statement"]) == 2


def test_what_means_something_to_iam():
    """Characters that mean something to IAM are escaped."""
    assert escaped("a*b?c${d}$") == "a${*}b${?}c${$}{d}${$}"


def test_iam_takes_it():
    """moto's check of a policy's grammar accepts both policies."""
    entries = [mme("a", "v1"), entry("pipeline", "a"), mme("b", "{x}", x={"pattern": "a"})]
    handler = documents.handler_policy(
        table_of(entries).models(), HANDLER, Place(), S3Location("tables", "r$.yaml")
    )

    for made in (handler.document, documents.authorizer_policy("keys", HANDLER, PLACE)):
        IAMPolicyDocumentValidator(json.dumps(made)).validate()


def test_the_order_of_the_table_does_not_matter():
    """The same models make the same file, byte for byte."""
    entries = [mme("a", "v1"), mme("a", "v2"), entry("single", "b"), entry("pipeline", "a")]
    files = set()
    for some in (entries, entries[::-1]):
        models = table_of(some).models()
        files.add(documents.as_file(documents.handler_policy(models, HANDLER, PLACE).document))

    assert len(files) == 1
