"""A new kind of target is one class: the gateway and every command work with it."""

import json
from dataclasses import dataclass, field

import boto3
import pytest

from chalicelib.routing.reading import file
from chalicelib.routing.targets import KINDS, Hosting, Key, MultiModelTarget, declared
from gatewayctl.command import Dependencies
from tests.support.aws_account import AwsAccount, container
from tests.support.clients import LambdaClient
from tests.support.command_line import gatewayctl
from tests.support.gateway import AWS, FixedTable, build_gateway, runtime_at
from tests.support.http_server import StubServer
from tests.support.publish_desk import Desk

TABLE = """\
version: 1
models:
  price/{city}:
    kind: explained
    endpoint: explained
    target_model: "{city}-v1.tar.gz"
    explanations: shapley
    parameters:
      city: {one_of: [austin]}
"""
ARGUMENTS = {
    "EndpointName": "explained",
    "TargetModel": "austin-v1.tar.gz",
    "EnableExplanations": "shapley",
}
CONFIG = {
    "version": "2.0",
    "app_name": "gateway",
    "stages": {"dev": {"lambda_functions": {"authorize": {"iam_policy_file": "authorize.json"}}}},
}


@dataclass(frozen=True, slots=True)
class ExplainedTarget(MultiModelTarget):
    """An artifact whose predictions come with explanations."""

    kind = "explained"
    hosting = Hosting("a container explains predictions", containers=(2, 2), is_multi_model=True)

    explanations: str = field(
        metadata=declared(Key("EnableExplanations", "explanation", "What explains predictions"))
    )


@pytest.fixture(autouse=True)
def _kind():
    """The kind is registered before the others, so that it is the one that an endpoint shows."""
    others = dict(KINDS)
    KINDS.clear()
    KINDS.update({ExplainedTarget.kind: ExplainedTarget, **others})
    yield
    del KINDS[ExplainedTarget.kind]
    assert others == KINDS


@pytest.fixture(name="sagemaker", scope="module")
def _sagemaker():
    with StubServer() as server:
        yield server


@pytest.fixture(name="run")
def _run(tmp_path, monkeypatch, sagemaker, sagemaker_local):
    """Runs a command in a project with the table, on an account with an endpoint of the kind."""
    monkeypatch.chdir(tmp_path)
    account = AwsAccount()
    account.buckets["models"] = ["tabular/austin-v1.tar.gz"]
    loader = container("loader", prefix="s3://models/tabular/")
    account.endpoint("explained", account.model("explained", container("explainer"), loader))
    account.endpoint("plain", account.model("plain", container()))
    (tmp_path / "routing.yaml").write_text(TABLE)
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(CONFIG))
    clients = []

    def connect(service, **_):
        if service in {"sagemaker", "s3"}:
            return account.connect(service)
        url = sagemaker.url if service == "sagemaker-runtime" else sagemaker_local.url
        clients.append(boto3.client(service, endpoint_url=url, **AWS))
        return clients[-1]

    def run(*arguments):
        return gatewayctl(*arguments, project=tmp_path, dependencies=Dependencies(connect))

    yield run
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("arguments", "expected_code", "expected_text"),
    [
        pytest.param(["validate"], 0, "1 model, no findings", id="validate"),
        pytest.param(
            ["validate", "--live"],
            0,
            "routing.yaml:7: models.price/{city}.explanations: warning: is not compared with the "
            "account; no check is known for EnableExplanations",
            id="validate-live",
        ),
        pytest.param(
            ["explain", "price/austin"],
            0,
            "InvokeEndpoint(EndpointName='explained', TargetModel='austin-v1.tar.gz', "
            "EnableExplanations='shapley', ContentType='application/json', Body=…)",
            id="explain",
        ),
        pytest.param(["schema"], 0, '"description": "What explains predictions"', id="schema"),
        pytest.param(["compile"], 0, "routing.json", id="compile"),
        pytest.param(["policy"], 0, "policy-dev.json", id="policy"),
        pytest.param(
            ["import"],
            0,
            "# explained: of kind explained, whose target_model and explanations import cannot "
            "find out",
            id="import",
        ),
        pytest.param(["diff"], 1, "account: endpoint plain: no entry names it", id="diff"),
        pytest.param(["prewarm"], 0, "1 model: 1 hot", id="prewarm"),
        pytest.param(["openapi"], 0, '"/predict/price/{city}": {', id="openapi"),
        pytest.param(
            [
                "keys",
                "issue",
                "--principal",
                "shop",
                "--grants",
                "price/*",
                "--secret",
                "explained",
            ],
            0,
            "gw_",
            id="keys-issue",
        ),
    ],
)
def test_command(run, arguments, expected_code, expected_text):
    """Every command works with the kind, or says what it cannot do."""
    code, out, err = run(*arguments)

    assert (code, expected_text in f"{out}{err}") == (expected_code, True), f"{out}{err}"


def test_policy(run, tmp_path):
    """The policy allows exactly the artifacts of the table."""
    run("policy", "--account", "*", "--region", "*")
    policy = json.loads((tmp_path / ".chalice" / "policy-dev.json").read_text())

    assert policy["Statement"][-1] == {
        "Effect": "Allow",
        "Action": "sagemaker:InvokeEndpoint",
        "Resource": ["arn:*:sagemaker:*:*:endpoint/explained"],
        "Condition": {"StringEquals": {"sagemaker:TargetModel": ["austin-v1.tar.gz"]}},
    }


def test_live_finding(run, tmp_path):
    """An entry of the kind is compared with its endpoint as entries of all kinds are."""
    (tmp_path / "routing.yaml").write_text(TABLE.replace("endpoint: explained", "endpoint: plain"))

    assert run("validate", "--live")[:2] == (
        1,
        "routing.yaml:4: models.price/{city}.kind: endpoint plain is of kind single, not "
        "explained: it has one container with one model\n",
    )


def test_publish(tmp_path, sagemaker_local):
    """A published table tells what changed, key by key."""
    desk = Desk(sagemaker_local, tmp_path)
    try:
        desk.publish(TABLE)
        outcome = desk.publish(TABLE.replace("shapley", "anchors"))
    finally:
        desk.close()

    assert outcome.code == 0
    assert outcome.out == "models.price/{city}.explanations: shapley → anchors\n"


def test_predict(sagemaker):
    """The gateway calls SageMaker with the arguments of the kind, also from a compiled table."""
    parsed = file.parse(TABLE.encode(), "routing.yaml")
    compiled = file.from_compiled(file.compiled(parsed), parsed.digest)
    sagemaker.reset()
    gateway = build_gateway(
        LambdaClient, runtime=runtime_at(sagemaker.url), source=FixedTable(compiled)
    )
    answer = gateway.predict("price/austin")
    (request,) = sagemaker.requests

    assert answer.status == 200
    assert request.path == "/endpoints/explained/invocations"
    assert request.sagemaker_headers["x-amzn-sagemaker-target-model"] == ["austin-v1.tar.gz"]
    assert request.sagemaker_headers["x-amzn-sagemaker-enable-explanations"] == ["shapley"]
    assert gateway.log.requests[0]["kind"] == "explained"
