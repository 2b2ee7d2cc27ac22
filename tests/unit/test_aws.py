"""Clients of AWS: as stock boto3's, except for the data that they read and how long they wait."""

import contextlib
import inspect
import socket
import subprocess
import sys
import threading
from inspect import signature

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader

from chalicelib.aws import clients
from chalicelib.aws.deadline import Deadline
from tests.support.gateway import AWS
from tests.support.paths import ROOT
from tests.support.profile import LONG
from tests.support.stock import CALLS, ONCE, SECONDS, ours, prepared, request_or_error, text_of

KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
SETTINGS = {**KEYS, "region_name": "us-east-1"}
VARIANTS = {
    "plain": {},
    "fips": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual-stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "both": {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
}
# Names with FIPS, the name of a partition, a region and a partition that do not exist yet, and no
# region at all.
ODD_REGIONS = ["us-east-1-fips", "fips-us-gov-west-1", "aws-global", "eu-west-9", "xx-new-1", None]

ALL_VARIANTS = ["sagemaker-runtime", "s3", "secretsmanager", "sts"]

# The endpoint URL and the environment of each way to connect to a listening address.
CONNECTIONS = {
    "http": ("http://{}", {}),
    "https": ("https://{}", {}),
    "http-by-proxy": ("http://aws.invalid", {"HTTP_PROXY": "http://{}"}),
    "https-by-proxy": ("https://aws.invalid", {"HTTPS_PROXY": "http://{}"}),
}

AUDIT_SCRIPT = """
import os, sys
data = {data!r}
listed, opened = [], []
def record(event, arguments):
    if event == "os.listdir":
        listed.append(str(arguments[0]))
    elif event == "open":
        opened.append(str(arguments[0]))
sys.addaudithook(record)
from chalicelib.aws import clients
clients.client("sagemaker-runtime", **{settings!r})
print(sum(name.startswith(data) for name in listed))
print(*(os.path.relpath(name, data) for name in opened if name.startswith(data)))
"""


@pytest.fixture(scope="module")
def session():
    """A session for all tests, because each new session reads all data again."""
    return boto3.Session()


def regions(session, service):
    """Return one region of each partition; in the long profile all of them."""
    known = []
    for partition in session.get_available_partitions():
        with_endpoint = session.get_available_regions(service, partition, allow_non_regional=True)
        of_partition = session.get_available_regions("ec2", partition)
        known.append(sorted({*with_endpoint, *of_partition}))
    assert len(known) >= 8
    return [name for names in known for name in (names if LONG else names[:1])]


@pytest.mark.parametrize(
    ("service", "variant"),
    [
        pytest.param(service, variant, id=f"{service}-{variant}")
        for service in CALLS
        for variant in VARIANTS
        if LONG or variant == "plain" or service in ALL_VARIANTS
    ],
)
def test_requests(session, service, variant, monkeypatch):
    """In every partition and region the client sends to boto3's address and signs as boto3."""
    for name, value in VARIANTS[variant].items():
        monkeypatch.setenv(name, value)

    def stock_client(service, **settings):
        return session.client(service, config=Config(retries=ONCE), **settings)

    odd = ODD_REGIONS if LONG or variant == "plain" else []
    for region in (*regions(session, service), *odd):
        settings = {**KEYS, "region_name": region}
        expected = request_or_error(stock_client, service, **settings)
        assert variant != "plain" or region is None or isinstance(expected, dict), expected
        assert request_or_error(ours, service, **settings) == expected, region


@pytest.mark.parametrize("name", ["list_available_services", "is_builtin_path"])
def test_overridden_methods(name):
    """botocore's loader still has the methods that are overridden, with the same parameters."""
    override, original = vars(clients._Loader)[name], vars(Loader)[name]
    # Some are wrapped by a cache that hides their parameters.
    original = inspect.getclosurevars(original).nonlocals.get("func", original)

    assert list(signature(override).parameters) == list(signature(original).parameters)


def test_data_that_is_read():
    """A client reads botocore's data of its own service, and lists few other folders."""
    script = AUDIT_SCRIPT.format(data=Loader.BUILTIN_DATA_PATH, settings=SETTINGS)
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed, opened = process.stdout.splitlines()

    folders = {name.split("/")[0] for name in opened.split() if "/" in name}
    assert folders == {"sagemaker-runtime"}
    assert "endpoints.json" not in opened
    assert int(listed) < 10


def test_configuration():
    """A client tries once, and stops connecting after a second."""
    config = clients.client("s3", **AWS).meta.config

    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout == 1.0


def test_user_agent():
    """The user agent names the gateway and the version of botocore."""
    agent = text_of(prepared(ours("sagemaker-runtime", **SETTINGS)), "User-Agent")

    assert agent.startswith(f"inference-gateway Botocore/{botocore.__version__} Python/")


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_connections(kind, monkeypatch):
    """No kind of connection is made after the deadline, and one is made before it."""
    url, environment = CONNECTIONS[kind]
    with closing_server() as (address, accepted):
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(address))
        client = ours("sagemaker-runtime", endpoint_url=url.format(address), **SETTINGS)
        connections = []
        for seconds in (0.0, SECONDS):
            with pytest.raises(BotoCoreError), Deadline.after(seconds).in_force():
                client.invoke_endpoint(EndpointName="e", Body=b"{}")
            connections.append(len(accepted))

    assert connections == [0, 1]


@contextlib.contextmanager
def closing_server():
    """Yield an address where every connection is closed at once, and a list of them."""
    accepted = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, caller = listener.accept()
                accepted.append(caller)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", accepted
        listener.shutdown(socket.SHUT_RDWR)  # ends the waiting accept
        thread.join()
