"""The package's second function, `app.authorize`, with and without its key store."""

import json
import time
from contextlib import contextmanager

import pytest

from tests.api_gateway.simulator import ApiGateway
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.events import token_event
from tests.support.http_server import StubServer, response, sends, waits
from tests.support.key_documents import api_key, document, entry
from tests.support.lambda_process import (
    AUTHORIZER,
    HANDLER,
    FunctionFailed,
    LambdaProcess,
    client_of,
)
from tests.support.ports import closed_port

SECRET = "inference-gateway/dev/keys"
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
# The function's own part of a cold start, after Lambda's.
QUICK_SECONDS = 5.0
JSON = ("Content-Type", "application/json")
URN = "urn:inference-gateway:"


@pytest.fixture(scope="module", name="authorizer")
def _authorizer(package, task_root, sagemaker_local):
    """An authorizer whose keys are in the local Secrets Manager."""
    secrets = sagemaker_local.client("secretsmanager")
    secrets.create_secret(Name=SECRET, SecretString=KEYS)
    with LambdaProcess.of_package(package, task_root, sagemaker_local.url, AUTHORIZER) as running:
        yield running
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


@contextmanager
def refusing():
    """A store whose port is closed."""
    yield closed_port()


@contextmanager
def silent():
    """A store that never responds."""
    with StubServer(waits(20)) as store:
        yield store.url


@contextmanager
def failing():
    """A store that fails."""
    with StubServer(sends(response(500, b'{"message": "secret"}'))) as store:
        yield store.url


STORES = [refusing, silent, failing]


@pytest.fixture(name="cold", params=STORES, ids=[store.__name__ for store in STORES])
def _cold(request, package, task_root):
    """An authorizer that has never reached its store."""
    with (
        request.param() as url,
        LambdaProcess.of_package(package, task_root, url, AUTHORIZER) as running,
    ):
        yield running


def asked(authorizer, key):
    """Return its result for a key, or how it failed, its lines of log, and how long it took."""
    before, started = len(authorizer.log), time.monotonic()
    try:
        response = authorizer.invoke(token_event(f"Bearer {key}", "POST", "/predict/iris"))
    except FunctionFailed as failed:
        response = failed
    seconds = time.monotonic() - started
    written = [line for line in authorizer.log[before:].splitlines() if line.startswith("{")]
    lines = [line for line in map(json.loads, written) if line.get("message") == "credential"]
    return response, lines, seconds


OPEN = ("/", "/health", "/page/{file}")


def test_template(package):
    """Every route but those that are open has the authorizer; its result is kept for a minute."""
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

    of_everybody = {(path, one) for path in OPEN for one in ("get", "head")}
    assert of_everybody < routes
    assert asking == routes - of_everybody
    assert (declared["in"], declared["name"]) == ("header", "Authorization")
    assert declared["x-amazon-apigateway-authorizer"]["type"] == "token"
    assert declared["x-amazon-apigateway-authorizer"]["authorizerResultTtlInSeconds"] == 60
    assert package.authorizer["Handler"] == "app.authorize"
    assert package.authorizer["CodeUri"] == package.function["CodeUri"]
    assert package.authorizer["Environment"] == package.function["Environment"]


def test_good_key(authorizer):
    """A good key gets an Allow for every route of the stage; the context has only text."""
    response, (line,), _ = asked(authorizer, GOOD)

    assert response == {
        "principalId": "web-shop",
        "context": {**OK, "credential_request_id": line["request_id"]},
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
    """A bad key gets the same Allow, with `unauthorized`; only the log has the reason."""
    response, (line,), _ = asked(authorizer, key)

    good, _, _ = asked(authorizer, GOOD)
    context = {"outcome": "unauthorized", "credential_request_id": line["request_id"]}
    assert response == {**good, "principalId": "nobody", "context": context}
    assert (line["outcome"], line["reason"]) == ("unauthorized", reason)


def test_no_key_is_in_its_log(authorizer):
    """The log has neither good nor bad keys."""
    for key in (GOOD, WRONG_SECRET, UNKNOWN, f"gw_{CANARY}"):
        asked(authorizer, key)

    assert "gw_" not in authorizer.log
    assert "x" * 43 not in authorizer.log
    assert "s" * 43 not in authorizer.log
    assert CANARY not in authorizer.log


def test_store_away_when_cold(cold):
    """An outage of the store is a failure with a line, quickly, and never a 401."""
    failed, (line,), seconds = asked(cold, GOOD)

    assert isinstance(failed, FunctionFailed)
    assert "the credential cannot be checked now" in str(failed)
    assert line["outcome"] == "unavailable"
    assert seconds < QUICK_SECONDS
    _, _, again = asked(cold, GOOD)
    assert again < 0.5  # it does not wait a second time
    assert "secret" not in line["reason"]
    assert "gw_" not in cold.log + str(failed)


@pytest.fixture(name="api")
def _api(package, recorded_function, sagemaker, authorizer):
    """A client of both functions, with a stub server in SageMaker's place."""
    running, _ = recorded_function
    return client_of(package, running, authorizer)


def called(api, key, request_line):
    headers = [JSON, ("Authorization", f"Bearer {key}")]
    return api.send(*request_line.split(), headers, b'{"instances": []}')


@pytest.mark.parametrize("path", ["iris", "is-digit/7"])
def test_let_in(api, sagemaker, path):
    """A good key reaches the model; SageMaker never sees the key."""
    assert called(api, GOOD, f"POST /predict/{path}").status == 200
    (request,) = sagemaker.requests
    assert GOOD not in f"{request}"


@row("K4")
def test_store_away(package, recorded_function, sagemaker, cold, seen):
    """Without the key store every route but /health is `auth-unavailable`, by API Gateway."""
    running, _ = recorded_function
    template = json.loads((package.project / "build/sam.json").read_bytes())
    functions = {HANDLER: running, AUTHORIZER: cold}
    api = ApiGateway(template, {name: invoked(one) for name, one in functions.items()})
    headers = [JSON, ("Authorization", f"Bearer {GOOD}")]

    for request_line in ("POST /predict/iris", "GET /models", "GET /models/iris"):
        response = api.handle(*request_line.split(), headers, b'{"instances": []}').response
        assert (response.status, response.json()["type"]) == (503, f"{URN}auth-unavailable")
        assert response.headers["access-control-allow-origin"] == "*"
        assert int(response.headers["retry-after"]) >= 1
    assert api.handle("GET", "/health", headers).response.status == 200
    assert sagemaker.requests == []
    seen("503 auth-unavailable")


def invoked(function):
    return lambda event, _: function.invoke(event)
