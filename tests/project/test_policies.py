"""The policies in .chalice/ are those that the routing table needs, and keep stages apart."""

import json

import pytest

from chalicelib.auth.credentials import BadCredential
from chalicelib.auth.schemes import schemes
from chalicelib.settings import Settings
from deployment.fragment import environment_of
from gatewayctl.command import Dependencies
from gatewayctl.policy.functions import functions_of
from tests.faults.rows import row
from tests.support.command_line import gatewayctl
from tests.support.iam import allows
from tests.support.paths import ROOT

CONFIG = json.loads((ROOT / ".chalice/config.json").read_bytes())
STAGES = ["dev", "prod"]
DEPLOYED = pytest.mark.parametrize("stage", STAGES)
FUNCTIONS = {
    (stage, kind): function
    for stage in STAGES
    for kind, function in functions_of(stage, ROOT)._asdict().items()
    if function is not None
}
EVERY_FUNCTION = pytest.mark.parametrize("which", FUNCTIONS, ids="-".join)


@DEPLOYED
def test_policies_are_current(stage, monkeypatch):
    """The files are up to date."""
    monkeypatch.chdir(ROOT)
    outcome = gatewayctl("policy", "--check", "--stage", stage, project=ROOT)

    assert outcome.code == 0, outcome.out


@DEPLOYED
def test_chalice_takes_them(stage):
    """Chalice uses these files, and a different one for each function."""
    policies = CONFIG["stages"][stage]
    authorizer = policies["lambda_functions"]["authorize"]["iam_policy_file"]

    assert CONFIG["autogen_policy"] is False
    assert (ROOT / ".chalice" / policies["iam_policy_file"]).is_file()
    assert (ROOT / ".chalice" / authorizer).is_file()
    assert policies["iam_policy_file"] != authorizer


def allowed(which, action, service, resource):
    """Whether the committed policy of a function allows an action."""
    policy = json.loads((ROOT / FUNCTIONS[which].policy).read_bytes())
    return allows(policy, action, f"arn:aws:{service}:eu-west-1:123456789012:{resource}")


@row("L11")
@pytest.mark.parametrize("action", ["PutLogEvents", "CreateLogStream", "CreateLogGroup"])
@EVERY_FUNCTION
def test_own_log_group(which, action):
    """A function may write to its own log group, and to no other function's."""
    writable = [
        other
        for other, function in FUNCTIONS.items()
        if allowed(which, f"logs:{action}", "logs", f"log-group:{function.log_group}:log-stream:s")
    ]

    assert writable == [which]


@row("K6")
@EVERY_FUNCTION
def test_own_secret(which):
    """An authorizer may read the secret of its own stage; a handler reads no secret."""
    stage, kind = which
    readable = [
        other
        for other in STAGES
        for secret in (f"secret:{Settings.from_env(environment_of(other)).keys_secret}-Ab12Cd",)
        if allowed(which, "secretsmanager:GetSecretValue", "secretsmanager", secret)
    ]

    assert readable == ([stage] if kind == "authorizer" else [])


@pytest.fixture(name="keys")
def _keys(sagemaker_local, monkeypatch):
    """A key for everything by stage, made as a user makes it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", sagemaker_local.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = sagemaker_local.client("secretsmanager")
    connection = Dependencies(lambda _: client)
    order = ("keys", "issue", "--principal", "me", "--grants", "*", "--stage")
    yield {
        one: gatewayctl(*order, one, project=ROOT, dependencies=connection).key for one in STAGES
    }
    for stage in STAGES:
        name = f"inference-gateway/{stage}/keys"
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    client.close()


@row("K6")
@DEPLOYED
def test_key_of_one_stage(stage, keys):
    """A key that `gatewayctl keys` makes for one stage opens that stage and no other."""
    assert [other for other in STAGES if is_accepted(keys[stage], other)] == [stage]


def is_accepted(key, stage):
    """Whether the authorizer of a stage, with the stage's settings, accepts a key."""
    settings = Settings.from_env(environment_of(stage))
    try:
        schemes(settings).api_keys.authenticate(key)
    except BadCredential:
        return False
    return True
