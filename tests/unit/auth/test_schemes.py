"""The schemes that the settings ask for, and what is imported only when it is needed."""

import json
import subprocess
import sys

import pytest

from chalicelib.auth.credentials import BadCredential, Identity, identify
from chalicelib.auth.schemes import schemes
from chalicelib.settings import Settings
from tests.support.key_documents import api_key
from tests.support.paths import ROOT

# Modules that a scheme imports when it checks its first credential, and not before.
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
all_schemes = schemes(Settings.from_env({
    "GATEWAY_JWT_ISSUER": "http://127.0.0.1:1",
    "GATEWAY_JWT_AUDIENCE": "a",
}))

def print_imported(token):
    try:
        identify(token, all_schemes)
    except (BadCredential, StoreUnavailable):
        pass
    print(json.dumps([name for name in heavy if name in sys.modules]))

for token in sys.argv[2:]:
    print_imported(token)
"""


def loaded_after(*tokens):
    """Return the heavy modules that a process has imported after each of these tokens."""
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


def test_imports():
    """Malformed tokens cause no import; each scheme imports its modules for its own tokens."""
    nothing, still_nothing, for_jwt = loaded_after("nonsense", "gw_nonsense", "a.b.c")
    (for_key,) = loaded_after(api_key())

    assert nothing == still_nothing == []
    assert for_jwt == ["jwt", "cryptography"]
    assert for_key == HEAVY["api_keys"]


class Always:
    """A scheme that gives the same answer for every token."""

    def __init__(self, answer):
        self.answer = answer

    def authenticate(self, token):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


SOMEBODY = Identity("somebody", (), None)


class TestIdentify:
    def test_first_that_knows_it(self):
        """A scheme that returns None is skipped."""
        assert identify("x", [Always(None), Always(SOMEBODY), Always(BadCredential("x"))])

    def test_refused_is_refused(self):
        """After a refusal no other scheme is asked."""
        with pytest.raises(BadCredential, match="expired"):
            identify("x", [Always(BadCredential("expired")), Always(SOMEBODY)])

    def test_no_scheme(self):
        """A token of no scheme is refused."""
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
    """A scheme without its settings refuses every token."""
    with pytest.raises(BadCredential) as refused:
        identify(token, schemes(Settings.from_env(environ)))

    assert refused.value.reason == reason
