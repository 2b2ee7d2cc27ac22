"""`gatewayctl policy`: the two files, and the reasons for which they are not written."""

import json
import re

import pytest

from gatewayctl.policy import documents
from tests.support.iam import allows
from tests.unit.policy.project import ACCOUNT, AUTHORIZE, AUTHORIZER, HANDLER

PATTERN = (
    f"{HANDLER}: allows every artifact like {{city}}/*.tar.gz of endpoint housing "
    "(in the table of price/{city}/{year}, year is 20[0-9]{2})\n"
)


def many(number):
    """Return a table whose policy is too long for IAM."""
    models = {
        f"m{one}": {"kind": "mme", "endpoint": "many", "target_model": f"houston/{one:04}.tar.gz"}
        for one in range(number)
    }
    return json.dumps({"version": 1, "models": models})


class TestWrite:
    """Without `--check`."""

    def test_two_files(self, project):
        """Each function has a file; what the handler's allows beyond the table is printed."""
        outcome = project.run()

        assert (outcome.code, outcome.out) == (0, f"{HANDLER}\n{AUTHORIZER}\n")
        assert outcome.err.startswith(PATTERN)
        assert outcome.err.endswith(" of 10,240 characters, 0 folds\n")
        assert project.written() == ["policy-dev-authorize.json", "policy-dev.json"]
        assert project.arns(AUTHORIZER) == [
            *["arn:*:logs:eu-west-1:*:log-group:/aws/lambda/gw-dev-authorize:*"] * 2,
            "arn:*:secretsmanager:eu-west-1:*:secret:inference-gateway/keys-??????",
        ]

    def test_where_chalice_looks(self, project):
        """The files are those that Chalice's configuration names for the stage."""
        project.configure({}, iam_policy_file="special.json")

        assert project.run("--stage", "dev").out == f".chalice/special.json\n{AUTHORIZER}\n"

    def test_as_lambda_runs_them(self, project):
        """A VPC and tracing need more permissions, for each function by its own settings."""
        vpc = {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}
        project.configure({}, xray=True, lambda_functions={"authorize": AUTHORIZE | vpc})
        project.run()

        assert [one["Sid"] for one in project.read(AUTHORIZER)["Statement"]] == [
            "WriteLogs",
            "NewLogGroup",
            "JoinVpc",
            "WriteTraces",
            "ReadKeys",
        ]
        assert [one.get("Sid") for one in project.read()["Statement"]][:4] == [
            "WriteLogs",
            "NewLogGroup",
            "WriteTraces",
            "InvokeWithoutTarget",
        ]

    def test_place(self, project):
        """The place goes into every ARN, and is kept by the next call."""
        project.run("--account", ACCOUNT, "--region", "eu-west-1", "--partition", "aws")
        project.run()
        assert project.arns() == [
            *["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/gw-dev:*"] * 2,
            "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/churn-prod",
            "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/Housing",
            "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/housing",
        ]

        project.run("--region", "*", "--partition", "aws-us-gov")
        assert {arn[:36] for arn in project.arns(AUTHORIZER)} == {
            "arn:aws-us-gov:logs:*:123456789012:l",
            "arn:aws-us-gov:secretsmanager:*:1234",
        }

    def test_table_in_s3(self, project):
        """For a table in S3, --table names its file, and the policy allows reading the object."""
        project.configure({"GATEWAY_ROUTING": "s3://tables/live/routing.yaml"})

        assert project.run().code == 2
        assert project.run("--table", "routing.yaml").code == 0
        assert allows(project.read(), "s3:GetObject", "arn:aws:s3:::tables/live/routing.json", {})
        assert not any("s3" in arn for arn in project.arns(AUTHORIZER))

    def test_the_stage_alone_decides(self, project):
        """The environment of the command does not count."""
        project.configure({"GATEWAY_KEYS_SECRET": ""})
        project.run(GATEWAY_KEYS_SECRET="elsewhere")

        assert not any("secret" in arn for arn in project.arns(AUTHORIZER))

    def test_as_data(self, project):
        """The data has the files, and what they allow beyond the table."""
        data = json.loads(project.run("--format", "json").out)

        assert data["written"] == [HANDLER, AUTHORIZER]
        assert data["characters"] == documents.characters(project.read())
        assert (data["folds"], len(data["patterns"])) == ([], 1)


ROLE = "arn:aws:iam::222233334444:role/inference-gateway"
ELSEWHERE = f"""\
version: 1
models:
  churn:
    targets:
      v8: {{kind: mme, endpoint: tabular, target_model: v8.tar.gz, weight: 1}}
      near: {{kind: single, endpoint: churn, region: eu-central-1}}
      far: {{kind: single, endpoint: churn, region: us-east-1, role_arn: {ROLE}}}
      there: {{kind: mme, endpoint: tabular, target_model: v9.tar.gz, role_arn: {ROLE}}}
"""


