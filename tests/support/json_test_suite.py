"""JSONTestSuite: bytes that are JSON, that are none, and those of which a parser may decide."""

from __future__ import annotations

import base64

from tests.support.vectors import vectors

# What the gateway decides: nothing but UTF-8 and no depth without end, but any number and escape.
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


def cases() -> dict[str, bytes]:
    """Each by its name, which begins with `y_`, `n_` or `i_`."""
    suite = vectors("json_test_suite.json")["cases"]
    return {name: base64.b64decode(body) for name, body in suite.items()}
