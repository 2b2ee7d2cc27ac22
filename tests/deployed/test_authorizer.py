"""The zip's second function, `app.authorize`, with a key store, and without one."""

import json
import threading
import time
from contextlib import contextmanager

import pytest

from tests.support import function
from tests.support.canary import CANARY
from tests.support.events import token_event
from tests.support.problems import assert_problem
from tests.support.recorder import Answer
from tests.support.http_server import StubServer
from tests.unit.auth.documents import api_key, document, entry

SECRET = "inference-gateway/keys"
GOOD, DISABLED, EXPIRED = (api_key(key_id) for key_id in ("abcd1234", "d1sabled", "exp1red0"))
WRONG_SECRET, UNKNOWN = api_key(secret="x" * 43), api_key("n0tth3re")
KEYS = document(
    abcd1234=entry(GOOD, grants=["iris", "is-digit/7"], expires="2099-01-01T00:00:00Z"),
    d1sabled=entry(DISABLED, disabled=True),
    exp1red0=entry(EXPIRED, expires="2020-01-01T00:00:00Z"),
)
OK = {
    "outcome": "ok",
    "principal": "web-shop",
    "grants": "iris is-digit/7",
    "expires": "4070908800",
    "key_id": "abcd1234",
}
NO_MODEL, NOBODY = (404, "unknown-model"), (401, "unauthorized")
# Lambda's part of a cold start is over when a function is asked; this is one's own.
QUICK_SECONDS = 5.0
JSON = ("Content-Type", "application/json")


@pytest.fixture(scope="module", name="authorizer")
def _authorizer(package, task_root, sagemaker_local):
    """With keys in the local Secrets Manager."""
    secrets = sagemaker_local.client("secretsmanager")
    secrets.create_secret(Name=SECRET, SecretString=KEYS)
    with function.start_authorizer(package, task_root, sagemaker_local.url) as running:
        yield running
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


@contextmanager
def refusing():
    """A store whose port is closed."""
    with StubServer() as recorder:
        url = recorder.url
    yield url


@contextmanager
def silent():
    """A store that takes the question, and says nothing."""
    silence = threading.Event()
    with StubServer() as recorder:
        recorder.answer = lambda _: silence.wait(20) and Answer(b"{}")
        try:
            yield recorder.url
        finally:
            silence.set()


@contextmanager
def failing():
    """A store that has other worries."""
    with StubServer() as recorder:
        recorder.answer = lambda _: Answer(b'{"message": "secret"}', 500)
        yield recorder.url


STORES = [refusing, silent, failing]


@pytest.fixture(name="cold", params=STORES, ids=[store.__name__ for store in STORES])
def _cold(request, package, task_root):
    """One that has never seen its store."""
    with request.param() as url, function.start_authorizer(package, task_root, url) as running:
        yield running


def asked(authorizer, key):
    """What it answers about a key, what it writes down, and how long it takes."""
    before, started = len(authorizer.log), time.monotonic()
    answer = authorizer.invoke(token_event(f"Bearer {key}", "POST", "/predict/iris"))
    seconds = time.monotonic() - started
    written = map(json.loads, authorizer.log[before:].splitlines())
    lines = [line for line in written if line.get("message") == "credential"]
    return answer, lines, seconds


def test_template(package):
    """Every route but /health asks it, and what it says is kept for a minute."""
    declared = package.api["securityDefinitions"]["authorize"]
    asking = {
        (path, method)
        for path, methods in package.api["paths"].items()
        for method, route in methods.items()
        if route.get("security") == [{"authorize": []}]
    }
    routes = {
        (path, method)
        for path, methods in package.api["paths"].items()
        for method in methods.keys() - {"options"}
    }

    assert asking == routes - {("/health", "get")}
    assert (declared["in"], declared["name"]) == ("header", "Authorization")
    assert declared["x-amazon-apigateway-authorizer"]["type"] == "token"
    assert declared["x-amazon-apigateway-authorizer"]["authorizerResultTtlInSeconds"] == 60
    assert package.authorizer["Handler"] == "app.authorize"
    assert package.authorizer["CodeUri"] == package.function["CodeUri"]
    assert package.authorizer["Environment"] == package.function["Environment"]


