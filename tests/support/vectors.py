"""Public collections of difficult inputs, if they lie beside the repository."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors"


# Of the cases that a parser may decide, the gateway refuses these: other encodings than UTF-8, and
# great depth. It takes any number and any escape.
REFUSED_AT_WILL = {
    "i_string_UTF-16LE_with_BOM.json",
    "i_string_UTF-8_invalid_sequence.json",
    "i_string_UTF8_surrogate_U+D800.json",
    "i_string_invalid_utf-8.json",
    "i_string_iso_latin_1.json",
    "i_string_lone_utf8_continuation_byte.json",
    "i_string_not_in_unicode_range.json",
    "i_string_overlong_sequence_2_bytes.json",
    "i_string_overlong_sequence_6_bytes.json",
    "i_string_overlong_sequence_6_bytes_null.json",
    "i_string_truncated-utf-8.json",
    "i_string_utf16BE_no_BOM.json",
    "i_string_utf16LE_no_BOM.json",
    "i_structure_500_nested_arrays.json",
    "i_structure_UTF-8_BOM_empty_object.json",
}


def vectors(name: str) -> Any:
    """Load a collection; without it the test is skipped, but never in CI."""
    file = FOLDER / name
    if file.exists():
        return json.loads(file.read_text())
    if os.environ.get("CI"):
        pytest.fail(f"{file} is absent, and CI is set")
    return pytest.skip(f"{file} is absent: {name} is not tested")


def json_test_suite() -> dict[str, bytes]:
    """Load JSONTestSuite; a name begins with `y_` (JSON), `n_` (not JSON) or `i_` (either)."""
    suite = vectors("json_test_suite.json")["cases"]
    return {name: base64.b64decode(body) for name, body in suite.items()}
