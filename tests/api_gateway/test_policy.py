"""What a policy says about a method."""

import pytest

from tests.api_gateway.definition import NotModelled
from tests.api_gateway.hand_made import API, says, statement
from tests.api_gateway.policy import Policy, Verdict


def verdict(document, path="GET/a/b"):
    return Policy.of(says(document)["policyDocument"]).verdict(f"{API}/{path}")


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        pytest.param(f"{API}/GET/a/b", "GET/a/b", True, id="equal"),
        pytest.param(f"{API}/GET/a/b", "GET/a/B", False, id="case"),
        pytest.param(f"{API}/GET/a/b", "GET/a/b/c", False, id="longer"),
        pytest.param(f"{API}/GET/a/*", "GET/a/b/c", True, id="star-spans-slashes"),
        pytest.param(f"{API}/GET/a/*", "GET/a/", True, id="star-for-nothing"),
        pytest.param(f"{API}/GET/a/*", "GET/a", False, id="star-after-a-slash"),
        pytest.param(f"{API}/*/a/b", "POST/a/b", True, id="star-as-verb"),
        pytest.param(f"{API}/*/b", "POST/a/b", True, id="star-in-the-middle"),
        pytest.param(f"{API}/GET/a/?", "GET/a/b", True, id="one-character"),
        pytest.param(f"{API}/GET/a/?", "GET/a/bc", False, id="one-character-alone"),
        pytest.param(f"{API}/GET/a/?", "GET/a/", False, id="one-character-at-least"),
        pytest.param(f"{API}/GET/a.b", "GET/a/b", False, id="dot"),
        pytest.param(f"{API}/GET/predict/{{model}}", "GET/predict/iris", False, id="template"),
        pytest.param("*", "GET/a/b", True, id="everything"),
        pytest.param("arn:aws:execute-api:*:*:*", "GET/a/b", True, id="every-api"),
        pytest.param("arn:aws:execute-api:*:*:other/*", "GET/a/b", False, id="another-api"),
    ],
)
def test_wildcards(pattern, path, matches):
    """`*` is any text, with slashes; `?` is one character; nothing else is special."""
    expected = Verdict.ALLOWED if matches else Verdict.NOT_ALLOWED

    assert verdict(statement("Allow", pattern), path) is expected


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        *(("execute-api:Invoke", True), ("EXECUTE-API:invoke", True), ("execute-api:*", True)),
        *(
            ("*", True),
            (["s3:*", "execute-api:I*"], True),
            ("execute-api:ManageConnections", False),
        ),
    ],
)
def test_actions(action, allowed):
    """Only what covers execute-api:Invoke counts."""
    document = {**statement("Allow", "*"), "Action": action}

    assert verdict(document) is (Verdict.ALLOWED if allowed else Verdict.NOT_ALLOWED)


@pytest.mark.parametrize("member", ["Condition", "NotAction", "NotResource"])
def test_more_than_is_modelled(member):
    """Is refused by name."""
    with pytest.raises(NotModelled, match=member):
        verdict({**statement("Allow", "*"), member: {}})
