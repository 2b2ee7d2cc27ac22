"""`app.authorize`: it identifies the caller, always allows, and raises for bugs.

On Lambda it also raises if it cannot check a credential.
"""

import json
import traceback

import pytest
from chalice.config import Config
from chalice.local import LocalGateway, NotAuthorizedError

from chalicelib.api.authorizers import AuthorizerFailed
from chalicelib.api.factory import create_app
from chalicelib.auth.credentials import BadCredential, Identity
from chalicelib.aws.refreshed import StoreUnavailable
from chalicelib.settings import Settings
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.clients import TOKEN, LambdaClient
from tests.support.events import CONTEXT, LambdaContext, token_event
from tests.support.gateway import IDENTITY, FakeScheme, Log, build_gateway
from tests.support.vectors import vectors

# What a line of the authorizer's log may hold: ours, and Powertools' own.
KEYS = {
    *("request_id", "outcome", "reason", "principal", "key_id", "grants"),
    *("level", "location", "message", "timestamp", "service"),
}


class Desk:
    """A gateway's authorizer, called as API Gateway calls it."""

    def __init__(self, known, **settings):
        self.scheme = FakeScheme(known)
        self._gateway = build_gateway(LambdaClient, scheme=self.scheme, **settings)
        self.log = self._gateway.log

    def ask(self, authorization, method="POST", path="/predict/iris", context=None):
        return self.deliver(token_event(authorization, method, path), context)

    def deliver(self, event, context=None):
        authorize = self._gateway.app.handler_map["authorize"]
        return json.loads(json.dumps(authorize(json.loads(json.dumps(event)), context)))


@pytest.fixture(name="desk")
def _desk():
    return Desk(
        {
            TOKEN: IDENTITY,
            "jwt": Identity("user|7", ("iris", "house-price/*"), 1_900_000_000),
            "no-grants": Identity("nobody-much", (), None, "abcd1234"),
            "bad": BadCredential("wrong-secret"),
            "known": BadCredential("wrong-secret", "abcd1234"),
            "away": StoreUnavailable("ReadTimeoutError"),
        }
    )


@pytest.mark.parametrize(
    ("token", "principal", "context"),
    [
        pytest.param(TOKEN, "tests", CONTEXT, id="key"),
        pytest.param(
            "jwt",
            "user|7",
            {
                "outcome": "ok",
                "principal": "user|7",
                "grants": "iris house-price/*",
                "expires": "1900000000",
                "key_id": "",
            },
            id="jwt",
        ),
        pytest.param(
            "no-grants",
            "nobody-much",
            {
                "outcome": "ok",
                "principal": "nobody-much",
                "grants": "",
                "expires": "",
                "key_id": "abcd1234",
            },
            id="no-grants",
        ),
        pytest.param("bad", "nobody", {"outcome": "unauthorized"}, id="bad"),
        pytest.param("unknown", "nobody", {"outcome": "unauthorized"}, id="of-no-scheme"),
        pytest.param("away", "nobody", {"outcome": "unavailable"}, id="store-away"),
    ],
)
@pytest.mark.parametrize("route", ["POST /predict/iris", "GET /models", "GET /models/a/b/c"])
def test_answer(desk, token, principal, context, route):
    """The result allows every route, because API Gateway caches it; the context is text."""
    response = desk.ask(f"Bearer {token}", *route.split())

    assert (response["principalId"], response["context"]) == (principal, context)
    assert all(isinstance(value, str) for value in response["context"].values())
    assert response["policyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Action": "execute-api:Invoke",
                "Effect": "Allow",
                "Resource": ["arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api/*/*"],
            }
        ],
    }