def test_good_key(authorizer):
    """An Allow on every route of this stage of this API, and who it is, in texts."""
    answer, (line,), _ = asked(authorizer, GOOD)

    assert answer == {
        "principalId": "web-shop",
        "context": OK,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": ["arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api/*/*"],
                }
            ],
        },
    }
    assert (line["outcome"], line["principal"], line["key_id"]) == ("ok", "web-shop", "abcd1234")
    assert line["service"] == "inference-gateway-dev"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        pytest.param(WRONG_SECRET, "wrong-secret", id="wrong-secret"),
        pytest.param(UNKNOWN, "unknown-key", id="unknown"),
        pytest.param(DISABLED, "disabled", id="disabled"),
        pytest.param(EXPIRED, "expired", id="expired"),
        pytest.param("gw_short", "malformed", id="malformed"),
        pytest.param("eyJ.eyJ.x", "no-issuer", id="jwt-without-an-issuer"),
    ],
)
def test_bad_key(authorizer, key, reason):
    """The same Allow, and one word for all of them; the reason is in the log alone."""
    answer, (line,), _ = asked(authorizer, key)

    good, _, _ = asked(authorizer, GOOD)
    assert answer == {**good, "principalId": "nobody", "context": {"outcome": "unauthorized"}}
    assert (line["outcome"], line["reason"]) == ("unauthorized", reason)


def test_no_key_is_in_its_log(authorizer):
    """Neither good nor bad ones."""
    for key in (GOOD, WRONG_SECRET, UNKNOWN, f"gw_{CANARY}"):
        asked(authorizer, key)

    assert "gw_" not in authorizer.log
    assert "x" * 43 not in authorizer.log
    assert "s" * 43 not in authorizer.log
    assert CANARY not in authorizer.log


def test_store_away_when_cold(cold):
    """Never a 401 for an outage, and soon enough for the caller to hear of it."""
    answer, (line,), seconds = asked(cold, GOOD)

    assert answer["context"] == {"outcome": "unavailable"}
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert line["outcome"] == "unavailable"
    assert seconds < QUICK_SECONDS
    _, _, again = asked(cold, GOOD)
    assert again < 0.5  # it does not wait twice
    assert "secret" not in line["reason"]


@pytest.fixture(name="api")
def _api(package, recorded_function, recorder, authorizer):
    """Both functions, and the recorder in SageMaker's place."""
    running, _ = recorded_function
    return function.door(package, running, authorizer)


def called(api, key, request_line):
    headers = [JSON, ("Authorization", f"Bearer {key}")]
    return api.send(*request_line.split(), headers, b'{"instances": []}')


@pytest.mark.parametrize("path", ["iris", "is-digit/7"])
def test_let_in(api, recorder, path):
    """What the one function says is what the other needs; SageMaker never sees the key."""
    assert called(api, GOOD, f"POST /predict/{path}").status == 200
    (arrived,) = recorder.arrived
    assert GOOD not in f"{arrived.headers}{arrived.body}"


def test_what_it_may_call(api):
    """Two models, and of the one a single digit."""
    models = called(api, GOOD, "GET /models").json()["models"]

    assert {model["name"]: model["parameters"] for model in models} == {
        "iris": {},
        "is-digit/{digit}": {"digit": {"one_of": ["7"]}},
    }


@pytest.mark.parametrize(
    ("key", "request_line", "refusal"),
    [
        pytest.param(GOOD, "POST /predict/is-digit/8", NO_MODEL, id="other-value"),
        pytest.param(GOOD, "POST /predict/wine", NO_MODEL, id="forbidden"),
        pytest.param(GOOD, "POST /predict/nothing", NO_MODEL, id="unknown"),
        pytest.param(GOOD, "GET /models/wine", NO_MODEL, id="not-shown"),
        pytest.param(WRONG_SECRET, "POST /predict/iris", NOBODY, id="wrong-secret"),
        pytest.param(DISABLED, "POST /predict/iris", NOBODY, id="disabled"),
        pytest.param(EXPIRED, "GET /models/iris", NOBODY, id="expired"),
        pytest.param(UNKNOWN, "GET /models", NOBODY, id="unknown-key"),
    ],
)
def test_not_let_in(api, recorder, key, request_line, refusal):
    """A problem with CORS, and SageMaker is not asked."""
    answer = called(api, key, request_line)

    assert_problem(answer, *refusal)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert recorder.arrived == []


def test_store_away(package, recorded_function, recorder, cold):
    """The handler says so, for every route but /health."""
    running, _ = recorded_function
    api = function.door(package, running, cold)

    for request_line in ("POST /predict/iris", "GET /models", "GET /models/iris"):
        answer = called(api, GOOD, request_line)
        assert_problem(answer, 503, "auth-unavailable")
        assert answer.headers["access-control-allow-origin"] == "*"
    assert called(api, GOOD, "GET /health").status == 200
    assert recorder.arrived == []
