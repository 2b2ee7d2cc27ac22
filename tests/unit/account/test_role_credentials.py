"""The clients of commands for another Region, and with the role of another account."""

import json

import pytest

from tests.support import sts
from tests.support.command_line import gatewayctl
from tests.support.http_server import StubServer, response
from tests.support.ports import free_port

ROLE = "arn:aws:iam::222233334444:role/inference-gateway"
TABLE = f"""\
version: 1
models:
  churn:
    kind: mme
    endpoint: tabular
    example: 1
    targets:
      here: {{target_model: a-v1.tar.gz, weight: 1}}
      there: {{target_model: a-v2.tar.gz, region: eu-west-1, role_arn: "{ROLE}"}}
    fallback: [there]
"""


class Aws:
    """STS, and a SageMaker that answers every call, or has no endpoint at all."""

    def __init__(self, server):
        self.server = server
        self.is_refused = False
        self.calls = []
        """The key and the Region of each call of SageMaker."""
        server.reply = self._reply

    def _reply(self, request):
        if b"Action=AssumeRole" in request.body:
            if self.is_refused:
                return sts.denied("not authorized")
            return sts.assumed("ROLEKEY")
        key, _, region, *_ = request.headers["Authorization"].partition("=")[2].split("/")
        self.calls.append((key, region))
        if request.path.endswith("/invocations"):
            return response(200, b"1")
        error = {"__type": "ValidationException", "message": "Could not find it"}
        return response(400, json.dumps(error).encode())


@pytest.fixture(name="aws")
def _aws(monkeypatch, tmp_path):
    (tmp_path / "routing.yaml").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    with StubServer() as server:
        sts.set_environment(monkeypatch, server.url)
        yield Aws(server)


@pytest.fixture(name="run")
def _run(aws, tmp_path):
    assert aws
    return lambda *arguments: gatewayctl(*arguments, project=tmp_path)


REFUSAL = f"{ROLE}: AWS STS answers AssumeRole with AccessDenied; check your IAM permission"


class TestPrewarm:
    """Each target is called in its Region and with its role."""

    def test_called(self, run, aws):
        """The lightest target comes first, and the role's key signs its call."""
        outcome = run("prewarm", "--at-once", "1")

        assert (outcome.code, outcome.out) == (0, "2 models: 2 hot\n")
        assert "[1/2] churn (there): hot\n[2/2] churn (here): hot\n" in outcome.err
        assert aws.calls == [("ROLEKEY", "eu-west-1"), ("OWNKEY", "us-east-1")]

    def test_data(self, run):
        """The data names the targets."""
        models = run("prewarm", "--format", "json").data["models"]

        assert [(one["path"], one["target"]) for one in models] == [
            ("churn", "there"),
            ("churn", "here"),
        ]

    def test_refused_role(self, run, aws):
        """A target whose role is refused is left out, and the others are called."""
        aws.is_refused = True
        outcome = run("prewarm")

        assert (outcome.code, outcome.out) == (0, "1 model: 1 hot\n")
        assert f"churn (there) is left out: {REFUSAL}" in outcome.err
        assert aws.calls == [("OWNKEY", "us-east-1")]


class TestLive:
    """`validate --live` reads with the same clients."""

    def test_read(self, run, aws):
        """Each endpoint is read in its Region and with its role."""
        outcome = run("validate", "--live")

        assert outcome.code == 1
        assert ("ROLEKEY", "eu-west-1") in aws.calls
        assert ("OWNKEY", "us-east-1") in aws.calls
        assert set(aws.calls) == {("ROLEKEY", "eu-west-1"), ("OWNKEY", "us-east-1")}

    def test_refused_role(self, run, aws):
        """A refused role is a note, and no finding."""
        aws.is_refused = True
        outcome = run("validate", "--live")

        assert "targets.there" not in outcome.out
        assert f"not checked: churn (there): {REFUSAL}" in outcome.err

    def test_sts_away(self, run, monkeypatch):
        """If STS does not answer, the command ends as for every service of AWS."""
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{free_port()}")
        outcome = run("validate", "--live")

        assert outcome.code == 3
        assert "AWS STS cannot be reached" in outcome.err

    def test_no_credentials(self, run, monkeypatch, tmp_path):
        """Without credentials the command says so, for a table with nothing but roles."""
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        only = f'kind: single, endpoint: e, role_arn: "{ROLE}"'
        (tmp_path / "routing.yaml").write_text(f"version: 1\nmodels: {{m: {{{only}}}}}\n")
        outcome = run("validate", "--live")

        assert outcome.code == 3
        assert "AWS STS cannot be reached (NoCredentialsError); check your credentials" in (
            outcome.err
        )
