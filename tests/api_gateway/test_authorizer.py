"""Who may pass is what a policy says, and for how long it is believed."""

import pytest
from tests.api_gateway.functions import packaged

from tests.api_gateway.hand_made import ALLOW, API, Guarded, raising, says, statement
from tests.api_gateway.unverified import Unverified
from tests.support import lambda_runtime

UNAUTHORIZED = {"message": "Unauthorized"}
NOT_ALLOWED = {"Message": "User is not authorized to access this resource"}
DENIED = {"Message": "User is not authorized to access this resource with an explicit deny"}

DENY_C = statement("Deny", f"{API}/*/c")


def test_what_it_is_asked():
    """The token as it came, and the method and the path, undecoded, without the query."""
    api = Guarded(says(ALLOW))

    assert api.send("POST", "/a/x%2Fy?z=1", "Bearer t").status == 200
    assert api.authorizer.event == {
        "type": "TOKEN",
        "authorizationToken": "Bearer t",
        "methodArn": f"{API}/POST/a/x%2Fy",
    }


@pytest.mark.parametrize("token", [None, ""])
def test_no_token(token):
    """401 without asking."""
    api = Guarded(says(ALLOW))

    reply = api.get(token=token)

    assert (reply.status, reply.json()) == (401, UNAUTHORIZED)
    assert reply.header("x-amzn-ErrorType") == "UnauthorizedException"
    assert (api.authorizer.events, api.function.events) == ([], [])


def test_header_in_another_case():
    """Is the same header."""
    assert Guarded(says(ALLOW)).get(header="authorization").status == 200


@pytest.mark.parametrize(
    ("verb", "path", "status"), [("GET", "/open", 200), ("OPTIONS", "/a/b", 200), ("GET", "/", 403)]
)
def test_not_asked_for_what_has_no_authorizer(verb, path, status):
    """An open method, a preflight, and what does not exist."""
    api = Guarded(says(ALLOW))

    assert api.send(verb, path).status == status
    assert api.authorizer.events == []


@pytest.mark.parametrize(
    ("statements", "path", "status", "content"),
    [
        pytest.param([ALLOW], "/c", 200, None, id="allowed"),
        pytest.param([ALLOW, DENY_C], "/a/b", 200, None, id="denied-elsewhere"),
        pytest.param([ALLOW, DENY_C], "/c", 403, DENIED, id="denied"),
        pytest.param([DENY_C, ALLOW], "/c", 403, DENIED, id="denied-first"),
        pytest.param([DENY_C], "/a/b", 403, NOT_ALLOWED, id="never-allowed"),
        pytest.param([statement("Allow")], "/c", 403, NOT_ALLOWED, id="nothing-allowed"),
    ],
)
def test_policy(statements, path, status, content):
    """A Deny goes before every Allow, and what none allows is denied."""
    reply = Guarded(says(*statements)).get(path)

    assert reply.status == status
    if content is not None:
        assert reply.json() == content
        assert reply.header("x-amzn-ErrorType") == "AccessDeniedException"


def test_empty_allow_is_a_switch():
    """It was seen to let everyone in."""
    unverified = Unverified(empty_allow_lets_in=True)

    assert Guarded(says(statement("Allow")), unverified=unverified).get().status == 200


@pytest.mark.parametrize("error", [Exception("Unauthorized"), PermissionError("Unauthorized")])
def test_it_says_unauthorized(error):
    """Exactly that text is 401."""
    reply = Guarded(raising(error)).get()

    assert (reply.status, reply.json()) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param('{"errorMessage": "Unauthorized", "errorType": "Exception"}', 401, id="401"),
        pytest.param('{"errorMessage": "Unauthorized.", "errorType": "Exception"}', 500, id="500"),
        pytest.param("an answer of 7,000,000 bytes", 500, id="no-json"),
    ],
)
def test_packaged_authorizer(answer, status):
    """What Lambda says of one that fails is read as API Gateway reads it."""

    class Running:
        def invoke(self, event, seconds):
            raise lambda_runtime.FunctionFailed(answer)

    handler = packaged(Running())

    assert Guarded(answer=None, authorizer=handler).get().status == status


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(raising(Exception("unauthorized")), id="another-text"),
        pytest.param(raising(ValueError("a secret")), id="raises"),
        pytest.param(lambda _: None, id="null"),
        pytest.param(lambda _: "Unauthorized", id="text"),
        pytest.param({**says(ALLOW), "principalId": ""}, id="no-principal"),
        pytest.param({**says(ALLOW), "principalId": 1}, id="number-as-principal"),
        pytest.param({"principalId": "p"}, id="no-policy"),
        pytest.param({**says(ALLOW), "policyDocument": "{}"}, id="text-as-policy"),
        pytest.param(says(), id="no-statement"),
        pytest.param(says({**ALLOW, "Effect": "allow"}), id="effect"),
        pytest.param(says({"Effect": "Allow", "Action": "*"}), id="no-resource"),
        pytest.param(says({"Effect": "Allow", "Resource": "*"}), id="no-action"),
        pytest.param(says({**ALLOW, "Resource": [1]}), id="number-as-resource"),
        pytest.param(says({**ALLOW, "Extra": 1}), id="unknown-member"),
        pytest.param(says({**ALLOW, "Resource": "a" * 513}), id="resource-too-long"),
        pytest.param({**says(ALLOW), "context": ["a"]}, id="list-as-context"),
        pytest.param(says(ALLOW, context={"a": ["b"]}), id="list-in-context"),
        pytest.param(says(ALLOW, context={"a": {"b": "c"}}), id="object-in-context"),
        pytest.param(says(ALLOW, context={"a": None}), id="null-in-context"),
    ],
)
def test_no_usable_answer(answer):
    """500 without a word, and the function behind it is not called."""
    api = Guarded(answer)

    reply = api.get()

    assert (reply.status, reply.json()) == (500, {"message": None})
    assert reply.header("x-amzn-ErrorType") == "AuthorizerConfigurationException"
    assert api.function.events == []


def test_slow_authorizer(clock):
    """Lambda ends it: 500."""
    assert Guarded(lambda _: clock.passes(10) or says(ALLOW), clock=clock).get().status == 500


def test_context(clock):
    """Texts, numbers and booleans arrive, all of them as text, with the principal."""
    context = {"outcome": "ok", "expires": 1767225600, "share": 0.5, "yes": True, "no": False}
    api = Guarded(says(ALLOW, context=context), clock=clock)

    api.get()
    api.get()

    assert [event["requestContext"]["authorizer"] for event in api.function.events] == [
        {
            "outcome": "ok",
            "expires": "1767225600",
            "share": "0.5",
            "yes": "true",
            "no": "false",
            "principalId": "web-shop",
            "integrationLatency": 0,
        }
    ] * 2


@pytest.mark.parametrize(("length", "status"), [(1600, 200), (1601, 414)])
def test_long_path(length, status):
    """A method's ARN may have 1,600 bytes where there is an authorizer."""
    prefix = f"{API}/GET/a/"

    assert Guarded(says(ALLOW)).get("/a/" + "b" * (length - len(prefix))).status == status
