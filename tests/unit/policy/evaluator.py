"""IAM: what an identity's policy allows, by the rules of the IAM User Guide.

Only what a policy of ours may contain is understood; of anything else a test should hear.
A policy is evaluated for one resource; a call that touches two needs both.
"""

import re
from functools import cache

OPERATORS = {}
ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}

# A text of a policy is read in pieces: an escaped character, a variable, a wildcard, or itself.
PIECES = re.compile(r"\$\{(?P<escaped>[*?$])\}|(?P<variable>\$\{)|(?P<wildcard>[*?])|(?P<text>.)")
WILDCARDS = {"*": ".*", "?": "."}


def allows(policy, action, resource, context):
    """Whether a statement allows it; nothing that is not allowed is."""
    assert policy["Version"] == "2012-10-17", "variables are read from this version on"
    return any(_applies(one, action, resource, context) for one in policy["Statement"])


def _applies(statement, action, resource, context):
    assert statement.keys() <= ELEMENTS, statement
    assert statement["Effect"] == "Allow", statement
    return (
        any(_matches(one.lower(), action.lower()) for one in _listed(statement["Action"]))
        and any(_matches(one, resource) for one in _listed(statement["Resource"]))
        and all(
            OPERATORS[operator](_listed(values), context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def operator(function):
    OPERATORS[function.__name__.title().replace("_", "")] = function
    return function


@operator
def string_equals(values, said):
    """One of the texts, in the same case; a key that the request lacks equals nothing."""
    return said is not None and any(_matches(one, said, wildcards=False) for one in values)


@operator
def string_like(values, said):
    """As `string_equals`, with wildcards."""
    return said is not None and any(_matches(one, said) for one in values)


@operator
def null(values, said):
    """`true` if the request must lack the key, `false` if it must have it."""
    return str(said is None).lower() in values


def _listed(value):
    return [value] if isinstance(value, str) else value


def _matches(pattern, text, *, wildcards=True):
    return _compiled(pattern, wildcards).fullmatch(text) is not None


@cache
def _compiled(pattern, wildcards):
    pieces = (_expression(piece, wildcards) for piece in PIECES.finditer(pattern))
    return re.compile("".join(pieces), re.DOTALL)


def _expression(piece, wildcards):
    assert piece["variable"] is None, f"a variable that is no escaped character: {piece.string}"
    if piece["wildcard"] and wildcards:
        return WILDCARDS[piece["wildcard"]]
    return re.escape(piece["escaped"] or piece[0])
