"""API keys in a secret that the real client reads from a server that speaks Secrets Manager."""

import json
import os
import socket
import time
import uuid

import pytest

from chalicelib.auth.credentials import BadCredential
from chalicelib.auth.schemes import schemes
from chalicelib.aws.refreshed import StoreUnavailable
from chalicelib.settings import Settings
from tests.faults.rows import row
from tests.support.http_server import StubServer, sends
from tests.support.key_documents import api_key, document, entry
from tests.support.ports import free_port
from tests.support.stand_in import StandIn

MAX_AGE = 60


@pytest.fixture(autouse=True)
def _account(monkeypatch):
    """The environment of a Lambda function; each test sets the endpoint."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


@pytest.fixture(name="reach")
def _reach(monkeypatch):
    return lambda url: monkeypatch.setenv("AWS_ENDPOINT_URL", url)


class Secret:
    """A secret with a name that no other test uses."""

    def __init__(self, client):
        self.client = client
        self.name = f"inference-gateway/{uuid.uuid4().hex}"

    def create(self, text=None, **value):
        self.client.create_secret(Name=self.name, **(value or {"SecretString": text}))

    def put(self, **entries):
        self.client.put_secret_value(SecretId=self.name, SecretString=document(**entries))


@pytest.fixture(name="secret")
def _secret(sagemaker_local, reach):
    reach(sagemaker_local.url)
    client = sagemaker_local.client("secretsmanager")
    yield Secret(client)
    client.close()


@pytest.fixture(name="reports")
def _reports():
    return []


@pytest.fixture(name="make")
def _make(clock, reports):
    """Return the scheme for this secret; it has read nothing yet."""

    def make(name):
        settings = Settings.from_env({"GATEWAY_KEYS_SECRET": name})
        assert settings.keys_max_age == MAX_AGE
        made = schemes(settings, clock=clock, report_failure=lambda *report: reports.append(report))
        return made.api_keys

    return make


def outcome(keys, key):
    try:
        return keys.authenticate(key).principal
    except BadCredential as refused:
        return refused.reason
    except StoreUnavailable:
        return "unavailable"


def test_read(secret, make):
    """The keys are read from the text of the secret."""
    secret.create(document(abcd1234=entry()))

    assert outcome(make(secret.name), api_key()) == "web-shop"


def test_read_as_bytes(secret, make):
    """The keys are read from a binary secret."""
    secret.create(SecretBinary=document(abcd1234=entry()).encode())

    assert outcome(make(secret.name), api_key()) == "web-shop"


def test_by_its_arn(secret, make):
    """The settings may name the secret by its ARN."""
    secret.create(document(abcd1234=entry()))
    arn = secret.client.describe_secret(SecretId=secret.name)["ARN"]

    assert outcome(make(arn), api_key()) == "web-shop"


def test_revocation(secret, make, clock):
    """A disabled key is refused as soon as the document has reached its maximum age."""
    secret.create(document(abcd1234=entry()))
    keys = make(secret.name)
    assert outcome(keys, api_key()) == "web-shop"
    secret.put(abcd1234=entry(disabled=True))

    lag = 0
    while outcome(keys, api_key()) == "web-shop":
        clock.passes(1)
        lag += 1

    assert lag == MAX_AGE
    assert outcome(keys, api_key()) == "disabled"


def test_rotation(secret, make, clock):
    """A new key is good after the next read; the old key is good until it expires."""
    old, new = api_key(), api_key("efgh5678", "n" * 43)
    secret.create(document(abcd1234=entry()))
    keys = make(secret.name)
    assert (outcome(keys, old), outcome(keys, new)) == ("web-shop", "unknown-key")

    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.now + 24 * 3600))
    secret.put(abcd1234=entry(expires=end), efgh5678=entry(new))
    clock.passes(MAX_AGE)
    assert (outcome(keys, old), outcome(keys, new)) == ("web-shop", "web-shop")

    clock.passes(24 * 3600)
    assert (outcome(keys, old), outcome(keys, new)) == ("expired", "web-shop")


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "[]", '{"keys": []}', document(abcd1234=entry(grants="*")), " " * 65_500],
    ids=lambda text: repr(text[:20]),
)
def test_bad_document(secret, make, clock, reports, text):
    """The last good document is used; without one the result is `unavailable`."""
    secret.create(document(abcd1234=entry()))
    warm, cold = make(secret.name), make(secret.name)
    assert outcome(warm, api_key()) == "web-shop"
    secret.client.put_secret_value(SecretId=secret.name, SecretString=text or "x")
    clock.passes(MAX_AGE)

    assert (outcome(warm, api_key()), outcome(cold, api_key())) == ("web-shop", "unavailable")
    assert {store for store, _ in reports} == {"keys"}
    assert all(reason.startswith("the key document is refused: ") for _, reason in reports)


def test_several_problems(secret, make, reports):
    """The log has the first problem and the number of the others."""
    secret.create(document(abcd1234=entry(sha256="x", disabled=0), BAD=entry()))
    outcome(make(secret.name), api_key())

    assert reports == [
        (
            "keys",
            "the key document is refused: keys.abcd1234.sha256: must be 64 lower-case "
            "hexadecimal digits (and 2 more)",
        )
    ]


def test_all_revoked(secret, make, clock, reports):
    """A document without keys is in force like any other: no key is good any more."""
    secret.create(document(abcd1234=entry()))
    warm, cold = make(secret.name), make(secret.name)
    assert outcome(warm, api_key()) == "web-shop"
    secret.put()
    clock.passes(MAX_AGE)

    assert (outcome(warm, api_key()), outcome(cold, api_key())) == ("unknown-key", "unknown-key")
    assert reports == []


class TestNoSecret:
    """Secrets Manager says that there is no secret, which may be a mistake of the operator."""

    @row("K2")
    def test_misspelt(self, secret, make, clock, reports):
        """Keys cannot be checked, and every look reports AWS's code."""
        secret.create(document(abcd1234=entry()))
        keys = make(f"{secret.name}-misspelt")
        for _ in range(20):
            assert outcome(keys, api_key()) == "unavailable"
            clock.passes(1)

        assert reports == [("keys", "ResourceNotFoundException")] * 2

    def test_without_a_value(self, secret, make, reports):
        """A secret that was created without a value is not read either."""
        secret.client.create_secret(Name=secret.name)

        assert outcome(make(secret.name), api_key()) == "unavailable"
        assert reports == [("keys", "ResourceNotFoundException")]

    @row("K2")
    @pytest.mark.parametrize(
        "deletion",
        [
            ({"ForceDeleteWithoutRecovery": True}, "ResourceNotFoundException"),
            ({"RecoveryWindowInDays": 7}, "InvalidRequestException"),
        ],
        ids=["deleted", "marked"],
    )
    def test_deleted(self, secret, make, clock, reports, deletion):
        """The last good document is used on for a day, as in an outage."""
        how, code = deletion
        secret.create(document(abcd1234=entry()))
        warm, cold = make(secret.name), make(secret.name)
        assert outcome(warm, api_key()) == "web-shop"
        secret.client.delete_secret(SecretId=secret.name, **how)
        clock.passes(MAX_AGE)

        assert (outcome(warm, api_key()), outcome(cold, api_key())) == ("web-shop", "unavailable")
        assert reports == [("keys", code)] * 2
        clock.passes(24 * 3600 - MAX_AGE)
        assert outcome(warm, api_key()) == "unavailable"

    def test_restored(self, secret, make, clock):
        """The keys of a restored secret are good again ten seconds later."""
        secret.create(document(abcd1234=entry()))
        secret.client.delete_secret(SecretId=secret.name, RecoveryWindowInDays=7)
        keys = make(secret.name)
        assert outcome(keys, api_key()) == "unavailable"
        secret.client.restore_secret(SecretId=secret.name)
        clock.passes(10)

        assert outcome(keys, api_key()) == "web-shop"


