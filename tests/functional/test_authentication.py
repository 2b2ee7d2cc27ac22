"""The authorizer's context, and what the gateway makes of it."""

import pytest

from chalicelib.auth.credentials import BadCredential, Identity
from chalicelib.aws.refreshed import StoreUnavailable
from chalicelib.errors import RoutingUnavailable
from tests.faults.rows import row
from tests.support.clients import TOKEN
from tests.support.clock import Clock
from tests.support.events import CONTEXT
from tests.support.gateway import IDENTITY, JSON, FakeScheme
from tests.support.problems import assert_problem

BAD = {
    reason: BadCredential(reason)
    for reason in ("unknown-key", "wrong-secret", "disabled", "expired", "malformed", "no-issuer")
}
AWAY = {"away": StoreUnavailable("EndpointConnectionError")}
CLOSED = [
    ("POST", "/predict/churn"),
    ("POST", "/predict/house-price/houston"),
    ("POST", "/predict/translate/de/en"),
    ("POST", "/predict/nothing"),
    ("GET", "/models"),
    ("GET", "/models?limit=none"),
    ("GET", "/models/churn"),
    ("GET", "/models/house-price/houston"),
    ("GET", "/models/translate/de/en"),
    ("GET", "/models/nothing"),
]
closed_routes = pytest.mark.parametrize(("method", "path"), CLOSED)


class NoTable:
    """A source whose table could not be loaded."""

    def table(self):
        raise RoutingUnavailable


class SlowScheme(FakeScheme):
    """Moves the clock after each credential, as if time passed before the handler runs."""

    def __init__(self, known, clock, seconds):
        super().__init__(known)
        self._clock, self._seconds = clock, seconds

    def authenticate(self, token):
        identity = super().authenticate(token)
        self._clock.passes(self._seconds)
        return identity


def bearer(token):
    return {**JSON, "Authorization": f"Bearer {token}"}


def without_instance(response):
    """Return everything by which a caller could tell two responses apart."""
    problem = response.json()
    assert problem.pop("instance") == response.headers["x-request-id"]
    own = {"x-request-id", "server-timing", "content-length"}
    return problem, {name: text for name, text in response.headers.items() if name not in own}


@closed_routes
def test_ok(build, method, path):
    """With a good credential the request reaches its view; the log names the caller."""
    scheme = FakeScheme()
    gateway = build(scheme=scheme)

    response = gateway.client.send(method, path, bearer(TOKEN), b"{}")

    assert response.status in {200, 400, 404}
    assert scheme.tokens == [TOKEN]
    assert (gateway.log.requests[0]["principal"], gateway.log.requests[0]["key_id"]) == (
        IDENTITY.principal,
        IDENTITY.key_id,
    )


@closed_routes
def test_unauthorized(build, method, path):
    """With a bad credential nothing is called, and the response is a 401."""
    gateway = build(scheme=FakeScheme(BAD))

    response = gateway.client.send(method, path, bearer("wrong-secret"), b"{}")

    assert_problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
    assert gateway.runtime.calls == []
    assert not gateway.log.requests[0].keys() & {"principal", "key_id", "model", "table"}


@closed_routes
def test_unavailable(build, method, path):
    """If a credential cannot be checked the response is a 503, and nothing is called."""
    gateway = build(scheme=FakeScheme(AWAY))

    response = gateway.client.send(method, path, bearer("away"), b"{}")

    assert_problem(response, 503, "auth-unavailable")
    assert "www-authenticate" not in response.headers
    assert gateway.runtime.calls == []
    assert "principal" not in gateway.log.requests[0]


@closed_routes
@pytest.mark.parametrize(
    "context",
    [
        pytest.param(None, id="missing"),
        pytest.param({}, id="empty"),
        pytest.param({"principalId": "somebody", "grants": "*"}, id="without-a-word"),
        pytest.param({**CONTEXT, "outcome": "granted"}, id="unknown-word"),
        pytest.param({**CONTEXT, "outcome": "unauthorized"}, id="unauthorized-with-grants"),
        pytest.param({**CONTEXT, "expires": "1"}, id="long-expired"),
    ],
)
def test_context_that_does_not_let_in(deployed, method, path, context):
    """Only a context of the gateway's own authorizer lets a caller in."""
    event = deployed.client.event(method, path, JSON, b"{}")
    event["requestContext"]["authorizer"] = context
    if context is None:
        del event["requestContext"]["authorizer"]

    assert_problem(deployed.client.deliver(event), 401, "unauthorized")
    assert deployed.runtime.calls == []


