"""The schemes that the settings ask for, and what they cost those who do not use them."""

import json
import subprocess
import sys

import pytest

from chalicelib.auth.credentials import BadCredential, Identity, identify
from chalicelib.auth.schemes import schemes
from chalicelib.settings import Settings
from tests.support.stand_in import ROOT
from tests.unit.auth.documents import api_key
from tests.unit.auth.issuer import settings

# What each scheme needs when it is used, and nobody else is to pay for.
HEAVY = {
    "json_web_tokens": ["jwt", "cryptography", "chalicelib.auth.issuer"],
    "api_keys": ["aws_lambda_powertools.utilities.parameters", "boto3"],
}
WITH_EVERY_SCHEME = """
import json, sys

import app
from chalicelib.auth.credentials import BadCredential
from chalicelib.aws.refreshed import StoreUnavailable
from chalicelib.auth.credentials import identify
from chalicelib.auth.schemes import schemes
from chalicelib.settings import Settings

heavy = json.loads(sys.argv[1])
made = schemes(Settings.from_env({
    "GATEWAY_JWT_ISSUER": "http://127.0.0.1:1",
    "GATEWAY_JWT_AUDIENCE": "a",
}))

def tell(token):
    try:
        identify(token, made)
    except (BadCredential, StoreUnavailable):
        pass
    print(json.dumps([name for name in heavy if name in sys.modules]))

for token in sys.argv[2:]:
    tell(token)
"""


def loaded_after(*tokens):
    """Which of the heavy modules a process knows after each of these tokens."""
    heavy = json.dumps([name for names in HEAVY.values() for name in names])
    finished = subprocess.run(
        [sys.executable, "-c", WITH_EVERY_SCHEME, heavy, *tokens],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in finished.stdout.splitlines()[-len(tokens) :]]


def test_nobody_pays_for_what_others_use():
    """Made and asked about nonsense, neither scheme imports anything; then each its own."""
    nothing, nothing_either, for_jwt = loaded_after("nonsense", "gw_nonsense", "a.b.c")
    (for_key,) = loaded_after(api_key())

    assert nothing == nothing_either == []
    assert for_jwt == ["jwt", "cryptography"]
    assert for_key == HEAVY["api_keys"]


def test_making_them_needs_nothing():
    """No network, region or credential: the app can be imported anywhere."""
    made = schemes(settings())

    assert made == (made.api_keys, made.json_web_tokens)


class Always:
    """A scheme that has one answer."""

    def __init__(self, answer):
        self.answer = answer

    def authenticate(self, token):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


SOMEBODY = Identity("somebody", (), None)


class TestIdentify:
    def test_first_that_knows_it(self):
        """One whose it is not is passed over."""
        assert identify("x", [Always(None), Always(SOMEBODY), Always(BadCredential("x"))])

    def test_refused_is_refused(self):
        """No other scheme is asked after the one whose it is has said no."""
        with pytest.raises(BadCredential, match="expired"):
            identify("x", [Always(BadCredential("expired")), Always(SOMEBODY)])

    def test_nobodys(self):
        """A token of no scheme is no credential."""
        with pytest.raises(BadCredential, match="no-scheme"):
            identify("x", [Always(None)])


@pytest.mark.parametrize(
    ("environ", "token", "reason"),
    [
        ({}, "a.b.c", "no-issuer"),
        ({}, "", "no-issuer"),
        ({}, "gw_", "malformed"),
        ({"GATEWAY_KEYS_SECRET": ""}, api_key(), "no-api-keys"),
    ],
)
def test_without_settings(environ, token, reason):
    """What is not set up lets nobody in."""
    with pytest.raises(BadCredential) as refused:
        identify(token, schemes(Settings.from_env(environ)))

    assert refused.value.reason == reason
