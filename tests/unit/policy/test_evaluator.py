"""The evaluator that the other tests trust reads a policy as the IAM User Guide says."""

import pytest

from tests.unit.policy.evaluator import allows

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
    """`*` is any text and `?` one character, unless escaped; the case counts."""
    assert reads(policy(Resource=[pattern]), resource) is allowed


def test_actions():
    """An action is compared without its case, and others are not allowed."""
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
    """One of a key's values is enough, all keys and operators are needed; no key, no match."""
    assert reads(policy(Condition=condition), **context) is allowed


@pytest.mark.parametrize(
    "elements",
    [
        {"Effect": "Deny"},
        {"NotAction": "s3:*"},
        {"Condition": {"StringLike": {"k": "${aws:username}"}}},
    ],
)
def test_what_it_does_not_know(elements):
    """It does not guess."""
    with pytest.raises(AssertionError):
        reads(policy(**elements), k="a")
