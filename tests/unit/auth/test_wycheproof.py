"""Project Wycheproof's signatures and key sets: what must be refused is refused.

A vector is judged by the whole scheme. Its payload is no set of claims, and claims are looked at
after the signature: a token that is refused for its claims has a signature that was taken.
"""

import json
import sys

import pytest

from chalicelib.auth.credentials import BadCredential
from chalicelib.aws.refreshed import StoreUnavailable
from chalicelib.settings import ALGORITHMS
from tests.support.vectors import vectors
from tests.unit.auth.issuer import scheme

# 367 and 370 are called invalid and are the valid 357, letter by letter; 372 and 373 are called
# valid and hold a `?`, which is not of the alphabet.
DEFECTIVE = {367, 370, 372, 373}

# What is valid there and refused here, and why.
SYMMETRIC = {1, 348, 352, 357, 358, 359, 376, 377}
WITH_ANOTHER_ALGORITHM_THAN_ITS_KEY = {346, 350}  # PS384 with a key for PS256
WITH_A_KEY_OF_NO_KNOWN_ALGORITHM = {347, 351}  # ES521, which is ES512 misspelt
STRICTER_SIGNATURES = SYMMETRIC | WITH_ANOTHER_ALGORITHM_THAN_ITS_KEY
STRICTER_SIGNATURES |= WITH_A_KEY_OF_NO_KNOWN_ALGORITHM
STRICTER_KEYS = {2, 13, 14, 15}  # symmetric

# A weakness of the key's own making (CVE-2017-15361), which no library that we ship looks for. The
# keys are the issuer's: this is one that it should not have.
NOT_LOOKED_FOR = {7}


def signature_taken(key_set, text):
    """Whether the token got as far as its claims."""
    tokens = scheme(json.dumps(key_set).encode(), jwt_algorithms=",".join(ALGORITHMS))
    try:
        tokens.authenticate(text)
    except BadCredential as refused:
        return refused.reason in {"bad-claims", "claim-missing"}
    except StoreUnavailable:
        return False  # no key of the set is one of ours
    return pytest.fail("a vector of Wycheproof's is no credential")


def verdicts(file, as_key_set):
    """By tcId: whether it should be taken, and whether it is."""
    return {
        test["tcId"]: (test["result"] == "valid", signature_taken(as_key_set(keys), test["jws"]))
        for group in vectors(file)["testGroups"]
        for keys in [group.get("public") or group["private"]]
        for test in group["tests"]
    }


def wrong(verdicts):
    """The false accepts and the false refusals."""
    accepts = {tc for tc, (valid, taken) in verdicts.items() if taken and not valid}
    refusals = {tc for tc, (valid, taken) in verdicts.items() if valid and not taken}
    return accepts, refusals


def tell(capsys, name, all_of_them, excluded, stricter):
    agreed = len(all_of_them) - len(excluded) - len(stricter)
    with capsys.disabled():
        sys.stdout.write(
            f"\nWycheproof {name}: {len(all_of_them)} vectors, {agreed} agreed, "
            f"{len(stricter)} refused by policy, {len(excluded)} excluded {sorted(excluded)}\n"
        )


def test_signatures(capsys):
    """No false accept; what is refused beyond that is refused on purpose."""
    found = verdicts("wycheproof_json_web_signature_test.json", lambda key: {"keys": [key]})
    counted = {tc: verdict for tc, verdict in found.items() if tc not in DEFECTIVE}

    assert wrong(counted) == (set(), STRICTER_SIGNATURES)
    assert len(found) == 401
    tell(capsys, "signatures", found, DEFECTIVE, STRICTER_SIGNATURES)


def test_key_sets(capsys):
    """No false accept but that of a weakness which is not looked for."""
    found = verdicts("wycheproof_json_web_key_test.json", lambda key_set: key_set)
    counted = {tc: verdict for tc, verdict in found.items() if tc not in NOT_LOOKED_FOR}

    assert wrong(counted) == (set(), STRICTER_KEYS)
    assert len(found) == 26
    tell(capsys, "key sets", found, NOT_LOOKED_FOR, STRICTER_KEYS)


@pytest.mark.parametrize("tc", sorted(DEFECTIVE))
def test_defective(tc):
    """They are symmetric, so we refuse them whatever is right."""
    found = verdicts("wycheproof_json_web_signature_test.json", lambda key: {"keys": [key]})

    assert not found[tc][1]
