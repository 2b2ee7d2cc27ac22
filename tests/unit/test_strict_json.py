"""Which bytes are strictly JSON, and what a caller learns about a mistake.

JSONTestSuite is sent through HTTP: tests/faults/test_client_json_test_suite.py.
"""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import InvalidJson
from chalicelib.payload.admission import LARGE_BODY_BYTES, MAX_DEPTH, check_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def is_json(body):
    """Whether `check_json` accepts the bytes; any other exception than InvalidJson is raised."""
    try:
        check_json(body)
    except InvalidJson:
        return False
    return True


def outcome(body, moved=0):
    """Return why `check_json` refuses the bytes, with offsets that are moved, or None."""
    try:
        check_json(body)
    except InvalidJson as error:
        return re.sub(r"(?<=offset )[0-9]+", lambda found: str(int(found[0]) + moved), error.detail)
    return None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is empty"),
        (b'{"a": 1', "syntax error at offset 7"),
        (b"[1] x", "syntax error at offset 4"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b'["\xff"]', "the byte at offset 2 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "it begins with a byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "the byte at offset 0 is not UTF-8"),
        (b"{'a': 1}", "syntax error at offset 1"),
        (b'["a\nb"]', "syntax error at offset 3"),
        (b"[" * 100_000, "it is nested more than 200 deep"),
        (b'{"a":' * 100_000, "it is nested more than 200 deep"),
    ],
    ids=lambda value: repr(value)[:20] if isinstance(value, bytes) else None,
)
def test_reason(body, reason):
    """The detail says where the mistake is, and repeats nothing of the body."""
    with pytest.raises(InvalidJson) as refused:
        check_json(body)

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
def test_unusual(body):
    """JSON in an unusual form is JSON."""
    check_json(body)


@pytest.mark.parametrize("rest", [b"", b"5 x"], ids=["nothing", "mistake"])
def test_mistake_after_a_long_integer(rest):
    """Python's parser stops at an integer that it cannot convert; the rest is checked too."""
    assert not is_json(b"[" + b"9" * 5_000 + b", " + rest)


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
    """Two hundred levels are allowed; brackets in strings do not count."""
    assert is_json(opening * MAX_DEPTH + b"0" + closing * MAX_DEPTH)
    assert not is_json(opening * (MAX_DEPTH + 1) + b"0" + closing * (MAX_DEPTH + 1))


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_any_value(value):
    """Whatever Python writes as JSON is JSON, escaped or not."""
    check_json(json.dumps(value, ensure_ascii=True).encode())
    check_json(json.dumps(value, ensure_ascii=False, indent=1).encode())


@given(st.binary())
@settings(max_examples=300, deadline=None)
def test_any_bytes(body):
    """Any bytes are accepted, or refused with InvalidJson."""
    is_json(body)


# Parts of JSON, and what almost is one.
PARTS = [
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b'"a"', b"0", b"-", b"1e5", b"01", b"true", b"nul"),
    *(
        b"NaN",
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\\n",
        b"\x00",
        b"\x7f",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
    ),
    *("é😀".encode(), b" ", b"\n", b"[]", b"{}", b'{"a":1}', b'"[\\"]"'),
]


@given(VALUES.map(lambda value: json.dumps(value, ensure_ascii=False).encode()), st.data())
@settings(max_examples=200, deadline=None)
def test_large_body(body, data):
    """A large body is taken or refused, for the same reason, as if it were small."""
    at = data.draw(st.integers(0, len(body)))
    mutated = body[:at] + data.draw(st.sampled_from(PARTS)) + body[at:]
    padding = b"0," * (LARGE_BODY_BYTES // 2)

    assert outcome(b"[" + padding + mutated + b"]") == outcome(
        b"[0," + mutated + b"]", len(padding) - 2
    )