class TestOutage:
    def test_a_day(self, make, reach, clock, reports):
        """The last good keys are used for a day; every 10 seconds one caller tries the store."""
        with StandIn("--creating-seconds", "0.05") as store:
            reach(store.url)
            client = store.client("secretsmanager")
            client.create_secret(Name="keys", SecretString=document(abcd1234=entry()))
            client.close()
            warm, cold = make("keys"), make("keys")
            assert outcome(warm, api_key()) == "web-shop"
        outcomes = []
        for _ in range(600):
            outcomes.append(outcome(warm, api_key()))
            clock.passes(1)

        assert set(outcomes) == {"web-shop"}
        assert len(reports) == (600 - MAX_AGE) / 10
        assert outcome(cold, api_key()) == "unavailable"
        clock.passes(24 * 3600 - 601)
        assert outcome(warm, api_key()) == "web-shop"
        clock.passes(1)
        assert outcome(warm, api_key()) == "unavailable"

    def test_refused_connection(self, make, reach, reports):
        """The log has the class of the error."""
        reach(f"http://127.0.0.1:{free_port()}")

        assert outcome(make("keys"), api_key()) == "unavailable"
        assert reports == [("keys", "EndpointConnectionError")]

    def test_silence(self, make, reach, reports):
        """One caller waits for two seconds, without a retry; the next callers do not wait."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            reach(f"http://127.0.0.1:{silent.getsockname()[1]}")
            keys = make("keys")
            started = time.monotonic()
            assert outcome(keys, api_key()) == "unavailable"
            first = time.monotonic() - started
            for _ in range(100):
                assert outcome(keys, api_key()) == "unavailable"

        assert 1.9 < first < 3.0
        assert time.monotonic() - started - first < 0.1
        assert reports == [("keys", "ReadTimeoutError")]

    def test_refused_by_aws(self, make, reach, reports):
        """The log has AWS's error code, and nothing else of the response."""
        body = json.dumps({"__type": "AccessDeniedException", "Message": "arn:aws:iam::c4n4ry"})
        response = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        with StubServer(sends(response.encode())) as store:
            reach(store.url)
            assert outcome(make("keys"), api_key()) == "unavailable"

        assert reports == [("keys", "AccessDeniedException")]

    def test_no_region(self, make, reach, monkeypatch, reports):
        """If the client cannot be made, the result is `unavailable`."""
        monkeypatch.delenv("AWS_DEFAULT_REGION")

        assert outcome(make("keys"), api_key()) == "unavailable"
        assert reports == [("keys", "NoRegionError")]
