"""`chalice deploy` of a stage with jobs, as far as moto goes: it does not take our API.

moto makes functions and event sources without running them, and checks that a queue exists.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.gateway import AWS
from tests.support.package import BUILD_SECONDS

QUEUE, WORKER = "acme-jobs", "inference-gateway-dev-work"


class Account:
    """moto's account, which all servers of this process share; so nothing stays in it."""

    def __init__(self, url):
        self.url = url
        self._lambda, self._sqs = (
            boto3.client(service, endpoint_url=url, **AWS) for service in ("lambda", "sqs")
        )

    def create_queue(self):
        self._sqs.create_queue(QueueName=QUEUE)

    @property
    def functions(self):
        """The handler, the timeout and the role of each function."""
        return {
            one["FunctionName"]: (one["Handler"], one["Timeout"], one["Role"].rpartition("/")[2])
            for one in self._lambda.list_functions()["Functions"]
        }

    @property
    def event_sources(self):
        return self._lambda.list_event_source_mappings()["EventSourceMappings"]

    def clear(self):
        for source in self.event_sources:
            self._lambda.delete_event_source_mapping(UUID=source["UUID"])
        for name in self.functions:
            self._lambda.delete_function(FunctionName=name)
        for url in self._sqs.list_queues(QueueNamePrefix=QUEUE).get("QueueUrls", []):
            self._sqs.delete_queue(QueueUrl=url)


@pytest.fixture(name="account")
def _account():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    account = Account(f"http://{host}:{port}")
    yield account
    account.clear()
    server.stop()


@pytest.fixture(name="project")
def _project(package_with_jobs, tmp_path):
    """A copy with Chalice's cache of zips, so that nothing is downloaded."""
    folder = tmp_path / "project"
    shutil.copytree(package_with_jobs.project, folder, symlinks=True)
    return folder


def deploy(project, account):
    """Run `chalice deploy` until it fails, and return what it printed, in one line."""
    finished = subprocess.run(
        [Path(sys.executable).with_name("chalice"), "deploy", "--stage", "dev"],
        cwd=project,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("GATEWAY")},
            "AWS_ENDPOINT_URL": account.url,
            "AWS_ACCESS_KEY_ID": AWS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": AWS["aws_secret_access_key"],
            "AWS_DEFAULT_REGION": AWS["region_name"],
            "PIP_CONSTRAINT": str(project / "requirements.txt"),
        },
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    return " ".join((finished.stdout + finished.stderr).split())


def test_queue_first(project, account):
    """Chalice needs the queue; when it exists, the same command gives the worker to it."""
    assert "CreateEventSourceMapping operation: Invalid EventSourceArn" in deploy(project, account)
    assert account.event_sources == []

    account.create_queue()

    assert "calling the ImportRestApi operation" in deploy(project, account)
    assert account.functions == {
        "inference-gateway-dev": ("app.app", 29, "inference-gateway-dev-api_handler"),
        "inference-gateway-dev-authorize": ("app.authorize", 10, "inference-gateway-dev-authorize"),
        WORKER: ("app.work", 900, WORKER),
    }
    (source,) = account.event_sources
    assert source["EventSourceArn"].endswith(f":{QUEUE}")
    assert source["FunctionArn"].endswith(f":{WORKER}")
    assert (source["BatchSize"], source["ScalingConfig"]) == (1, {"MaximumConcurrency": 10})
