"""A table that changes without a deployment, by `gatewayctl publish`."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.deployed.emulated.emulator import REGION, ROOT_CREDENTIALS
from tests.support.paths import ROOT
from tests.support.stand_in import wait_until

BUCKET = "tables"
PLACE = f"s3://{BUCKET}/routing.yaml"
SETTINGS = {"GATEWAY_ROUTING": PLACE, "GATEWAY_ROUTING_MAX_AGE": "1"}
SOON_SECONDS = 30.0
COMMAND_SECONDS = 60.0

JSON = ("Content-Type", "application/json")
EXAMPLE = b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'

SPECIES = """
  species:
    kind: mme
    endpoint: tabular
    target_model: iris-v1.tar.gz
"""


class Project:
    """A project whose stage dev has its table in S3, and the commands for it."""

    def __init__(self, folder, source, aws):
        self.folder = folder
        shutil.copytree(source / ".chalice", folder / ".chalice")
        self.table = folder / "routing.yaml"
        shutil.copy(source / "routing.yaml", self.table)
        config = folder / ".chalice/config.json"
        written = json.loads(config.read_bytes())
        written["stages"]["dev"]["environment_variables"].update(SETTINGS)
        config.write_text(json.dumps(written))
        key_id, secret = ROOT_CREDENTIALS
        self._environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": aws.url,
            "PYTHONPATH": str(ROOT),
        }

    def gatewayctl(self, *arguments):
        """Run a command, which has to succeed."""
        finished = subprocess.run(
            [sys.executable, "-m", "gatewayctl", *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr

    def publish(self):
        """Publish the table and return its digest."""
        self.gatewayctl("publish", PLACE, "--table", str(self.table))
        return hashlib.sha256(self.table.read_bytes()).hexdigest()[:12]

    def policy(self):
        """Return the policy of the stage's handler."""
        self.gatewayctl("policy", "--stage", "dev", "--table", str(self.table))
        return json.loads((self.folder / ".chalice/policy-dev.json").read_bytes())


@pytest.fixture(name="project", scope="module")
def _project(aws, package, tmp_path_factory):
    """A project, and a bucket with versions for its table."""
    storage = aws.client("s3")
    storage.create_bucket(Bucket=BUCKET)
    storage.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return Project(tmp_path_factory.mktemp("tables"), package.project, aws)


def test_a_table_is_swapped_under_a_running_gateway(create_stack, demo, project, aws, keys):
    """A published model can be called within seconds, and no longer after `--back`."""
    first = project.publish()
    listed = aws.client("s3").list_object_versions(Bucket=BUCKET, Prefix=project.table.name)
    (version,) = listed["Versions"]
    stack = create_stack("tables", demo.url, SETTINGS, handler_policy=project.policy())

    def in_force():
        return stack.send("GET", "/health").json()["table"]

    def called(path):
        headers = [("Authorization", f"Bearer {keys.everything}"), JSON]
        return stack.send("POST", f"/predict/{path}", headers, EXAMPLE).status

    assert in_force() == first
    assert (called("iris"), called("species")) == (200, 404)

    with project.table.open("a") as table:
        table.write(SPECIES)
    second = project.publish()
    wait_until(lambda: in_force() == second, SOON_SECONDS)
    assert (called("iris"), called("species")) == (200, 200)

    project.gatewayctl("publish", PLACE, "--back", version["VersionId"])
    wait_until(lambda: in_force() == first, SOON_SECONDS)
    assert (called("iris"), called("species")) == (200, 404)
