"""API keys in a real Secrets Manager's secret: read, changed, deleted, and out of reach."""

import json
import socket
import sys
import time
import uuid

import pytest

from chalicelib.auth.credentials import BadCredential
from chalicelib.auth.schemes import schemes
from chalicelib.aws.refreshed import StoreUnavailable
from chalicelib.settings import Settings
from tests.support.stand_in import StandIn
from tests.unit.auth.documents import api_key, document, entry
from tests.unit.auth.web import answering, closed_port

MAX_AGE = 60


@pytest.fixture(autouse=True)
def _account(monkeypatch):
    """What Lambda gives a function; where AWS is, each test says."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(name="reach")
def _reach(monkeypatch):
    return lambda url: monkeypatch.setenv("AWS_ENDPOINT_URL", url)


class Secret:
    """A secret of its own for each test."""

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
    """The scheme that the settings ask for, which knows nothing yet."""

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
    """From the secret, through Powertools."""
    secret.create(document(abcd1234=entry()))

    assert outcome(make(secret.name), api_key()) == "web-shop"


def test_read_as_bytes(secret, make):
    """A secret may be binary."""
    secret.create(SecretBinary=document(abcd1234=entry()).encode())

    assert outcome(make(secret.name), api_key()) == "web-shop"


def test_by_its_arn(secret, make):
    """As the settings allow."""
    secret.create(document(abcd1234=entry()))
    arn = secret.client.describe_secret(SecretId=secret.name)["ARN"]

    assert outcome(make(arn), api_key()) == "web-shop"


def test_revocation(secret, make, clock, capsys):
    """A disabled key is refused when the document has come of age, and not a second later."""
    secret.create(document(abcd1234=entry()))
    keys = make(secret.name)
    assert outcome(keys, api_key()) == "web-shop"
    secret.put(abcd1234=entry(disabled=True))

    lag = 0
    while outcome(keys, api_key()) == "web-shop":
        clock.passes(1)
        lag += 1

    with capsys.disabled():
        sys.stdout.write(f"\nrevocation lag: {lag} s with GATEWAY_KEYS_MAX_AGE={MAX_AGE}\n")
    assert lag == MAX_AGE
    assert outcome(keys, api_key()) == "disabled"


def test_rotation(secret, make, clock):
    """The new key is taken at the next look; the old one until its end."""
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
    """Warm, the last good one stays; cold, nothing can be said. The reason is in our words."""
    secret.create(document(abcd1234=entry()))
    warm, cold = make(secret.name), make(secret.name)
    assert outcome(warm, api_key()) == "web-shop"
    secret.client.put_secret_value(SecretId=secret.name, SecretString=text or "x")
    clock.passes(MAX_AGE)

    assert (outcome(warm, api_key()), outcome(cold, api_key())) == ("web-shop", "unavailable")
    assert {store for store, _ in reports} == {"keys"}
    assert all(reason.startswith("the key document is refused: ") for _, reason in reports)


def test_several_problems(secret, make, reports):
    """The first is told, and how many more there are."""
    secret.create(document(abcd1234=entry(sha256="x", disabled=0), BAD=entry()))
    outcome(make(secret.name), api_key())

    assert reports == [
        (
            "keys",
            "the key document is refused: keys.abcd1234.sha256: must be 64 lower-case "
            "hexadecimal digits (and 2 more)",
        )
    ]


class TestNoSecret:
    """The store answers that there is none: then there are no keys."""

    def test_never_was(self, secret, make, reports):
        """A deployment that takes JWTs alone needs none."""
        assert outcome(make(secret.name), api_key()) == "unknown-key"
        assert reports == []

    def test_without_a_value(self, secret, make):
        """Created, and nothing put into it yet."""
        secret.client.create_secret(Name=secret.name)

        assert outcome(make(secret.name), api_key()) == "unknown-key"

    @pytest.mark.parametrize(
        "how", [{"ForceDeleteWithoutRecovery": True}, {"RecoveryWindowInDays": 7}], ids=str
    )
    def test_deleted(self, secret, make, clock, how):
        """At once or with a time to think about it: every key is revoked."""
        secret.create(document(abcd1234=entry()))
        keys = make(secret.name)
        assert outcome(keys, api_key()) == "web-shop"
        secret.client.delete_secret(SecretId=secret.name, **how)
        clock.passes(MAX_AGE)

        assert outcome(keys, api_key()) == "unknown-key"

    def test_restored(self, secret, make, clock):
        """And they are good again."""
        secret.create(document(abcd1234=entry()))
        secret.client.delete_secret(SecretId=secret.name, RecoveryWindowInDays=7)
        keys = make(secret.name)
        assert outcome(keys, api_key()) == "unknown-key"
        secret.client.restore_secret(SecretId=secret.name)
        clock.passes(MAX_AGE)

        assert outcome(keys, api_key()) == "web-shop"


class TestOutage:
    def test_ten_minutes(self, make, reach, clock, reports, capsys):
        """The store is gone: warm, every call goes on; cold, none can be judged."""
        with StandIn("--creating-seconds", "0.05") as store:
            reach(store.url)
            client = store.client("secretsmanager")
            client.create_secret(Name="keys", SecretString=document(abcd1234=entry()))
            client.close()
            warm, cold = make("keys"), make("keys")
            assert outcome(warm, api_key()) == "web-shop"
        answers, seconds = [], []
        for _ in range(600):
            started = time.perf_counter()
            answers.append(outcome(warm, api_key()))
            seconds.append(time.perf_counter() - started)
            clock.passes(1)

        assert set(answers) == {"web-shop"}
        assert outcome(cold, api_key()) == "unavailable"
        attempts = len(reports) - 1
        assert attempts == (600 - MAX_AGE) / 10
        with capsys.disabled():
            sys.stdout.write(
                f"\nkey store away for 600 s: {answers.count('web-shop')} of 600 let in, "
                f"{attempts} attempts, longest {max(seconds) * 1000:.0f} ms\n"
            )

    def test_nobody_listens(self, make, reach, reports):
        """Cold: known at once, and told by its kind."""
        reach(f"http://127.0.0.1:{closed_port()}")

        assert outcome(make("keys"), api_key()) == "unavailable"
        assert reports == [("keys", "EndpointConnectionError")]

    def test_silence(self, make, reach, reports):
        """Two seconds, once, and no second try; who comes next does not wait."""
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
        """AWS's code is told, and nothing else that it says."""
        answer = json.dumps({"__type": "AccessDeniedException", "Message": "arn:aws:iam::c4n4ry"})
        with answering(400, answer.encode()) as url:
            reach(url)
            assert outcome(make("keys"), api_key()) == "unavailable"

        assert reports == [("keys", "AccessDeniedException")]

    def test_no_region(self, make, reach, monkeypatch, reports):
        """What stops the client from being made is an outage like any other."""
        monkeypatch.delenv("AWS_DEFAULT_REGION")

        assert outcome(make("keys"), api_key()) == "unavailable"
        assert reports == [("keys", "NoRegionError")]