class TestElsewhere:
    """Targets in other Regions and accounts."""

    @pytest.fixture(autouse=True)
    def _table(self, project):
        (project.folder / "routing.yaml").write_text(ELSEWHERE)

    def test_own(self, project):
        """The handler may call its own endpoints in their Regions, and assume the role."""
        project.run("--account", ACCOUNT, "--region", "eu-west-1", "--partition", "aws")

        assert project.arns()[2:] == [
            ROLE,
            "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/churn",
            "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/tabular",
        ]
        assert allows(project.read(), "sts:AssumeRole", ROLE)
        assert project.run("--check").code == 0

    def test_printed(self, project):
        """What the other account must allow is printed, and again by --check as data."""
        outcome = project.run("--account", ACCOUNT, "--region", "eu-west-1")

        _, _, first, *rest = outcome.out.splitlines()
        second = rest.index(f"{ROLE} needs this permission policy:")
        assert first == f"{ROLE} needs this trust policy:"
        trust, permission = (
            json.loads("".join(rest[:second])),
            json.loads("".join(rest[second + 1 :])),
        )
        (statement,) = trust["Statement"]
        assert statement == {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:role/gw-dev-api_handler"},
            "Action": "sts:AssumeRole",
        }
        there = "arn:aws:sagemaker:{}:222233334444:endpoint/{}".format
        action, context = "sagemaker:InvokeEndpoint", {"sagemaker:TargetModel": "v9.tar.gz"}
        assert allows(permission, action, there("us-east-1", "churn"), {})
        assert allows(permission, action, there("eu-west-1", "tabular"), context)
        assert not allows(permission, action, there("eu-west-1", "tabular"), {})
        assert not allows(permission, action, there("eu-west-1", "churn"), {})
        assert f"{HANDLER}: 1 role is assumed; its trust policy names the role" in outcome.err
        for arguments in ((), ("--check",)):
            assert json.loads(project.run(*arguments, "--format", "json").out)["roles"] == [
                {"role_arn": ROLE, "trust_policy": trust, "permission_policy": permission}
            ]

    def test_unknown_account(self, project):
        """An account that is not known is a word that IAM refuses, never any account."""
        (role,) = json.loads(project.run("--format", "json").out)["roles"]
        (statement,) = role["trust_policy"]["Statement"]

        assert statement["Principal"] == {"AWS": "arn:aws:iam::<account>:role/gw-dev-api_handler"}

    def test_role_of_the_configuration(self, project):
        """A role that the configuration names for the function is the one to trust."""
        own = "arn:aws:iam::123456789012:role/made-elsewhere"
        project.configure({}, manage_iam_role=False, iam_role_arn=own)
        (role,) = json.loads(project.run("--format", "json").out)["roles"]
        (statement,) = role["trust_policy"]["Statement"]

        assert statement["Principal"] == {"AWS": own}

    def test_too_long(self, project):
        """A policy of another account that would be too long is refused like our own."""
        table = json.loads(many(600))
        for entry in table["models"].values():
            entry["role_arn"] = ROLE
        (project.folder / "routing.yaml").write_text(json.dumps(table))

        assert "would have to allow every artifact that begins with" in project.run().err
        outcome = project.run("--allow-wider", "--region", "eu-west-1")
        assert f"{ROLE}: allows every artifact that begins with houston/0" in outcome.err

    def test_too_many_roles(self, project):
        """Roles cannot be folded, so too many of them are refused."""
        table = json.loads(many(200))
        for number, entry in enumerate(table["models"].values()):
            entry["role_arn"] = f"{ROLE}-{number}"
        (project.folder / "routing.yaml").write_text(json.dumps(table))

        outcome = project.run()

        assert (outcome.code, project.written()) == (1, [])
        assert f"gatewayctl policy: {HANDLER}: 11," in outcome.err


class TestTooLong:
    """A table whose policy is too long."""

    def test_refused(self, project):
        """Without --allow-wider, every fold is printed and nothing is written."""
        (project.folder / "routing.yaml").write_text(many(600))

        outcome = project.run()

        assert (outcome.code, outcome.out) == (1, "")
        *folds, end = outcome.err.splitlines()
        assert folds
        for fold in folds:
            assert re.fullmatch(
                r"gatewayctl policy: would have to allow every artifact that begins with "
                r"houston/\d+ of endpoint many \(the table names 10\)",
                fold,
            )
        assert end.endswith(
            " characters and IAM allows 10,240; accept all that with --allow-wider, "
            "or give some models a gateway of their own"
        )
        assert project.written() == []

    def test_accepted(self, project):
        """With --allow-wider, the folded policy is written and passes --check."""
        (project.folder / "routing.yaml").write_text(many(600))

        outcome = project.run("--allow-wider")

        assert outcome.code == 0
        assert f"{HANDLER}: allows every artifact that begins with houston/0" in outcome.err
        assert documents.characters(project.read()) <= documents.LIMIT
        assert project.run("--check").code == 0

    def test_as_data(self, project):
        """The data has the same lines."""
        (project.folder / "routing.yaml").write_text(many(600))

        data = json.loads(project.run("--format", "json").out)

        assert len(data["refused"]) == len(project.run().err.splitlines())