@pytest.mark.parametrize(
    ("expires_in", "passes", "status"),
    [
        pytest.param(60, 0, 200, id="in-time"),
        pytest.param(60, 59, 200, id="a-second-before"),
        pytest.param(60, 60, 401, id="exactly-then"),
        pytest.param(60, 61, 401, id="after"),
        pytest.param(None, 10**9, 200, id="never"),
    ],
)
def test_expires_on_the_way(build, expires_in, passes, status):
    """A credential that expired after the authorizer ran is refused by the handler."""
    clock = Clock()
    clock.now = 1_800_000_000.0
    expires = None if expires_in is None else int(clock.now) + expires_in
    known = {TOKEN: Identity("web-shop", ("*",), expires)}
    gateway = build(scheme=SlowScheme(known, clock, passes), clock=clock)

    response = gateway.predict("churn", Authorization=f"Bearer {TOKEN}")

    assert response.status == status
    assert len(gateway.runtime.calls) == (status == 200)
    if status == 401:
        assert_problem(response, 401, "unauthorized")


def test_one_answer_for_every_reason(build):
    """All refusals of credentials are alike, except for the request's id."""
    clock = Clock()
    late = {"late": Identity("web-shop", ("*",), int(clock.now))}
    gateway = build(scheme=FakeScheme(BAD | late), clock=clock, cors_origin="*")
    headers = [*map(bearer, [*BAD, "late", "nobody's", "gw_", "a.b.c"])]
    headers += [{"Authorization": value} for value in ("Basic eDp5", "Bearer", "Bearer  late")]

    responses = [gateway.client.send(*route, sent, b"{}") for sent in headers for route in CLOSED]

    first, *others = map(without_instance, responses)
    assert all(other == first for other in others)
    assert first[0]["status"] == 401


@pytest.mark.parametrize("token", ["wrong-secret", "away", TOKEN])
def test_health_is_open(build, token):
    """`/health` ignores credentials."""
    scheme = FakeScheme(BAD | AWAY)
    gateway = build(scheme=scheme)

    response = gateway.get("/health", bearer(token))

    assert (response.status, response.json()["status"]) == (200, "ok")
    assert "principal" not in gateway.log.requests[0]


@pytest.mark.parametrize("token", ["wrong-secret", "away", TOKEN])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/predict/churn"),
        ("DELETE", "/models"),
        ("PUT", "/models/churn"),
        ("POST", "/health"),
    ],
)
def test_wrong_method(build, token, method, path):
    """A wrong method is a 405 for every caller."""
    gateway = build(scheme=FakeScheme({**BAD, **AWAY, TOKEN: IDENTITY}))

    response = gateway.client.send(method, path, bearer(token), b"{}")

    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"]
    assert gateway.runtime.calls == []


def test_credential_comes_first(build):
    """The credential is checked before the name, the table and the rest of the request."""
    gateway = build(scheme=FakeScheme(BAD), source=NoTable())
    wrong = {"Content-Type": "text/plain", "Accept": "text/html", "X-Request-Timeout-Ms": "soon"}

    for path in ("nothing", "house-price/paris", "churn"):
        response = gateway.post(
            f"/predict/{path}", b"{" * 4_600_001, {**bearer("expired"), **wrong}
        )
        assert_problem(response, 401, "unauthorized")


@row("K5")
@pytest.mark.parametrize(("method", "path"), [*CLOSED, ("GET", "/health"), ("PUT", "/health")])
@pytest.mark.parametrize(
    ("single", "many"),
    [
        pytest.param({}, {"Authorization": ["Bearer a", "Bearer b"]}, id="twice"),
        pytest.param({}, {"authorization": ["same", "same"]}, id="the-same"),
        pytest.param({}, {"Authorization": ["a"], "AUTHORIZATION": ["b"]}, id="two-spellings"),
        pytest.param({"Authorization": "a", "authorization": "b"}, None, id="in-the-other-form"),
        pytest.param({"Authorization": "a", "authorization": "b"}, {"X": ["a"]}, id="in-one-form"),
    ],
)
def test_authorization_twice(deployed, seen, method, path, *, single, many):
    """Two credentials are refused on every route before anything else is decided."""
    event = deployed.client.event(method, path, JSON, b"{}")
    event["headers"] = {**event["headers"], **single}
    event["multiValueHeaders"] = many

    problem = assert_problem(deployed.client.deliver(event), 400, "invalid-header")

    assert problem["detail"] == "The header Authorization must be sent once."
    assert deployed.runtime.calls == []
    assert "principal" not in deployed.log.requests[0]
    seen("400 invalid-header")
