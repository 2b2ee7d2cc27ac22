"""Clients of AWS: botocore's in everything but what they read, and how long they wait."""

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
from tests.support.paths import ROOT
from tests.support.profile import LONG
from tests.support.stock import CALLS, ONCE, SECONDS, ours, prepared, request_or_error, text_of

KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
HERE = {**KEYS, "region_name": "us-east-1"}
VARIANTS = {
    "plain": {},
    "fips": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual-stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "both": {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
}
# What is no region of an account: names that carry FIPS, names of whole partitions, a region of
# tomorrow, a partition of tomorrow, and none.
ODD_REGIONS = ["us-east-1-fips", "fips-us-gov-west-1", "aws-global", "eu-west-9", "xx-new-1", None]

OFTEN = ["sagemaker-runtime", "s3", "secretsmanager", "sts"]

# What urllib3 is told to do, and how the address of whoever listens goes into it.
WAYS = {
    "http": ("http://{}", {}),
    "https": ("https://{}", {}),
    "http-by-proxy": ("http://aws.invalid", {"HTTP_PROXY": "http://{}"}),
    "https-by-proxy": ("https://aws.invalid", {"HTTPS_PROXY": "http://{}"}),
}

STARTING = """
import os, sys
data = {data!r}
listed, opened = [], []
def heard(event, arguments):
    if event == "os.listdir":
        listed.append(str(arguments[0]))
    elif event == "open":
        opened.append(str(arguments[0]))
sys.addaudithook(heard)
from chalicelib.aws import clients
clients.client("sagemaker-runtime", **{settings!r})
print(sum(name.startswith(data) for name in listed))
print(*(os.path.relpath(name, data) for name in opened if name.startswith(data)))
"""


@pytest.fixture(scope="module")
def session():
    """One for all: a new one would read everything anew each time."""
    return boto3.Session()


def regions(session, service):
    """Every region of every partition, or one of each."""
    known = []
    for partition in session.get_available_partitions():
        with_endpoint = session.get_available_regions(service, partition, allow_non_regional=True)
        all_of_it = session.get_available_regions("ec2", partition)
        known.append(sorted({*with_endpoint, *all_of_it}))
    assert len(known) >= 8
    return [name for names in known for name in (names if LONG else names[:1])]


@pytest.mark.parametrize(
    ("service", "variant"),
    [
        pytest.param(service, variant, id=f"{service}-{variant}")
        for service in CALLS
        for variant in VARIANTS
        if LONG or variant == "plain" or service in OFTEN
    ],
)
def test_addresses(session, service, variant, monkeypatch):
    """In every partition and region a call goes where boto3's goes, signed for the same."""
    for name, value in VARIANTS[variant].items():
        monkeypatch.setenv(name, value)

    def stock_of_this_session(service, **settings):
        return session.client(service, config=Config(retries=ONCE), **settings)

    odd = ODD_REGIONS if LONG or variant == "plain" else []
    for region in (*regions(session, service), *odd):
        settings = {**KEYS, "region_name": region}
        theirs = request_or_error(stock_of_this_session, service, **settings)
        assert variant != "plain" or region is None or isinstance(theirs, dict), theirs
        assert request_or_error(ours, service, **settings) == theirs, region


@pytest.mark.parametrize("name", ["list_available_services", "is_builtin_path"])
def test_what_is_overridden(name):
    """botocore still has it, with the same arguments."""
    ours, botocores = vars(clients._Loader)[name], vars(Loader)[name]
    # Some are wrapped by a cache that does not say what is in it.
    original = inspect.getclosurevars(botocores).nonlocals.get("func", botocores)

    assert list(signature(ours).parameters) == list(signature(original).parameters)


def test_what_is_read():
    """For a client botocore's data is looked into for that service alone."""
    script = STARTING.format(data=Loader.BUILTIN_DATA_PATH, settings=HERE)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed, opened = done.stdout.splitlines()

    folders = {name.split("/")[0] for name in opened.split() if "/" in name}
    assert folders == {"sagemaker-runtime"}
    assert "endpoints.json" not in opened
    assert int(listed) < 10


def test_user_agent():
    """Made once, and still says which botocore calls."""
    agent = text_of(prepared(ours("sagemaker-runtime", **HERE)), "User-Agent")

    assert agent.startswith(f"inference-gateway Botocore/{botocore.__version__} Python/")


@pytest.mark.parametrize("way", WAYS)
def test_connections(way, monkeypatch):
    """Of whatever kind: none is made when the deadline has passed. botocore still uses ours."""
    address, environment = WAYS[way]
    with hangs_up() as (listening, accepted):
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(listening))
        client = ours("sagemaker-runtime", endpoint_url=address.format(listening), **HERE)
        connections = []
        for seconds in (0.0, SECONDS):
            with pytest.raises(BotoCoreError), Deadline.soonest([seconds]).in_force():
                client.invoke_endpoint(EndpointName="e", Body=b"{}")
            connections.append(len(accepted))

    assert connections == [0, 1]


@contextlib.contextmanager
def hangs_up():
    """An address where every connection is ended at once, and those that were."""
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
        listener.shutdown(socket.SHUT_RDWR)  # which wakes up who waits for a connection
        thread.join()
