"""The key document: which documents are good, and what the problems say."""

import hashlib
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.auth.key_document import LONGEST_GRANTS, MAX_BYTES, InvalidKeyDocument, parse
from tests.support.key_documents import api_key, document, entry
from tests.support.paths import ROOT

EXPIRES = 1_814_313_600  # 2027-06-30T00:00:00Z


def problems(text):
    with pytest.raises(InvalidKeyDocument) as refused:
        parse(text if isinstance(text, bytes) else text.encode())
    assert str(refused.value) == "\n".join(refused.value.problems)
    return refused.value.problems


def test_keys():
    """The keys are returned by their ids, each with its digest as bytes."""
    text = document(
        abcd1234=entry(expires="2027-06-30T00:00:00Z"), zzzzzzzz=entry(grants=[], disabled=True)
    )

    keys = parse(text.encode())
    assert list(keys) == ["abcd1234", "zzzzzzzz"]
    key = keys["abcd1234"]
    assert key.digest == hashlib.sha256(api_key().encode()).digest()
    assert (key.key_id, key.principal, key.grants) == (
        "abcd1234",
        "web-shop",
        ("iris", "house-price/*"),
    )
    assert (key.expires, key.disabled) == (EXPIRES, False)
    assert keys["zzzzzzzz"].disabled


def test_documented_example():
    """The example in docs/authentication.md is a good document."""
    page = (ROOT / "docs/authentication.md").read_text(encoding="utf-8")
    (example,) = [
        text for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if '"keys"' in text
    ]

    assert list(parse(example.encode())) == ["abcd1234"]


def test_no_keys():
    """A document without keys is good."""
    assert parse(b'{"keys": {}}') == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-06-30T00:00:00Z", EXPIRES),
        ("2027-06-30T02:00:00+02:00", EXPIRES),
        ("2027-06-29T18:30:00-05:30", EXPIRES),
        ("2027-06-30T00:00:00.999Z", EXPIRES),
        ("1970-01-01T00:00:00Z", 0),
        (None, None),
    ],
)
def test_ends(text, expected):
    """The expiry is a time of RFC 3339 with an offset, or null."""
    assert parse(document(abcd1234=entry(expires=text)).encode())["abcd1234"].expires == expected


@pytest.mark.parametrize("name", ["a", "Web-Shop.2_x@example+y", "x" * 63])
def test_principals(name):
    """A principal's name may have the characters that are easy to read in a log."""
    assert parse(document(abcd1234=entry(principal=name)).encode())


HEX = "64 lower-case hexadecimal digits"
PRINCIPAL = "1 to 63 of A-Z a-z 0-9 . _ @ + -, the first a letter or digit"
EXPIRY = 'null, or a time such as "2027-06-30T00:00:00Z"'


@pytest.mark.parametrize(
    ("member", "values", "rule"),
    [
        (
            "sha256",
            ["", "5e88", "A" * 64, "g" * 64, "0" * 65, "0" * 64 + "\n", "٣" * 64, 7, None, []],
            HEX,
        ),
        (
            "principal",
            ["", "x" * 64, "-a", ".a", "web shop", "web\nshop", "ü", "a/b", 7, None, ["a"]],
            PRINCIPAL,
        ),
        (
            "grants",
            ["iris", None, {}, [7], [None], ["Iris"], ["iris wine"], [""], ["a/b/c/d"], ["iris*"]],
            "a list of at most 4,096 characters in all, each item a model's name and up to two "
            "parameters, divided by '/', each of which may be '*', as in house-price/*",
        ),
        (
            "expires",
            [
                "",
                "soon",
                "2027-06-30",
                "20270630T000000Z",
                "2027-06-30T00:00:00",
                "2027-06-30 00:00:00Z",
                "2027-06-31T00:00:00Z",
                "2027-06-30T24:00:00Z",
                "2027-06-30T00:00:60Z",
                "2027-06-30T00:00:00+24:00",
                "2027-W26-3T00:00:00Z",
                "1969-12-31T23:59:59Z",
                "٢٠٢٧-06-30T00:00:00Z",
                "2027-06-30T00:00:00Z\n",
                EXPIRES,
                True,
                [],
            ],
            EXPIRY,
        ),
        ("disabled", [0, 1, "false", "", None, []], "true or false"),
        (
            "created",
            ["", "2027-06-30", "2027-06-30T00:00:00", "2027-06-30T00:00:00Z\n", None, EXPIRES, []],
            'a time such as "2027-06-30T00:00:00Z"',
        ),
        (
            "comment",
            ["", "x" * 81, "a\nb", "\x1b[2J", "\u202e", "\x7f", None, 7, ["a"]],
            "1 to 80 printable characters",
        ),
    ],
)
def test_members(member, values, rule):
    """A problem names the place and the rule, and never the value."""
    for value in values:
        text = document(abcd1234=entry(**{member: value}))
        assert problems(text) == (f"keys.abcd1234.{member}: must be {rule}",)


@pytest.mark.parametrize("member", ["sha256", "principal", "grants", "expires", "disabled"])
def test_missing_member(member):
    """No member has a default: the missing member could be `"disabled": true`."""
    assert problems(document(abcd1234=entry(**{member: ...}))) == (
        "keys.abcd1234: must have the members sha256, principal, grants, expires, disabled, "
        "may have created and comment, and no others",
    )


