"""Ways to send the body of a request: clear ones, and others that a server has to refuse.

Each request is a prediction for two rows of CSV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.canary import CANARY
from tests.support.key_documents import api_key

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS = b"5.1,3.5,1.4,0.2\n5.9,3.0,5.1,1.8\n"
HALF = len(ROWS) // 2
KEY = {"Authorization": f"Bearer {api_key()}"}
CSV = {**KEY, "Content-Type": "text/csv"}
MIB = 1024 * 1024
CHUNKED = "Transfer-Encoding: chunked"
LENGTH = f"Content-Length: {len(ROWS)}"
PREDICT = "POST /predict/iris HTTP/1.1"
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


ONE_CHUNK = chunk(ROWS) + LAST


def request(*lines: str, line: str = PREDICT, headers: Mapping[str, str] = CSV) -> bytes:
    """Build the bytes up to the body."""
    pairs = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([line, "Host: localhost", *pairs, *lines, "", ""]).encode("latin-1")


CLEAR = {
    "length": request(LENGTH) + ROWS,
    "one-chunk": request(CHUNKED) + ONE_CHUNK,
    "chunks": request(CHUNKED) + chunk(ROWS[:HALF]) + chunk(ROWS[HALF:]) + LAST,
    "single-bytes": request(CHUNKED) + b"".join(chunk(bytes([b])) for b in ROWS) + LAST,
    "capitals": request("TRANSFER-ENCODING: Chunked") + ONE_CHUNK,
    "chunk-extension": request(CHUNKED) + b"20;a=b\r\n" + ROWS + b"\r\n" + LAST,
    "trailers": request(CHUNKED) + chunk(ROWS) + b"0\r\nAuthorization: x\r\nX-A: b\r\n\r\n",
    "http-1.0": request(LENGTH, line="POST /predict/iris HTTP/1.0") + ROWS,
    "zeros": request(f"Content-Length: 000{len(ROWS)}") + ROWS,
    "blank-lines-before": b"\r\n\r\n" + request(LENGTH) + ROWS,
    "expect-by-1.0": request(LENGTH, "Expect: 100-continue", line=f"{PREDICT[:-1]}0") + ROWS,
}

AUTH_CANARY = f"Authorization: Bearer {CANARY}"
NOT_CLEAR = {
    "both": request(CHUNKED, LENGTH) + ONE_CHUNK,
    "both-length-first": request(LENGTH, CHUNKED) + ONE_CHUNK,
    "two-lengths": request(LENGTH, "Content-Length: 2") + ROWS,
    "the-same-length-twice": request(LENGTH, LENGTH) + ROWS,
    "list-of-lengths": request(f"{LENGTH}, {len(ROWS)}") + ROWS,
    **{
        f"length-{text or 'empty'}": request(f"Content-Length: {text}") + ROWS
        for text in ("+32", "-1", "0x20", "3_2", "32.0", "3 2", "\xb3", "\x0b32", "", "a", "9" * 30)
    },
    "length-2**64-1": request(f"Content-Length: {2**64 - 1}") + ROWS,
    "length-of-5000-digits": request(f"Content-Length: {'0' * 4998}32") + ROWS,
    "space-before-colon": request(f"Content-Length : {len(ROWS)}") + ROWS,
    **{
        f"coding-{text or 'empty'}": request(f"Transfer-Encoding: {text}") + ONE_CHUNK
        for text in (
            *("gzip, chunked", "chunked, gzip", "gzip", "identity", "chunked, chunked", ""),
            *("xchunked", ", chunked", '"chunked"', "chunked;a=b", "\x0bchunked", "chunked\x00"),
        )
    },
    "chunked-twice": request(CHUNKED, CHUNKED) + ONE_CHUNK,
    "folded-coding": request("Transfer-Encoding:\r\n chunked") + ONE_CHUNK,
    "folded-header": request("X-A: b\r\n c", LENGTH) + ROWS,
    "chunked-by-1.0": request(CHUNKED, line="POST /predict/iris HTTP/1.0") + ONE_CHUNK,
    "line-feeds": request(LENGTH).replace(b"\r\n", b"\n") + ROWS,
    "line-feed-in-headers": request(f"X-A: b\n{LENGTH}") + ROWS,
    "carriage-return-in-headers": request(f"X-A: b\r{LENGTH}") + ROWS,
    "nul": request("X-A: b\0c", LENGTH) + ROWS,
    "no-colon": request("X-A", LENGTH) + ROWS,
    "no-name": request(": b", LENGTH) + ROWS,
    "long-header": request(f"X-A: {'b' * 20_000}", LENGTH) + ROWS,
    "long-name": request(f"{'X' * 20_000}: b", LENGTH) + ROWS,
    "many-headers": request(*(f"X-{n}: b" for n in range(300)), LENGTH) + ROWS,
    "long-path": request(LENGTH, line=f"POST /predict/{'a' * 20_000} HTTP/1.1") + ROWS,
    "http-1.2": request(LENGTH, line="POST /predict/iris HTTP/1.2") + ROWS,
    "http-2": request(line="PRI * HTTP/2.0") + b"SM\r\n\r\n",
    "connect": request(line="CONNECT localhost:80 HTTP/1.1"),
    "credential": request(f"{AUTH_CANARY}\x01", LENGTH, headers={}) + ROWS,
    "credential-in-a-long-header": request(f"{AUTH_CANARY} {'b' * 20_000}", headers={}),
    "large-body-after-it": request("X-A", f"Content-Length: {8 * MIB}") + bytes(8 * MIB),
}

BAD_CHUNKS = {
    "no-number": b"zz\r\n" + ROWS,
    "0x": b"0x20\r\n" + ROWS,
    "plus": b"+20\r\n" + ROWS,
    "minus": b"-1\r\n",
    "underscore": b"2_0\r\n" + ROWS,
    "space": b"20 \r\n" + ROWS,
    "no-size": b"\r\n" + ROWS,
    "huge": b"F" * 17 + b"\r\n" + ROWS,
    "too-long": b"20\r\n" + ROWS + b"x\r\n" + LAST,
    "too-short": b"21\r\n" + ROWS + b"\r\n" + LAST,
    "line-feeds": ONE_CHUNK.replace(b"\r\n", b"\n"),
    "line-feed-in-extension": b"20;a\nb\r\n" + ROWS + b"\r\n" + LAST,
    "second-chunk": chunk(ROWS) + b"zz\r\n",
    "bad-trailer": chunk(ROWS) + b"0\r\nX A\r\n\r\n",
    "length-as-trailer": chunk(ROWS) + b"0\r\nContent-Length: 5\r\n\r\n",
    "not-chunked": ROWS,
    "json": b'{"instances": []}',
}

CUT_SHORT = {
    "length": request("Content-Length: 1000") + ROWS,
    "length-alone": request("Content-Length: 1000"),
    "no-last-chunk": request(CHUNKED) + chunk(ROWS),
    "chunk": request(CHUNKED) + b"20\r\n" + ROWS[:-1],
    "last-line": request(CHUNKED) + ONE_CHUNK[:-2],
    "chunked-alone": request(CHUNKED),
}
