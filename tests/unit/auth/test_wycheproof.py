"""The signatures and key sets of Project Wycheproof: what must be refused is refused.

Each vector is checked by the scheme. The payloads are not claims, and claims are checked after the
signature: if a token is refused for its claims, its signature was accepted.
"""

import json

import pytest

from chalicelib.auth.credentials import BadCredential
from chalicelib.aws.refreshed import StoreUnavailable
from chalicelib.settings import ALGORITHMS
from tests.support.tokens import scheme
from tests.support.vectors import vectors

# 367 and 370 are marked invalid and are identical with the valid 357. 372 and 373 are marked valid
# and contain a `?`, which base64url does not have.
DEFECTIVE = {367, 370, 372, 373}

# Valid vectors that the gateway refuses, and why.
SYMMETRIC = {1, 348, 352, 357, 358, 359, 376, 377}
OTHER_ALGORITHM_THAN_THE_KEY = {346, 350}  # PS384 with a key for PS256
UNKNOWN_ALGORITHM_OF_THE_KEY = {347, 351}  # ES521, which is ES512 misspelt
STRICTER_SIGNATURES = SYMMETRIC | OTHER_ALGORITHM_THAN_THE_KEY
STRICTER_SIGNATURES |= UNKNOWN_ALGORITHM_OF_THE_KEY
STRICTER_KEYS = {2, 13, 14, 15}  # symmetric

# A key with a weakness (CVE-2017-15361) that no library of the gateway checks for. Keys come from
# the issuer, which should not have such a key.
NOT_CHECKED = {7}


def signature_taken(key_set, text):
    """Whether the signature was accepted, so that the claims were checked."""
    tokens = scheme(json.dumps(key_set).encode(), jwt_algorithms=",".join(ALGORITHMS))
    try:
        tokens.authenticate(text)
    except BadCredential as refused:
        return refused.reason in {"bad-claims", "claim-missing"}
    except StoreUnavailable:
        return False  # the key set has no usable key
    return pytest.fail("a vector of Wycheproof is a good credential")


def verdicts(file, as_key_set):
    """Return by tcId whether the vector is valid, and whether it was accepted."""
    return {
        test["tcId"]: (test["result"] == "valid", signature_taken(as_key_set(keys), test["jws"]))
        for group in vectors(file)["testGroups"]
        for keys in [group.get("public") or group["private"]]
        for test in group["tests"]
    }


def wrong(verdicts):
    """Return the falsely accepted and the falsely refused vectors."""
    accepts = {tc for tc, (valid, taken) in verdicts.items() if taken and not valid}
    refusals = {tc for tc, (valid, taken) in verdicts.items() if valid and not taken}
    return accepts, refusals


def test_signatures():
    """No invalid signature is accepted; valid signatures are refused only by policy."""
    found = verdicts("wycheproof_json_web_signature_test.json", lambda key: {"keys": [key]})
    counted = {tc: verdict for tc, verdict in found.items() if tc not in DEFECTIVE}

    assert wrong(counted) == (set(), STRICTER_SIGNATURES)
    assert len(found) == 401


def test_key_sets():
    """No invalid key is accepted, except for a weakness that is not checked."""
    found = verdicts("wycheproof_json_web_key_test.json", lambda key_set: key_set)
    counted = {tc: verdict for tc, verdict in found.items() if tc not in NOT_CHECKED}

    assert wrong(counted) == (set(), STRICTER_KEYS)
    assert len(found) == 26


@pytest.mark.parametrize("tc", sorted(DEFECTIVE))
def test_defective(tc):
    """The defective vectors are symmetric, so they are refused in any case."""
    found = verdicts("wycheproof_json_web_signature_test.json", lambda key: {"keys": [key]})

    assert not found[tc][1]
