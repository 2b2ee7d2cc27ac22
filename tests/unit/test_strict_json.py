"""Which bytes are strictly JSON."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import InvalidJson
from chalicelib.payload.strict_json import MAX_DEPTH, check
from tests.support.vectors import REFUSED_AT_WILL, json_test_suite

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def verdict(body):
    """Whether the bytes are taken; any other exception than ours is the test's failure."""
    try:
        check(body)
    except InvalidJson:
        return False
    return True


@pytest.fixture(scope="module", name="suite")
def _suite():
    return {name: verdict(body) for name, body in json_test_suite().items()}


@pytest.mark.parametrize(("prefix", "taken"), [("y_", True), ("n_", False)])
def test_suite(suite, prefix, taken):
    """JSONTestSuite: what must be taken is taken, what must be refused is refused."""
    wrong = [name for name, given in suite.items() if name.startswith(prefix) and given != taken]

    assert wrong == []
    assert any(name.startswith(prefix) for name in suite)


def test_suites_open_questions(suite):
    """What a parser may decide: nothing but UTF-8, but any number and any escape."""
    refused = {name for name, taken in suite.items() if name.startswith("i_") and not taken}

    assert refused == REFUSED_AT_WILL


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "syntax error at offset 0"),
        (b'{"a": 1', "syntax error at offset 7"),
        (b"[1] x", "syntax error at offset 4"),
        (b"[1] [2]", "syntax error at offset 4"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b'["\xff"]', "the byte at offset 2 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "syntax error at offset 0"),
        ('{"a": 1}'.encode("utf-16"), "the byte at offset 0 is not UTF-8"),
        (b"{'a': 1}", "syntax error at offset 1"),
        (b'["a\nb"]', "syntax error at offset 3"),
        (b"[" * 100_000, "it is nested more than 200 deep"),
        (b"[" * 100_000 + b"]" * 100_000, "it is nested more than 200 deep"),
        (b'{"a":' * 100_000, "it is nested more than 200 deep"),
    ],
    ids=lambda value: repr(value)[:20] if isinstance(value, bytes) else None,
)
def test_reason(body, reason):
    """It says where the mistake is, and repeats nothing of the body."""
    with pytest.raises(InvalidJson) as refused:
        check(body)

    assert refused.value.detail == f"The body is not strict JSON: {reason}."


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"9" * 5_000, id="integer"),
        pytest.param(b'{"a": [1, -' + b"9" * 5_000 + b"]}", id="integer-inside"),
        pytest.param(b"1" * 5_000 + b".5e" + b"9" * 100, id="float"),
        pytest.param(b'{"a": 1, "a": 2}', id="key-twice"),
        pytest.param(b" \t\r\n[] \t\r\n", id="white-space"),
        pytest.param(b'"' + b"[" * 1_000 + b'"', id="brackets-in-a-string"),
        pytest.param(b'["\\"[[[[", ' * 150 + b"0" + b"]" * 150, id="brackets-after-a-quote"),
        pytest.param(b"[" + b"[[]]," * 1_000 + b"0]", id="wide"),
    ],
)
def test_taken(body):
    """Unusual is not wrong."""
    check(body)


@pytest.mark.parametrize("more", [b"", b"5 x"], ids=["nothing", "and-a-mistake"])
def test_long_integer_does_not_hide_a_mistake(more):
    """Python stops at an integer that it would not convert; the rest is looked at all the same."""
    assert not verdict(b"[" + b"9" * 5_000 + b", " + more)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        pytest.param(b"[", b"]", id="lists"),
        pytest.param(b'{"":', b"}", id="objects"),
        pytest.param(b'["]",', b',"["]', id="with-brackets-in-strings"),
        pytest.param(b'["\\\\","]",', b"]", id="with-backslashes"),
    ],
)
def test_depth(opening, closing):
    """Two hundred levels and no more, whatever a text makes of its brackets."""
    nested = {
        depth: opening * depth + b"0" + closing * depth for depth in (MAX_DEPTH, MAX_DEPTH + 1)
    }

    assert verdict(nested[MAX_DEPTH])
    assert not verdict(nested[MAX_DEPTH + 1])


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_whatever_json_can_say(value):
    """What Python writes as JSON is JSON, in either form."""
    check(json.dumps(value, ensure_ascii=True).encode())
    check(json.dumps(value, ensure_ascii=False, indent=1).encode())


@given(st.binary())
@settings(max_examples=300, deadline=None)
def test_whatever_comes(body):
    """Any bytes are taken or refused, and nothing else happens."""
    verdict(body)