def test_notes():
    """`created` and `comment` are notes for people, and a key need not have them."""
    created, comment = "2026-06-30T00:00:00Z", "ü" * 80
    noted = entry(created=created, comment=comment)

    keys = parse(document(aaaaaaaa=noted, bbbbbbbb=entry()).encode())
    assert (keys["aaaaaaaa"].created, keys["aaaaaaaa"].comment) == (created, comment)
    assert (keys["bbbbbbbb"].created, keys["bbbbbbbb"].comment) == (None, None)


@pytest.mark.parametrize("value", [entry(limit=1), entry(Disabled=True), [], None, "x", 7])
def test_entries(value):
    """Unknown members are refused: one could be a misspelt `disabled`."""
    (problem,) = problems(document(abcd1234=value))

    assert problem.startswith("keys.abcd1234: must have the members ")


@pytest.mark.parametrize(
    "key_id", ["", "abcd123", "abcd12345", "ABCD1234", "abcd-234", "abcd1234\n", api_key()]
)
def test_key_ids(key_id):
    """A bad key id is not quoted, because it may be a whole key."""
    assert problems(document(**{key_id: entry()})) == (
        "keys: has a key id that is not 8 of a-z 0-9",
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"keys": []}',
        b'{"keys": null}',
        b"{}",
        b'{"keys": {}, "version": 1}',
        b'{"keys": {}, "keys": {}}',
        b'{"keys": {"abcd1234": NaN}}',
        b'{"keys": "\xff"}',
        b"\xef\xbb\xbf" + b'{"keys": {}}',
        '{"keys": {}}'.encode("utf-16"),
        b"[" * 60_000,
        b'{"keys": ' + b"9" * 5_000 + b"}",
    ],
    ids=lambda text: repr(text[:24]),
)
def test_no_document(text):
    """There is one problem, and it quotes nothing of the document."""
    (problem,) = problems(text)

    assert problem.startswith("the document ")


def test_duplicate_member():
    """A member that comes twice is refused."""
    good = document(abcd1234=entry())

    assert problems(good.replace('"disabled": false', '"disabled": true, "disabled": false'))
    assert problems(good[:-2] + "," + good[len('{"keys": {') :])


def test_size():
    """64 KiB hold about 300 keys; one byte more is refused."""
    count = 0
    while len(document(**entries(count + 1))) <= MAX_BYTES:
        count += 1
    text = document(**entries(count))
    assert len(parse(text.encode())) == count > 250

    filled = text + " " * (MAX_BYTES - len(text))
    assert len(parse(filled.encode())) == count
    assert problems(filled + " ") == ("the document has 65,537 bytes, over 65,536",)


def entries(count):
    return {f"key{number:05}": entry() for number in range(count)}


def test_length_of_grants():
    """The grants of a key may have 4,096 characters together."""
    longest = ["a" * 63] * (LONGEST_GRANTS // 64)
    assert len(" ".join(longest)) == LONGEST_GRANTS - 1
    assert parse(document(abcd1234=entry(grants=longest)).encode())

    (problem,) = problems(document(abcd1234=entry(grants=[*longest, "b"])))
    assert problem.startswith("keys.abcd1234.grants: must be ")


def test_all_problems_at_once():
    """All problems of a document are found at once."""
    found = problems(
        document(aaaaaaaa=entry(sha256="", disabled=0), bbbbbbbb=[], BAD=entry(), cccccccc=entry())
    )

    assert [problem.partition(":")[0] for problem in found] == [
        "keys.aaaaaaaa.sha256",
        "keys.aaaaaaaa.disabled",
        "keys.bbbbbbbb",
        "keys",
    ]


def test_secrecy():
    """A key in the wrong place is in no problem, and a digest is in no repr."""
    key = api_key()
    text = document(abcd1234=entry(sha256=key, principal=f"{key} ", grants=[key], expires=key))
    assert key not in "".join(problems(text))

    parsed = parse(document(abcd1234=entry()).encode())
    digest = hashlib.sha256(key.encode())
    assert digest.hexdigest() not in repr(parsed)
    assert repr(digest.digest()) not in repr(parsed)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9]{8}", fullmatch=True) | st.text(max_size=9),
        st.fixed_dictionaries(
            {name: VALUE for name in entry()}, optional={"created": VALUE, "comment": VALUE}
        )
        | VALUE,
        max_size=3,
    )
)
def test_any_document(keys):
    """A document is taken with all its keys, or refused with its problems."""
    try:
        assert parse(json.dumps({"keys": keys}).encode()).keys() == keys.keys()
    except InvalidKeyDocument as refused:
        assert all(problem.isprintable() for problem in refused.problems)


@settings(max_examples=300)
@given(st.datetimes(), st.sampled_from(["Z", "+23:59", "-23:59"]))
def test_any_expiry(moment, offset):
    """Every time since 1970 is taken."""
    text = f"{moment.replace(microsecond=0).isoformat()}{offset}"
    try:
        parse(document(abcd1234=entry(expires=text)).encode())
    except InvalidKeyDocument:
        assert moment.year <= 1970
