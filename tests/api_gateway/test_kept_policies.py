"""A policy is kept whole, by the token, for the authorizer's time."""

import pytest

from tests.api_gateway.hand_made import ALLOW, API, Guarded, raising, says, statement


@pytest.mark.parametrize(
    ("ttl_seconds", "later", "asked"),
    [
        pytest.param(60, 59.9, 1, id="before-its-end"),
        pytest.param(60, 60, 2, id="at-its-end"),
        pytest.param(None, 299.9, 1, id="default"),
        pytest.param(None, 300, 2, id="end-of-the-default"),
        pytest.param(0, 0, 2, id="never"),
    ],
)
def test_how_long(clock, ttl_seconds, later, asked):
    """To the second; 300 of them where the template says nothing, none for 0."""
    api = Guarded(says(ALLOW), ttl_seconds=ttl_seconds, clock=clock)
    api.get()

    clock.passes(later)
    api.get()

    assert len(api.authorizer.events) == asked


@pytest.mark.parametrize(("verb", "path"), [("POST", "/a/b"), ("GET", "/a/c"), ("GET", "/c")])
def test_for_other_methods_and_paths(verb, path):
    """The policy of the first request decides about them: what it does not name is 403."""
    api = Guarded(says(statement("Allow", f"{API}/GET/a/b")))
    assert api.get("/a/b").status == 200

    reply = api.send(verb, path)

    assert reply.status == 403
    assert reply.json() == {"Message": "User is not authorized to access this resource"}
    assert api.get("/a/b").status == 200
    assert len(api.authorizer.events) == 1


def test_by_token():
    """One token's policy is not another's."""
    effects = {"t": "Allow", "u": "Deny"}
    api = Guarded(lambda event: says(statement(effects[event["authorizationToken"]], "*")))

    assert [api.get(token=token).status for token in ("t", "u", "t", "u")] == [200, 403, 200, 403]
    assert [event["authorizationToken"] for event in api.authorizer.events] == ["t", "u"]


def test_by_authorizer():
    """Two authorizers know nothing of each other."""
    api = Guarded(says(ALLOW))
    api.get("/a/b")

    api.get("/other")

    assert (len(api.authorizer.events), len(api.other.events)) == (1, 1)


def test_denial():
    """Is kept as well, though the authorizer would now say yes."""
    api = Guarded(says(statement("Deny", "*")))
    assert api.get().status == 403

    api.authorizer.answer = says(ALLOW)

    assert api.get().status == 403


@pytest.mark.parametrize("answer", [raising(Exception("Unauthorized")), {"no": "policy"}])
def test_failure(answer):
    """Is not kept."""
    api = Guarded(answer)
    assert api.get().status in {401, 500}

    api.authorizer.answer = says(ALLOW)

    assert api.get().status == 200