class TestCheck:
    """With `--check`."""

    def test_current(self, project):
        """A file that is up to date is fine."""
        project.run("--account", "123456789012")

        outcome = project.run("--check")

        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err == (
            f"{HANDLER}: as routing.yaml needs it\n{AUTHORIZER}: as routing.yaml needs it\n"
        )

    def test_stale(self, project):
        """A file that is out of date is named with the command that updates it."""
        project.run()
        before = project.read()
        (project.folder / "routing.yaml").write_text(many(600))

        outcome = project.run("--check", "--account", "123456789012")

        assert (outcome.code, outcome.out) == (
            1,
            f"{HANDLER}: not what routing.yaml needs; run: gatewayctl policy "
            "--stage dev --account 123456789012\n"
            f"{AUTHORIZER}: not what routing.yaml needs; run: gatewayctl policy "
            "--stage dev --account 123456789012\n",
        )
        assert project.read() == before

    @pytest.mark.parametrize("content", [None, b"", b"\xff", b"{}"])
    def test_no_policy(self, project, content):
        """A file that is missing or is no policy is out of date."""
        project.run()
        file = project.folder / HANDLER
        file.unlink() if content is None else file.write_bytes(content)

        assert project.run("--check", "--table", "routing.yaml").out == (
            f"{HANDLER}: not what routing.yaml needs; run: gatewayctl policy "
            "--stage dev --table routing.yaml\n"
        )
        assert project.run().code == 0
        assert project.run("--check").code == 0

    def test_by_hand(self, project):
        """A change by hand is found."""
        project.run()
        policy = project.read()
        policy["Statement"][2]["Resource"].append("arn:*:sagemaker:*:*:endpoint/other")
        (project.folder / HANDLER).write_text(documents.as_file(policy))

        assert project.run("--check").code == 1


class TestWrongUse:
    """Arguments and configurations that are refused."""

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["--account", "12"], "--account is '12'; it must be the twelve digits of an account"),
            (["--region", "Europe"], "--region is 'Europe'; it must be a region such as"),
            (["--partition", "gcp"], "--partition is 'gcp'; it must be aws, aws-cn,"),
            (
                ["--stage", "prod"],
                ".chalice/config.json has no stage prod; it has bare, dev, local",
            ),
            (["--stage", "local"], ".chalice/config.json gives both functions of stage local "),
            (
                ["--stage", "bare"],
                ".chalice/config.json gives both functions of stage bare .chalice/policy-bare.json",
            ),
        ],
    )
    def test_arguments(self, project, arguments, complaint):
        """The error has the value, and what would be right."""
        outcome = project.run(*arguments)

        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(f"gatewayctl policy: {complaint}")
        assert project.written() == []

    @pytest.mark.parametrize("config", [None, "", "[]", '{"stages": []}', '{"stages": {"dev": 1}}'])
    def test_configuration(self, project, config):
        """A configuration that cannot be read is an error."""
        path = project.folder / ".chalice/config.json"
        path.unlink() if config is None else path.write_text(config)

        outcome = project.run("--table", "routing.yaml")

        assert outcome.code == 2
        assert outcome.err.startswith("gatewayctl policy: .chalice/config.json ")

    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            (None, "has no 'app_name', which Chalice needs\n"),
            ("g" * 51, "and the stage make"),
            ("my gateway", "and the stage make 'my gateway-dev' the name of a function; Lambda"),
        ],
    )
    def test_function_names(self, project, name, complaint):
        """A function's name that Lambda would refuse is an error before the deployment."""
        path = project.folder / ".chalice/config.json"
        config = json.loads(path.read_text()) | {"app_name": name}
        path.write_text(json.dumps({key: text for key, text in config.items() if text}))

        outcome = project.run()

        assert outcome.code == 2
        assert complaint in outcome.err

    def test_settings(self, project):
        """A setting that the gateway would refuse is an error without the setting's value."""
        project.configure({"GATEWAY_KEYS_SECRET": "what is this"})

        assert project.run().err == (
            "gatewayctl policy: GATEWAY_KEYS_SECRET of stage dev in .chalice/config.json must be "
            "the name or ARN of a secret, or empty for no API keys\n"
        )

    def test_table(self, project):
        """A table with problems is reported as `validate` does it."""
        (project.folder / "routing.yaml").write_text("version: 1\nmodels: {a: {kind: single}}\n")

        outcome = project.run()

        assert outcome.code == 1
        assert outcome.out.startswith("routing.yaml:2: models.a.endpoint: ")

    def test_no_place_to_write(self, project):
        """If a file cannot be written, the error names the file and the reason."""
        (project.folder / HANDLER).mkdir()

        assert project.run().err == (
            f"gatewayctl policy: {HANDLER} cannot be written: Is a directory\n"
        )
