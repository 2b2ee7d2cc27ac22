"""`tests.support.iam`, which other tests rely on, evaluates policies as IAM does."""

import pytest

from tests.support.iam import Verdict, allows, evaluate

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def policy(**elements):
    return {"Version": "2012-10-17", "Statement": [READ | elements]}


def reads(document, resource="arn:aws:s3:::b/k", **context):
    return allows(document, "s3:GetObject", resource, context)


@pytest.mark.parametrize(
    ("pattern", "resource", "allowed"),
    [
        ("arn:aws:s3:::b/k", "arn:aws:s3:::b/k", True),
        ("arn:aws:s3:::b/k", "arn:aws:s3:::b/K", False),
        ("arn:aws:s3:::b/k", "arn:aws:s3:::b/k2", False),
        ("arn:*:s3:::b/*", "arn:aws:s3:::b/folder/k", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/", True),
        ("arn:aws:s3:::b/?", "arn:aws:s3:::b/", False),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/k", False),
        ("arn:aws:s3:::b/${?}${$}", "arn:aws:s3:::b/?$", True),
    ],
)
def test_resources(pattern, resource, allowed):
    """`*` is any text and `?` is one character, unless they are escaped; the case counts."""
    assert reads(policy(Resource=[pattern]), resource) is allowed


def test_actions():
    """The case of an action does not count."""
    assert reads(policy(Action=["S3:getobject"]))
    assert not reads(policy(Action=["s3:PutObject", "s3:GetObjectAcl"]))


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {"k": ["a", "b"]}}, {"k": "b"}, True),
        ({"StringEquals": {"k": ["a", "b"]}}, {"k": "B"}, False),
        ({"StringEquals": {"k": "a*"}}, {"k": "ab"}, False),
        ({"StringEquals": {"k": "a*"}}, {"k": "a*"}, True),
        ({"StringEquals": {"k": "a${*}"}}, {"k": "a*"}, True),
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"StringEquals": {"k": "a", "l": "b"}}, {"k": "a"}, False),
        ({"StringEquals": {"k": "a", "l": "b"}}, {"k": "a", "l": "b"}, True),
        ({"StringLike": {"k": "a*"}}, {"k": "a/b"}, True),
        ({"StringLike": {"k": "a*"}}, {"k": "A/b"}, False),
        ({"StringLike": {"k": "*"}}, {}, False),
        ({"StringLike": {"k": ["a${*}c"]}}, {"k": "abc"}, False),
        ({"StringLike": {"k": "a"}, "StringEquals": {"k": "b"}}, {"k": "a"}, False),
        ({"Null": {"k": "true"}}, {}, True),
        ({"Null": {"k": "true"}}, {"k": "a"}, False),
        ({"Null": {"k": "false"}}, {"k": "a"}, True),
    ],
)
def test_conditions(condition, context, allowed):
    """One of the values of a key has to match, for all keys and all operators."""
    assert reads(policy(Condition=condition), **context) is allowed


@pytest.mark.parametrize(
    "elements",
    [
        {"Effect": "Maybe"},
        {"NotAction": "s3:*"},
        {"Condition": {"StringLike": {"k": "${aws:username}"}}},
    ],
)
def test_what_it_does_not_know(elements):
    """An element that it does not know is an error of the test."""
    with pytest.raises(AssertionError):
        reads(policy(**elements), k="a")


def test_deny():
    """A statement that denies wins over one that allows."""
    statements = [READ, {**READ, "Effect": "Deny", "Resource": "arn:aws:s3:::b/secret"}]
    document = {"Version": "2012-10-17", "Statement": statements}

    assert evaluate(document, "s3:GetObject", "arn:aws:s3:::b/secret") is Verdict.DENIED
    assert evaluate(document, "s3:GetObject", "arn:aws:s3:::b/k") is Verdict.ALLOWED
    assert evaluate(document, "s3:PutObject", "arn:aws:s3:::b/k") is Verdict.NOT_ALLOWED
