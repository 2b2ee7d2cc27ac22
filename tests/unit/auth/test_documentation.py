"""docs/authentication.md says what the code does."""

import json
import re

import pytest

from chalicelib.auth import api_keys, issuer, json_web_tokens, key_document, schemes
from chalicelib.auth.schemes import EXPIRES_AFTER_SECONDS
from chalicelib.auth.signatures import LEEWAY_SECONDS
from chalicelib.settings import Settings
from tests.support.stand_in import ROOT

DOCS = (ROOT / "docs/authentication.md").read_text(encoding="utf-8")
KEYS_MAX_AGE = Settings.from_env({}).keys_max_age


def test_key_document():
    """The document that is shown is one that can be used, and shows every member."""
    (shown,) = [
        block for block in re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL) if '"keys"' in block
    ]

    assert list(key_document.parse(shown.encode())) == ["abcd1234"]
    assert "All five members" in DOCS
    assert len(json.loads(shown)["keys"]["abcd1234"]) == 5


@pytest.mark.parametrize(
    "text",
    [
        f"may have {key_document.MAX_BYTES // 1024} KiB",
        f"at most {json_web_tokens.LONGEST_TOKEN:,} characters",
        f"take {LEEWAY_SECONDS} seconds",
        f"1 to {json_web_tokens.LONGEST_SUBJECT} printable",
        f"may have {issuer.MAX_BYTES // 1000} kB and take {issuer.FETCH_SECONDS} s",
        f"`GATEWAY_KEYS_MAX_AGE` ({KEYS_MAX_AGE} s)",
        f"| read again after | `GATEWAY_KEYS_MAX_AGE` | {schemes.JWKS_MAX_AGE_SECONDS:.0f} s |",
        f"| given up after | {api_keys.FETCH_SECONDS:.0f} s | {issuer.FETCH_SECONDS} s |",
        f"| tried again after | {schemes.KEYS_COOLDOWN_SECONDS:.0f} s "
        f"| {schemes.JWKS_COOLDOWN_SECONDS:.0f} s |",
        f"{EXPIRES_AFTER_SECONDS / 3600:.0f} h | {EXPIRES_AFTER_SECONDS / 3600:.0f} h |",
    ],
)
def test_numbers(text):
    """Each stands in the code once, and so in the documentation."""
    assert text in DOCS
