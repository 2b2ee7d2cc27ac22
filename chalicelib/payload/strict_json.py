"""Whether bytes are strictly JSON; the values in them are the model's business.

The standard library's decoder is strict but for three things, which are refused here: the
constants NaN and Infinity, other encodings than UTF-8, and a depth that Python cannot hold.
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
# Python does not convert integers of thousands of digits; JSON does not mind them.
_decoder_of_long_integers = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=str)

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
# A bracket as a step up or, in a signed byte, down; and everything that is no bracket.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_OTHERS = bytes(set(range(256)) - set(b"[{]}"))


def check(body: bytes) -> None:
    """When the bytes are not strictly JSON: InvalidJson, which says where and never what."""
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
    # Only a body with that many brackets can be that deep.
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
    """Of JSON that is known to be right; walking its values would take much longer."""
    steps = _STRING.sub(b"", body).translate(_STEPS, _OTHERS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)