@pytest.mark.parametrize(
    ("authorization", "outcome"),
    [
        pytest.param(f"Bearer {TOKEN}", "ok", id="Bearer"),
        pytest.param(f"bearer {TOKEN}", "ok", id="lower-case"),
        pytest.param(f"BEARER {TOKEN}", "ok", id="upper-case"),
        pytest.param(TOKEN, "unauthorized", id="no-scheme"),
        pytest.param(f"Basic {TOKEN}", "unauthorized", id="Basic"),
        pytest.param(f"Bearers {TOKEN}", "unauthorized", id="another-scheme"),
        pytest.param(f"Bearer  {TOKEN}", "unauthorized", id="two-spaces"),
        pytest.param(f" Bearer {TOKEN}", "unauthorized", id="space-before"),
        pytest.param(f"Bearer {TOKEN} ", "unauthorized", id="space-after"),
        pytest.param(f"Bearer\t{TOKEN}", "unauthorized", id="tab"),
        pytest.param(f"Bearer {TOKEN}\n", "unauthorized", id="line-end"),
        pytest.param(f"Bearer {TOKEN} {TOKEN}", "unauthorized", id="two-tokens"),
        pytest.param(f"Bearer {TOKEN}, Bearer {TOKEN}", "unauthorized", id="two-credentials"),
        pytest.param(f'Bearer "{TOKEN}"', "unauthorized", id="quotes"),
        pytest.param(f"Bearer {TOKEN.upper()}", "unauthorized", id="case-of-the-token"),
        pytest.param("Bearer", "unauthorized", id="no-token"),
        pytest.param("Bearer ", "unauthorized", id="empty-token"),
        pytest.param("", "unauthorized", id="empty"),
        pytest.param(" ", "unauthorized", id="blank"),
        pytest.param("Bearer " + "x" * 9_000, "unauthorized", id="9-kB"),
        pytest.param("Bearer gw_" + "x" * 9_000, "unauthorized", id="9-kB-key"),
        pytest.param("Bearer grüße", "unauthorized", id="non-ascii"),
        pytest.param("Bearer \ud800", "unauthorized", id="half-a-character"),
        pytest.param("Bearer \x00", "unauthorized", id="nul"),
    ],
)
def test_header(desk, authorization, outcome):
    """The header is `Bearer` in any case, one space, and the token."""
    assert desk.ask(authorization)["context"]["outcome"] == outcome


def test_no_scheme_is_asked_about_what_is_no_bearer_token(desk):
    """A header of another form is refused without checking it."""
    for authorization in ("", "Bearer", "Bearer  x", "Basic x", TOKEN, "Bearer x "):
        desk.ask(authorization)

    assert desk.scheme.tokens == []
    assert {line["reason"] for line in desk.log.credentials} == {"no-bearer-token"}


@pytest.mark.parametrize(
    ("token", "line"),
    [
        pytest.param(
            TOKEN,
            {"outcome": "ok", "principal": "tests", "key_id": "k3yoft3s", "grants": 1},
            id="key",
        ),
        pytest.param("jwt", {"outcome": "ok", "principal": "user|7", "grants": 2}, id="jwt"),
        pytest.param(
            "no-grants",
            {"outcome": "ok", "principal": "nobody-much", "key_id": "abcd1234", "grants": 0},
            id="no-grants",
        ),
        pytest.param(
            "bad", {"outcome": "unauthorized", "reason": "wrong-secret", "grants": 0}, id="bad"
        ),
        pytest.param(
            "known",
            {
                "outcome": "unauthorized",
                "reason": "wrong-secret",
                "key_id": "abcd1234",
                "grants": 0,
            },
            id="bad-secret-of-a-known-key",
        ),
        pytest.param(
            "what",
            {"outcome": "unauthorized", "reason": "no-scheme", "grants": 0},
            id="of-no-scheme",
        ),
        pytest.param(
            "away",
            {"outcome": "unavailable", "reason": "ReadTimeoutError", "grants": 0},
            id="away",
        ),
    ],
)
def test_log(desk, token, line):
    """Each credential leaves one line, which alone has the reason."""
    desk.ask(f"Bearer {token}")

    (logged,) = desk.log.credentials
    assert {name: logged[name] for name in logged.keys() & {*line, "reason", "key_id"}} == line
    assert logged.keys() <= KEYS
    assert desk.log.lines == []


@pytest.mark.parametrize("token", [TOKEN, "jwt", "no-grants", "bad", "known", "unknown", "away"])
def test_request_id(desk, token):
    """The line and the context have Lambda's id of the call, so that each leads to the other."""
    response = desk.ask(f"Bearer {token}", context=LambdaContext("lambdas-own"))

    assert response["context"]["credential_request_id"] == "lambdas-own"
    assert desk.log.credentials[0]["request_id"] == "lambdas-own"
    assert "lambdas-own" not in json.dumps(desk.ask(f"Bearer {token}"))


