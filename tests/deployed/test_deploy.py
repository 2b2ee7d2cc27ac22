"""`make deploy`: its refusals, and its calls of the AWS CLI."""

import json
import os
import re
import subprocess
import sys

import jmespath
import pytest

from tests.support.package import BUILD_SECONDS, copy_project

# Stands for the AWS CLI: records each call in a line.
NOTING = '#!/bin/sh\necho "$*" >> "$NOTES"\n'


# A setting for `make run`, which must not get into a stage.
OF_THE_SHELL = "https://of-the-shell.example"


class Project:
    """A copy of the project, and an `aws` that only records its calls."""

    def __init__(self, folder):
        self.folder = copy_project(folder / "project")
        self._notes = folder / "notes"
        self._tools = folder / "tools"
        self._tools.mkdir()

    def with_aws(self):
        aws = self._tools / "aws"
        aws.write_text(NOTING)
        aws.chmod(0o755)

    def deploy(self, *variables):
        return self.make("deploy", *variables)

    def make(self, target, *variables):
        own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            [
                *("make", "--silent", target, *variables),
                *(f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.installed"),
            ],
            cwd=self.folder,
            env={
                **own,
                "NOTES": str(self._notes),
                "PATH": f"{self._tools}:/usr/bin:/bin",
                "PYTHONHASHSEED": "1",
                "GATEWAY_CORS_ORIGIN": OF_THE_SHELL,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )

    @property
    def calls(self):
        """The calls of the AWS CLI."""
        return self._notes.read_text().splitlines() if self._notes.exists() else []


def printed_outputs(describe):
    """Apply the query of a call to a stack's outputs, as the AWS CLI does before it prints them."""
    (query,) = re.findall(r"--query (.*) --output text", describe)
    outputs = {"CustomDomainTarget": "d-1.example", "RestAPIId": "a1", "EndpointURL": "https://…"}
    described = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    return jmespath.search(query, {"Stacks": [{"Outputs": described}]})


@pytest.fixture(name="project")
def _project(tmp_path):
    return Project(tmp_path)


def test_no_bucket(project):
    """A deployment needs a bucket."""
    refused = project.deploy()

    assert refused.returncode != 0
    assert "error: BUCKET is not set" in refused.stdout


def test_no_cli(project):
    """Without the AWS CLI the message says where to get it."""
    refused = project.deploy("BUCKET=b")

    assert refused.returncode != 0
    assert "error: the AWS CLI is not installed: https://docs.aws.amazon.com/" in refused.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            "routing.yaml",
            "target_model: iris-v1.tar.gz",
            "target_modle: iris-v1.tar.gz",
            "unknown key; did you mean target_model?",
            id="bad-table",
        ),
        pytest.param(
            "routing.yaml",
            "target_model: iris-v1.tar.gz",
            "target_model: iris-v2.tar.gz",
            "policy-dev.json",
            id="stale-policy",
        ),
    ],
)
def test_refused(project, file, old, new, message):
    """A wrong table or policy is not packaged, and the AWS CLI is not called."""
    project.with_aws()
    table = project.folder / file
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new))

    refused = project.deploy("BUCKET=b")

    assert refused.returncode != 0
    assert message in refused.stdout + refused.stderr
    assert project.calls == []
    assert not (project.folder / "build").exists()


def test_stale_policy_is_not_packaged(project):
    """`make package` refuses a policy that does not fit the table as `make deploy` does."""
    project.with_aws()
    table = project.folder / "routing.yaml"
    table.write_text(table.read_text().replace("iris-v1.tar.gz", "iris-v2.tar.gz"))

    packaged, deployed = project.make("package"), project.deploy("BUCKET=b")

    assert packaged.returncode == deployed.returncode != 0
    assert "policy-dev.json" in packaged.stdout
    assert packaged.stdout in deployed.stdout
    assert not (project.folder / "build").exists()


@pytest.mark.parametrize("target", ["package", "deploy"])
def test_bad_cors_setting(project, target):
    """A bad setting of the stage is a sentence; nothing is built."""
    project.with_aws()
    config = project.folder / ".chalice/config.json"
    config.write_text(config.read_text().replace('ORIGIN": "*"', 'ORIGIN": "https://a, https://b"'))

    refused = project.make(target, "BUCKET=b")

    assert refused.returncode != 0
    assert "error: stage dev of .chalice/config.json: GATEWAY_CORS_ORIGIN is" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (project.folder / "build/deployment.zip").exists()
    assert project.calls == []


def test_deployed(project, package):
    """A stage is packaged, uploaded, and given to CloudFormation under its name.

    The zip has the same bytes as one that was built for another stage, in another folder, and with
    another hash seed.
    """
    project.with_aws()
    subprocess.run([sys.executable, "-c", "import app"], cwd=project.folder, check=True, timeout=60)

    done = project.deploy("BUCKET=packages", "STAGE=prod", "PARAMETERS=AccessLogs=off")

    assert done.returncode == 0, done.stdout + done.stderr
    upload, deploy, describe = project.calls
    assert upload.startswith("cloudformation package --template-file build/sam.json")
    assert "--s3-bucket packages" in upload
    assert "--s3-bucket packages" in deploy  # the template is too large to go without
    assert "--stack-name inference-gateway-prod --capabilities CAPABILITY_IAM" in deploy
    assert deploy.endswith("--parameter-overrides AccessLogs=off")
    assert describe.startswith("cloudformation describe-stacks")
    assert printed_outputs(describe) == [["https://…"], ["CustomDomainTarget", "d-1.example"]]
    written = (project.folder / "build/sam.json").read_text()
    assert OF_THE_SHELL not in written
    template = json.loads(written)
    variables = template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == "inference-gateway-prod"
    assert (project.folder / "build/deployment.zip").read_bytes() == package.zip.read_bytes()
