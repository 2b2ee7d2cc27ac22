"""A check that bytes are strictly JSON; the values in them are the model's business.

Python's decoder is strict except for three things, which are refused here: the constants NaN and
Infinity, encodings other than UTF-8, and a depth that Python cannot hold.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import NoReturn

from chalicelib.errors import InvalidJson

MAX_DEPTH = 200


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
# JSON allows integers of thousands of digits, which Python does not convert.
_decoder_of_long_integers = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=str)

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
# An opening bracket becomes +1 and a closing one -1 (as a signed byte); other bytes are removed.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_OTHERS = bytes(set(range(256)) - set(b"[{]}"))


def check(body: bytes) -> None:
    """Check that a body is strictly JSON.

    Raises:
        InvalidJson: It is not. The error says where, and never repeats what is there.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"the byte at offset {error.start} is not UTF-8") from error
    try:
        _decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"syntax error at offset {error.pos}") from error
    except RecursionError as error:
        raise InvalidJson(f"it is nested more than {MAX_DEPTH} deep") from error
    # A body with fewer brackets cannot be that deep.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise InvalidJson(f"it is nested more than {MAX_DEPTH} deep")


def _decode(text: str) -> None:
    try:
        _decoder.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        _decoder_of_long_integers.decode(text)


def _depth(body: bytes) -> int:
    """Return the depth of valid JSON; walking through its values would take much longer."""
    steps = _STRING.sub(b"", body).translate(_STEPS, _OTHERS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)