@pytest.mark.parametrize("request_id", [None, 7, "", "a b", "a\n", "ü", "x" * 129])
def test_odd_request_id(desk, request_id):
    """What is no request id is left out."""
    response = desk.ask(f"Bearer {TOKEN}", context=LambdaContext(request_id))

    assert response["context"] == CONTEXT
    assert "request_id" not in desk.log.credentials[0]


def test_request_id_of_a_malformed_question(desk):
    """The line about a question that API Gateway does not ask has Lambda's id, too."""
    desk.deliver({"authorizationToken": TOKEN}, LambdaContext("lambdas-own"))

    (line,) = desk.log.lines
    assert (line["message"], line["request_id"]) == ("event refused", "lambdas-own")


def test_naughty_strings(desk, capfd):
    """Any text in the header gets a result and one line of log."""
    texts = [*vectors("blns.json"), f"{CANARY}\n{{", f'{CANARY}", "outcome": "ok', "gw_" + CANARY]

    responses = [desk.ask(form.format(text)) for text in texts for form in ("{}", "Bearer {}")]

    assert {response["context"]["outcome"] for response in responses} == {"unauthorized"}
    assert len(desk.log.credentials) == len(responses)
    assert all(line.keys() <= KEYS for line in desk.log.credentials)
    assert CANARY not in json.dumps(responses) + desk.log.text + "".join(capfd.readouterr())


def test_real_schemes(capfd):
    """Without a key store and an issuer every token is refused for its own reason."""
    log = Log()
    settings = Settings.from_env({"GATEWAY_KEYS_SECRET": ""})
    authorize = create_app(settings, telemetry=log.telemetry).handler_map["authorize"]
    tokens = ["gw_", "gw_abcdefgh_" + "x" * 43, "a.b.c", CANARY, CANARY * 1_000, "ü", "\ud800"]

    for token in tokens:
        response = authorize(json.loads(json.dumps(token_event(f"Bearer {token}"))), None)
        assert response["context"] == {"outcome": "unauthorized"}

    reasons = [line["reason"] for line in log.credentials]
    assert reasons == ["malformed", "no-api-keys"] + ["no-issuer"] * 5
    assert CANARY not in log.text + "".join(capfd.readouterr())


def test_bug(desk, capfd):
    """After a bug the authorizer raises, so API Gateway refuses; the bug's text is hidden."""
    desk.scheme.known = {"token": ValueError(f"cannot use {CANARY}")}

    with pytest.raises(AuthorizerFailed) as failed:
        desk.ask("Bearer token", context=LambdaContext("lambdas-own"))

    shown = "".join(traceback.format_exception(failed.value))
    (line,) = desk.log.lines
    assert (line["message"], line["exception"]) == ("bug", "ValueError")
    assert line["request_id"] == "lambdas-own"
    assert line["where"][-1].endswith(" authenticate")
    assert CANARY not in shown + desk.log.text + "".join(capfd.readouterr())


@row("K4")
def test_unavailable_on_lambda(seen, capfd):
    """On Lambda a credential that cannot be checked is logged, and then a failure."""
    away = {CANARY: StoreUnavailable("ReadTimeoutError")}
    desk = Desk({**away, TOKEN: IDENTITY}, lambda_handler="app.authorize")

    with pytest.raises(AuthorizerFailed) as failed:
        desk.ask(f"Bearer {CANARY}")

    (line,) = desk.log.credentials
    assert (line["outcome"], line["reason"]) == ("unavailable", "ReadTimeoutError")
    assert desk.log.lines == []
    shown = "".join(traceback.format_exception(failed.value))
    assert CANARY not in shown + desk.log.text + "".join(capfd.readouterr())
    assert desk.ask(f"Bearer {TOKEN}")["context"]["outcome"] == "ok"
    assert desk.ask("Bearer unknown")["context"]["outcome"] == "unauthorized"
    seen("a failure, after its line")


def test_no_header_in_chalice_local():
    """Without the header Chalice itself responds with 401, as API Gateway does."""
    local = LocalGateway(build_gateway(LambdaClient).app, Config())

    with pytest.raises(NotAuthorizedError):
        local.handle_request("GET", "/models", {}, b"")
