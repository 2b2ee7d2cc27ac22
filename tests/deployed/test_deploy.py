"""`make deploy`: what it refuses, and what it asks the AWS CLI for."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.package import BUILD_SECONDS, copy_project

# Stands for the AWS CLI: notes what it is asked, a line each.
NOTING = '#!/bin/sh\necho "$*" >> "$NOTES"\n'


class Desk:
    """A copy of the project, and an `aws` that only takes notes."""

    def __init__(self, folder):
        self.project = copy_project(folder / "project")
        self._notes = folder / "notes"
        self._tools = folder / "tools"
        self._tools.mkdir()

    def with_aws(self):
        aws = self._tools / "aws"
        aws.write_text(NOTING)
        aws.chmod(0o755)

    def deploy(self, *variables):
        own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            [
                *("make", "--silent", "deploy", *variables),
                *(f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.installed"),
            ],
            cwd=self.project,
            env={**own, "PATH": f"{self._tools}:/usr/bin:/bin", "NOTES": str(self._notes)},
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )

    @property
    def asked(self):
        """What the AWS CLI was asked for, line by line."""
        return self._notes.read_text().splitlines() if self._notes.exists() else []


@pytest.fixture(name="desk")
def _desk(tmp_path):
    return Desk(tmp_path)


def test_no_bucket(desk):
    """Where the package goes has to be said."""
    refused = desk.deploy()

    assert refused.returncode != 0
    assert "error: BUCKET is not set" in refused.stdout


def test_no_cli(desk):
    """Without the AWS CLI it says where to get it."""
    refused = desk.deploy("BUCKET=b")

    assert refused.returncode != 0
    assert "error: the AWS CLI is not installed: https://docs.aws.amazon.com/" in refused.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
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
def test_refused(desk, file, old, new, said):
    """What would not work is not deployed: nothing is packaged, nobody is asked."""
    desk.with_aws()
    table = desk.project / file
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new))

    refused = desk.deploy("BUCKET=b")

    assert refused.returncode != 0
    assert said in refused.stdout + refused.stderr
    assert desk.asked == []
    assert not (desk.project / "build").exists()


def test_deployed(desk):
    """Packaged, uploaded, and given to CloudFormation under the stage's name."""
    desk.with_aws()

    done = desk.deploy("BUCKET=packages", "STAGE=prod", "PARAMETERS=AccessLogs=off")

    assert done.returncode == 0, done.stdout + done.stderr
    package, deploy, describe = desk.asked
    assert package.startswith("cloudformation package --template-file build/sam.json")
    assert "--s3-bucket packages" in package
    assert "--s3-bucket packages" in deploy  # the template is too large to go without
    assert "--stack-name inference-gateway-prod --capabilities CAPABILITY_IAM" in deploy
    assert deploy.endswith("--parameter-overrides AccessLogs=off")
    assert describe.startswith("cloudformation describe-stacks")
    template = json.loads((desk.project / "build/sam.json").read_text())
    variables = template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == "inference-gateway-prod"
