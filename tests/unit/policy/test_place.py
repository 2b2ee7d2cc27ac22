"""`gatewayctl policy`: whose resources the files allow, and stages that share a secret."""

import json

import pytest

from tests.unit.policy.project import (
    ACCOUNT,
    AUTHORIZER,
    HANDLER,
    SECRET,
    credentials,
    nobody_asks,
)

SECRETS = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret"
ELSEWHERE = "arn:aws:secretsmanager:eu-west-1:210987654321:secret"


class TestPlace:
    """Where the partition, the region and the account come from."""

    def test_credentials(self, project):
        """What neither an option nor the file names comes from the credentials, and is printed."""
        outcome = project.run(credentials=credentials(f"arn:aws-cn:sts::{ACCOUNT}:user/me"))

        place = f"partition aws-cn, region eu-west-1, account {ACCOUNT}"
        assert f"{HANDLER}: every ARN has what your credentials say: {place}\n" in outcome.err
        assert "leaves open" not in outcome.err
        for file in (HANDLER, AUTHORIZER):
            places = {(arn.split(":")[1], *arn.split(":")[3:5]) for arn in project.arns(file)}
            assert places == {("aws-cn", "eu-west-1", ACCOUNT)}

    def test_no_credentials(self, project):
        """Without credentials the command works, and says what it left open."""
        outcome = project.run()

        assert outcome.code == 0
        assert f"{HANDLER}: every ARN has what your credentials say: region eu-west-1\n" in (
            outcome.err
        )
        assert (
            f"{HANDLER}: every ARN leaves open, as *: partition, account (AWS STS cannot be "
            "reached (NoCredentialsError); check your credentials: aws sts get-caller-identity); "
            "to name it: --partition --account\n"
        ) in outcome.err

    def test_order(self, project):
        """An option comes before the file, and the file before the credentials."""
        project.run("--account", ACCOUNT, "--region", "eu-north-1")
        outcome = project.run(credentials=nobody_asks)

        assert outcome.code == 0
        assert f"arn:*:logs:eu-north-1:{ACCOUNT}:" in project.arns()[0]

        project.run("--account", "*", "--region", "*", credentials=nobody_asks)
        assert "arn:*:logs:*:*:" in project.arns()[0]

    def test_odd_answers(self, project):
        """What cannot be part of a policy's ARN is left open."""
        project.run(credentials=credentials("arn:moto:sts::000:user/me", "aws-global"))

        assert "arn:*:logs:*:*:" in project.arns()[0]

    @pytest.mark.parametrize("written", ["*", ACCOUNT])
    def test_check_asks_nobody(self, project, written):
        """--check compares with the place in the file, so every machine has the same result."""
        project.run("--account", written, "--region", "eu-west-1")

        assert project.run("--check", credentials=nobody_asks).code == 0


class TestSharedSecret:
    """Stages whose gateways would accept each other's keys."""

    def configure(self, project, dev, **others):
        """Give each stage a value for the setting; None is no value."""
        project.configure({} if dev is None else {SECRET: dev})
        path = project.folder / ".chalice/config.json"
        config = json.loads(path.read_text())
        for name, value in others.items():
            variables = {} if value is None else {SECRET: value}
            config["stages"][name] = {"environment_variables": variables}
        path.write_text(json.dumps(config))

    @pytest.mark.parametrize("arguments", [[], ["--check"]])
    @pytest.mark.parametrize(
        ("dev", "staging"),
        [
            pytest.param("a/keys", "a/keys", id="copied"),
            pytest.param(None, None, id="default"),
            pytest.param(None, "inference-gateway/keys", id="default-by-name"),
            pytest.param("a/keys", f"{SECRETS}:a/keys-AbC123", id="name-and-arn"),
            pytest.param(f"{SECRETS}:a/keys", f"{SECRETS}:a/keys-AbC123", id="parts-of-an-arn"),
        ],
    )
    def test_refused(self, project, arguments, dev, staging):
        """Two stages with one secret are refused, in writing and in --check."""
        self.configure(project, dev, staging=staging)

        outcome = project.run(*arguments)

        assert (outcome.code, outcome.out) == (1, "")
        assert "gatewayctl policy: the stages dev and staging share the secret " in outcome.err
        assert project.written() == []

    @pytest.mark.parametrize(
        ("dev", "staging"),
        [
            pytest.param("gateway/dev/keys", "gateway/staging/keys", id="own-names"),
            pytest.param("keys", "keys-abcdef", id="a-name-like-an-arns-end"),
            pytest.param("", "", id="no-keys"),
            pytest.param(f"{SECRETS}:keys", f"{ELSEWHERE}:keys", id="accounts"),
            pytest.param("keys", "not a name", id="another-mistake"),
        ],
    )
    def test_accepted(self, project, dev, staging):
        """Stages with secrets of their own are fine; the stage local does not count."""
        self.configure(project, dev, staging=staging, local=dev)

        assert project.run().code == 0
