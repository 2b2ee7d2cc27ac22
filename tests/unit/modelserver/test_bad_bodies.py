"""Bodies that are not valid get a 400 with a sentence, and the server goes on."""

import base64
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.support.vectors import vectors

JSON, CSV, NPY, PNG = "application/json", "text/csv", "application/x-npy", "image/png"


@pytest.fixture(scope="module", name="server")
def _server(start, folders):
    """The model sums four numbers, or the pixels of a 2 by 2 image."""
    server = start("sklearn", SM_MODEL_DIR=str(folders["picture"]))
    yield server
    assert server.request("GET", "/ping").status == 200
    assert server.log().count("\n") == 1, "the log has only the line about loading"


def npy(values) -> bytes:
    file = BytesIO()
    np.save(file, np.asarray(values))
    return file.getvalue()


def npy_of(header: str, data: bytes = bytes(32), version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + data


def header(shape="(1, 4)", descr="'<f8'", order="False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def png(width=2, height=2) -> bytes:
    file = BytesIO()
    Image.new("L", (width, height)).save(file, "PNG")
    return file.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A valid header without pixels after it."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + chunk + struct.pack(">I", zlib.crc32(chunk))


BAD_BODIES = {
    "json-empty": (JSON, b"", "not JSON"),
    "json-broken": (JSON, b'{"instances": [[1,2,3,4]', "not JSON"),
    "json-trailing": (JSON, b'{"instances": [[1,2,3,4]]} x', "Extra data at line 1, column 28"),
    "json-twice": (JSON, b'{"instances": [[1,2,3,4]]}{}', "not JSON"),
    "json-utf-16": (JSON, '{"instances": [[1,2,3,4]]}'.encode("utf-16"), "not UTF-8"),
    "json-bad-utf-8": (JSON, b'{"instances": [["\xff"]]}', "not UTF-8: bad byte at position 17"),
    "json-byte-order-mark": (JSON, b'\xef\xbb\xbf{"instances": [[1,2,3,4]]}', "not JSON"),
    "json-nan": (JSON, b'{"instances": [[1,2,3,NaN]]}', "NaN is not a JSON number"),
    "json-infinity": (JSON, b'{"instances": [[1,2,3,-Infinity]]}', "-Infinity"),
    "json-1e400": (JSON, b'{"instances": [[1,2,3,1e400]]}', "column 4: the number is too large"),
    "json-huge-integer": (JSON, b'{"instances": [[1,2,3,1%s]]}' % (b"0" * 400), "too large"),
    "json-too-many-digits": (JSON, b'{"instances": [[1,2,3,%s]]}' % (b"9" * 5000), "digits"),
    "json-deep-lists": (JSON, b"[" * 100_000, "nested too deeply"),
    "json-deep-objects": (JSON, b'{"a":' * 100_000, "nested too deeply"),
    "json-deep-row": (JSON, b'{"instances": [%s]}' % (b"[" * 50_000), "nested too deeply"),
    "json-null": (JSON, b"null", "The JSON is null"),
    "json-list-empty": (JSON, b"[]", "The list is empty; send at least one row"),
    "json-list-of-numbers": (JSON, b"[1,2,3,4]", "Row 1 is a number, not a list"),
    "json-list-of-objects": (JSON, b'[{"a": 1}]', "Row 1 is an object, not a list"),
    "json-other-key": (JSON, b'{"inputs": [[1,2,3,4]]}', "no 'instances'"),
    "json-instances-object": (JSON, b'{"instances": {}}', "'instances' is an object"),
    "json-instances-text": (JSON, b'{"instances": "1,2,3,4"}', "'instances' is a string"),
    "json-instances-empty": (JSON, b'{"instances": []}', "at least one row"),
    "json-row-number": (JSON, b'{"instances": [1,2,3,4]}', "Row 1 is a number, not a list"),
    "json-row-empty": (JSON, b'{"instances": [[]]}', "Row 1: expected 4 numbers, got 0"),
    "json-ragged": (JSON, b'{"instances": [[1,2,3,4],[1]]}', "Row 2: expected 4 numbers, got 1"),
    "json-row-long": (JSON, b'{"instances": [[1,2,3,4,5]]}', "expected 4 numbers, got 5"),
    "json-cell-true": (JSON, b'{"instances": [[1,2,3,true]]}', "expected a number, got a boolean"),
    "json-cell-text": (JSON, b'{"instances": [[1,"2",3,4]]}', "Row 1, column 2: expected a number"),
    "json-cell-null": (JSON, b'{"instances": [[null,2,3,4]]}', "got null"),
    "json-cell-list": (JSON, b'{"instances": [[[1],2,3,4]]}', "got a list"),
    "csv-empty": (CSV, b"", "at least one row"),
    "csv-newlines": (CSV, b"\r\n\n", "at least one row"),
    "csv-header": (CSV, b"a,b,c,d\n1,2,3,4\n", "there is no header line"),
    "csv-blank-line": (CSV, b"1,2,3,4\n\n1,2,3,4\n", "Row 2 is empty"),
    "csv-short": (CSV, b"1,2,3,4\n1,2,3\n", "Row 2: expected 4 numbers, got 3"),
    "csv-trailing-comma": (CSV, b"1,2,3,4,\n", "got 5"),
    "csv-semicolons": (CSV, b"1;2;3;4\n", "expected 4 numbers, got 1"),
    "csv-empty-cell": (CSV, b"1,,3,4\n", "Row 1, column 2"),
    "csv-nan": (CSV, b"1,2,3,nan\n", "Row 1, column 4"),
    "csv-infinity": (CSV, b"1,2,3,-inf\n", "Row 1, column 4"),
    "csv-1e400": (CSV, b"1,2,3,1e400\n", "too large"),
    "csv-underscore": (CSV, b"1_0,2,3,4\n", "'1_0'"),
    "csv-other-digits": (CSV, "1,2,3,٤\n".encode(), "Row 1, column 4"),
    "csv-hexadecimal": (CSV, b"0x1,2,3,4\n", "'0x1'"),
    "csv-zero-byte": (CSV, b"1,2,3,4\0\n", "Row 1, column 4"),
    "csv-utf-16": (CSV, "1,2,3,4\n".encode("utf-16"), "not UTF-8"),
    "csv-long-cell": (CSV, b"1,2,3," + b"4" * 100_000, "Row 1, column 4"),
    "npy-empty": (NPY, b"", "not an .npy file"),
    "npy-text": (NPY, b"1,2,3,4", "not an .npy file"),
    "npy-cut-in-the-header": (NPY, npy([[1.0, 2, 3, 4]])[:40], "not an .npy file"),
    "npy-cut-in-the-data": (NPY, npy([[1.0, 2, 3, 4]])[:-1], "takes 32 bytes; the body holds 31"),
    "npy-trailing": (NPY, npy([[1.0, 2, 3, 4]]) + b"x", "takes 32 bytes; the body holds 33"),
    "npy-version-3": (NPY, npy_of(header(), version=b"\3\0"), "format 1.0 or 2.0"),
    "npy-no-literal": (NPY, npy_of("__import__('os')"), "not an .npy file"),
    "npy-deep-header": (NPY, npy_of("(" * 9000), "not an .npy file"),
    "npy-huge": (NPY, npy_of(header("(10000000000000, 4)")), "the body holds 32"),
    "npy-huge-row": (NPY, npy_of(header("(1, 10000000000000)")), "expected (n, 4)"),
    "npy-negative": (NPY, npy_of(header("(-1, 4)")), "is empty"),
    "npy-no-rows": (NPY, npy_of(header("(0, 4)"), b""), "is empty"),
    "npy-one-dimension": (NPY, npy([1.0, 2, 3, 4]), "(4); expected (n, 4) or (n, 2, 2)"),
    "npy-scalar": (NPY, npy(1.0), "expected (n, 4)"),
    "npy-one-picture": (NPY, npy([[1.0, 2], [3, 4]]), "expected (n, 4) or (n, 2, 2)"),
    "npy-pickle": (NPY, npy_of(header(descr="'|O'")), "holds object"),
    "npy-text-cells": (NPY, npy([["a", "b", "c", "d"]]), "send floats, whole numbers or booleans"),
    "npy-complex": (NPY, npy([[1j, 2, 3, 4]]), "holds complex128"),
    "npy-records": (NPY, npy_of(header(descr="[('a', '<f8')]")), "send floats"),
    "npy-nan": (NPY, npy([[1, 2, 3, 4], [1, np.nan, 3, 4]]), "Row 2, column 2: NaN"),
    "npy-infinity": (NPY, npy([[1, 2, 3, np.inf]]), "Row 1, column 4"),
    "png-empty": (PNG, b"", "not a PNG"),
    "png-other-format": (PNG, b"GIF89a" + bytes(40), "not a PNG"),
    "png-signature-only": (PNG, png()[:16], "not a PNG"),
    "png-header-only": (PNG, png()[:33], "damaged"),
    "png-cut": (PNG, png()[:44], "damaged"),
    "png-bad-checksum": (PNG, png()[:30] + b"\0\0\0\0" + png()[34:], "damaged"),
    "png-too-small": (PNG, png(1, 1), "1 by 1 pixels; expected 2 by 2"),
    "png-turned": (PNG, png(2, 3), "2 by 3 pixels; expected 2 by 2"),
    "png-bomb": (PNG, png_that_claims(2**31 - 1, 2**31 - 1), "2147483647 by 2147483647"),
}


@pytest.mark.parametrize(("content_type", "body", "message"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_bad_body(server, content_type, body, message):
    """The error gives the problem and its position."""
    response = server.invoke(body, content_type)

    assert response.status == 400
    assert message in response.json()["error"]
    assert response.json()["error"].endswith(".")


@pytest.mark.parametrize("kind", ["n_", "y_", "i_"])
def test_json_test_suite(server, kind):
    """Every document of JSONTestSuite gets a 400; those that are valid JSON, for their content."""
    suite = vectors("json_test_suite.json")["cases"]
    cases = {name: base64.b64decode(body) for name, body in suite.items()}

    responses = {name: server.invoke(body) for name, body in cases.items() if name.startswith(kind)}

    assert len(responses) > 30
    assert {response.status for response in responses.values()} == {400}
    refused_as_json = {name for name, response in responses.items() if b"not JSON" in response.body}
    assert not (kind == "y_" and refused_as_json)
