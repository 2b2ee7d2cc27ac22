"""What the function may call, by IAM, is what the routing table calls."""

import json
from itertools import product
from pathlib import Path

import pytest

from chalicelib.settings import SETTINGS
from chalicelib.table import file

ROOT = Path(__file__).parents[2]
CONDITION_KEYS = {
    "TargetModel": "sagemaker:TargetModel",
    "TargetContainerHostname": "sagemaker:TargetContainerHostname",
}


def called():
    """The arguments of every call that the table can lead to."""
    for model in file.load(ROOT / "routing.yaml").models():
        names = [parameter.name for parameter in model.parameters]
        choices = [parameter.rule.described()["one_of"] for parameter in model.parameters]
        for values in product(*choices):
            yield model.target.filled(dict(zip(names, values, strict=True))).invoke_args()


def needed(arguments):
    """What one call needs: resource, condition key and value; a component is one more resource."""
    endpoint = f"endpoint/{arguments['EndpointName']}"
    component = arguments.get("InferenceComponentName")
    if component is not None:
        yield f"inference-component/{component}", None, None
    conditions = [
        (key, arguments[name]) for name, key in CONDITION_KEYS.items() if name in arguments
    ]
    for key, value in conditions or [(None, None)]:
        yield endpoint, key, value


def allowed(statement):
    """What one statement allows, in the same form."""
    conditions = statement.get("Condition", {}).get("StringEquals", {})
    pairs = [(key, value) for key, values in conditions.items() for value in values]
    for arn in statement["Resource"]:
        prefix, _, resource = arn.rpartition(":")
        assert prefix == "arn:*:sagemaker:*:*"
        for key, value in pairs or [(None, None)]:
            yield resource, key, value


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_policy_names_what_the_table_names(stage):
    """Exactly the table's endpoints, artifacts, containers and components, and otherwise logs."""
    policy = json.loads((ROOT / f".chalice/policy-{stage}.json").read_bytes())
    logs, *statements = policy["Statement"]

    assert all(action.startswith("logs:") for action in logs["Action"])
    assert {statement["Action"] for statement in statements} == {"sagemaker:InvokeEndpoint"}
    assert {one for statement in statements for one in allowed(statement)} == {
        one for arguments in called() for one in needed(arguments)
    }


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_authorizer_reads_one_secret(stage):
    """The one with the keys, by the name that is the default, and nothing else; and logs."""
    config = json.loads((ROOT / ".chalice/config.json").read_bytes())
    authorizer = config["stages"][stage]["lambda_functions"]["authorize"]
    policy = json.loads((ROOT / ".chalice" / authorizer["iam_policy_file"]).read_bytes())
    logs, keys = policy["Statement"]
    (default,) = [one.default for one in SETTINGS if one.variable == "GATEWAY_KEYS_SECRET"]

    assert all(action.startswith("logs:") for action in logs["Action"])
    assert keys["Action"] == "secretsmanager:GetSecretValue"
    # Secrets Manager adds a hyphen and six characters to a secret's name in its ARN.
    assert keys["Resource"] == f"arn:*:secretsmanager:*:*:secret:{default}-??????"
