"""Stock boto3 and the gateway's client send the same bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.gateway import AWS, table
from tests.support.http_server import StubServer, sends
from tests.support.profile import LONG
from tests.support.stock import BOTH, CALLS, date_of, on_the_wire, outcome

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
TRIES = 50  # to have both signed in the same second

KINDS = {model.name: model.target for model in table().models()}
ALL_BYTES = bytes(range(256))
HEADERS = {
    "padded": {"CustomAttributes": "  padded  "},
    "spaces": {"CustomAttributes": "a  b"},
    "tab": {"CustomAttributes": "a\tb"},
    "quotes": {"CustomAttributes": 'k="v, w"; x=1'},
    "percent": {"CustomAttributes": "%41+%2f"},
    "symbols": {"CustomAttributes": "~!@#$^&*()_+`{}|[]\\:<>?/"},
    "parameters": {"ContentType": 'text/csv; charset="utf-8"; header=absent'},
    "long": {"ContentType": "a" * 1024, "Accept": "b" * 1024, "CustomAttributes": "c" * 1024},
    "hints": {"EnableExplanations": "to_number(pred) > `0.5`", "PrefixAwareId": "web-shop 7"},
    "session": {"InferenceId": "-7._x", "SessionId": "NEW_SESSION", "Accept": "text/csv;q=0.5"},
    "artifact": {"TargetModel": "a/!_.'()+=@,~-/c.tar.gz", "TargetVariant": "green"},
    "slashes": {"TargetModel": "//x"},
}


@pytest.fixture(scope="module")
def clients():
    """A stub server, and both clients of each service that calls it."""
    with StubServer(sends(ANSWER)) as server:
        at = {**AWS, "endpoint_url": server.url}
        made = {
            service: [make(service, **at) for make in BOTH]
            for service in ("sagemaker-runtime", "s3", "secretsmanager", "sts")
        }
        yield server, made


def recorded(server, client, members):
    server.requests.clear()
    outcome(client, **members)  # what is answered is nothing to most services
    (only,) = server.requests
    return only


def assert_same(clients, service, **members):
    """The bytes are the same, with the signature, if both are signed in the same second."""
    server, made = clients
    for _ in range(TRIES):
        theirs, ours = (recorded(server, client, members) for client in made[service])
        if date_of(theirs) == date_of(ours):
            break
    assert on_the_wire(ours) == on_the_wire(theirs)
    assert b"\r\nAuthorization: AWS4-HMAC-SHA256 " in theirs


@pytest.mark.parametrize("name", KINDS)
def test_kinds(clients, name):
    """For every kind of target."""
    assert_same(clients, "sagemaker-runtime", **KINDS[name].invoke_args(), Body=b"{}")


@pytest.mark.parametrize("name", HEADERS)
def test_headers(clients, name):
    """For every text that a header may have."""
    usual = CALLS["sagemaker-runtime"][1]
    assert_same(clients, "sagemaker-runtime", **usual, **HEADERS[name])


@settings(max_examples=300 if LONG else 30, deadline=None)
@given(
    st.fixed_dictionaries(
        {"Body": st.binary(max_size=2000)},
        optional={
            name: st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)
            for name in ("ContentType", "Accept", "CustomAttributes", "InferenceId", "TargetModel")
        },
    )
)
def test_at_random(clients, members):
    """For random printable headers and random bodies."""
    assert_same(clients, "sagemaker-runtime", EndpointName="churn-prod", **members)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"\x00", id="zero"),
        pytest.param(b"POST / HTTP/1.1\r\nUser-Agent: x\r\n\r\n", id="a-request"),
        pytest.param(ALL_BYTES, id="all-bytes"),
        pytest.param(ALL_BYTES * 64, id="16-kB"),
        pytest.param(ALL_BYTES * 4096, id="1-MB"),
    ],
)
def test_bodies(clients, body):
    """For bodies of any bytes and any size."""
    assert_same(clients, "sagemaker-runtime", EndpointName="churn-prod", Body=body)


@pytest.mark.parametrize(
    ("service", "members"),
    [
        *((service, CALLS[service][1]) for service in ("s3", "secretsmanager", "sts")),
        ("s3", {"Bucket": "tables", "Key": "a b/é+%/routing.yaml", "IfNoneMatch": '"0a1b"'}),
        ("secretsmanager", {"SecretId": "keys", "VersionStage": "AWSCURRENT"}),
    ],
)
def test_other_services(clients, service, members):
    """For the services with the table and the keys, too."""
    assert_same(clients, service, **members)
