"""Which certificates the gateway trusts, tested in new processes with certificates of a test."""

import os
import subprocess
import sys

import pytest

from tests.support.authority import Authority
from tests.support.http_server import StubServer, sends
from tests.support.paths import ROOT

AMAZON_ROOTS = ROOT / "chalicelib/aws/botocore_data/amazon-roots.pem"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 1\r\n\r\n7"
# botocore takes its bundle from the first `certifi` on the path.
SCRIPT = """
import sys
from chalicelib.sagemaker.answers import read_response
from chalicelib.sagemaker.client import sagemaker_client
from chalicelib.aws.deadline import Deadline
client = sagemaker_client(endpoint_url=sys.argv[1])
with Deadline.after(20).in_force():
    print(read_response(client.invoke_endpoint(EndpointName="e", Body=b"1")).body.decode())
"""


@pytest.fixture(name="authority")
def _authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture(name="server")
def _server(authority):
    with StubServer(sends(ANSWER), context=authority.context) as server:
        yield server


def call(server, folder, *, certifi, **environment):
    """Call the server in a new process, where `certifi` is botocore's bundle."""
    (folder / "certifi.py").write_text(f"def where():\n    return {str(certifi)!r}\n")
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, server.url],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{folder}:{ROOT}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def assert_refused(process):
    assert process.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in process.stderr


def test_certificate_of_botocores_bundle(server, authority, tmp_path):
    """A certificate that Amazon's roots do not cover is tried again with botocore's bundle."""
    process = call(server, tmp_path, certifi=authority.bundle)

    assert (process.stdout, process.stderr) == ("7\n", "")
    assert server.connections == 2


def test_unknown_certificate(server, tmp_path):
    """A certificate that botocore's bundle does not cover is refused."""
    assert_refused(call(server, tmp_path, certifi=AMAZON_ROOTS))


def test_own_bundle(server, authority, tmp_path):
    """A bundle that the operator sets is used for the first connection."""
    process = call(server, tmp_path, certifi=AMAZON_ROOTS, AWS_CA_BUNDLE=str(authority.bundle))

    assert process.stdout == "7\n"
    assert server.connections == 1


def test_own_bundle_alone(server, authority, tmp_path):
    """A bundle that the operator sets replaces botocore's bundle."""
    assert_refused(
        call(server, tmp_path, certifi=authority.bundle, AWS_CA_BUNDLE=str(AMAZON_ROOTS))
    )
