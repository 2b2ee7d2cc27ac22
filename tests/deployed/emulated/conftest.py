"""The gateway on an emulated AWS: stacks of the package, one of them with real models."""

import json
import shutil
from typing import NamedTuple

import pytest

from tests.deployed.emulated.emulator import EmulatedAws
from tests.deployed.emulated.stack import Stack
from tests.deployed.emulated.translation import cloudformation
from tests.support.http_server import StubServer
from tests.support.key_desk import Desk

SECRET = "inference-gateway/dev/keys"  # the only one that the stage's authorizer may read
BUCKET = "deployments"


class Keys(NamedTuple):
    """API keys, issued before any gateway starts: a running one may take a minute to see them."""

    everything: str
    iris_and_seven: str
    leaver: str


@pytest.fixture(scope="session")
def aws():
    """The emulated account."""
    with EmulatedAws() as running:
        yield running


@pytest.fixture(scope="session")
def desk(aws, package, tmp_path_factory):
    """The administration of the keys of all gateways in this account."""
    desk = Desk(aws.client("secretsmanager"), tmp_path_factory.mktemp("desk"))
    desk.secret = SECRET
    shutil.copy(package.project / "routing.yaml", desk.project)
    return desk


@pytest.fixture(scope="session")
def keys(desk):
    """The keys of three callers."""
    return Keys(
        everything=desk.issue(grants="*").key,
        iris_and_seven=desk.issue(grants="iris is-digit/7").key,
        leaver=desk.issue(grants="*").key,
    )


@pytest.fixture(scope="session")
def create_stack(aws, package, keys):
    """Return a function that creates a stack with the gateway, by the template of a package."""
    storage = aws.client("s3")
    storage.create_bucket(Bucket=BUCKET)
    storage.upload_file(str(package.zip), BUCKET, package.zip.name)

    def create(name, sagemaker_url, environment=(), parameters=(), of=package, **changes):
        sam = json.loads((of.project / "build/sam.json").read_bytes())
        variables = {"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": sagemaker_url, **dict(environment)}
        code = {"Bucket": BUCKET, "Key": package.zip.name}
        template = cloudformation(sam, code, variables, name, **changes)
        storage.put_object(Bucket=BUCKET, Key=name, Body=json.dumps(template))
        return Stack(aws, name, f"{aws.url}/{BUCKET}/{name}", dict(parameters))

    return create


@pytest.fixture(scope="session")
def deployed(create_stack, demo):
    """A stack as the template has it, with the demo endpoints behind it."""
    return create_stack("gateway", demo.url)


@pytest.fixture(scope="session")
def recorded(create_stack):
    """A stack that reads its keys every second, and the stub server in SageMaker's place."""
    with StubServer() as server:
        variables = {"GATEWAY_KEYS_MAX_AGE": "1"}
        stack = create_stack("recorded", server.url, variables, authorizer_ttl_seconds=1)
        yield stack, server
