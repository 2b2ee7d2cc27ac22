"""The fault matrix: each row is a fault and what the caller then gets.

A test names the rows that it proves: `@row("U7")`. `test_rows.py` wants a test for every row.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Row:
    """One fault and its expected result."""

    id: str
    fault: str
    expected: str


@dataclass(frozen=True)
class Number:
    """One figure and its bar."""

    id: str
    what: str
    bar: str


UPSTREAM = (
    Row("U1", "SageMaker throttles: 400, 429, bare 429", "503 upstream-throttled, 1 retry at most"),
    Row("U2", "ModelNotReadyException", "503 model-not-ready; with `wait`: 200 if in time"),
    Row("U3", "500, 502, 503, 504 of SageMaker's", "502 upstream-error, 503 for 503; 1 retry"),
    Row("U4", "530 and 507 of SageMaker's", "530 as 500; 507 of a container: model-overloaded"),
    Row("U5", "ModelError (424)", "status by the container's; no retry; nothing leaks"),
    Row("U6", "connection refused, no DNS, bad TLS", "503 upstream-unreachable, 1 retry"),
    Row("U7", "a hang without any byte", "504 upstream-timeout in time, no retry, no leak"),
    Row("U8", "a slow drip", "504 upstream-timeout in time"),
    Row("U9", "reset or close before the answer", "503 upstream-unreachable, at most 2 attempts"),
    Row("U10", "reset or end at any byte of an answer", "never a false 200"),
    Row("U11", "an answer that is too large or endless", "502 upstream-response-too-large"),
    Row("U12", "no JSON, wrong or no type, bad UTF-8", "passed on as it is; without a type 502"),
    Row("U13", "hostile response headers", "dropped; none reaches the caller"),
    Row("U14", "garbage, 1xx floods, huge headers, redirects", "502, never followed"),
    Row("U15", "an endpoint that is updated under load", "200 throughout"),
    Row("U16", "an endpoint or container that is not there", "503 model-unavailable or 502"),
    Row("U17", "AccessDenied, expired token, clock skew", "500 gateway-misconfigured, no retry"),
    Row("U19", "any mixture of these", "one reply, valid, in time, few attempts"),
    Row("U20", "a surplus answer on a kept connection", "each caller gets its own answer"),
    Row("U21", "a kept connection that is dead on sending", "200, 1 attempt; 2 if all was sent"),
    Row("U22", "a host with several dead addresses", "200 from a living one; 503 in time"),
    Row("U23", "odd numbers in an error", "502 upstream-invalid-response, no 500"),
    Row("U24", "a body over the endpoint's own limit", "413 payload-too-large with the limit"),
    Row("U25", "no artifact for a caller's free value", "404 no-such-artifact, 1 attempt"),
)
TABLE = (
    Row("R1", "no table, or one that cannot be read", "503 routing-unavailable, no 500"),
    Row("R2", "a table that is wrong in any way", "refused whole"),
    Row("R3", "a table that is cut off", "refused at every byte"),
    Row("R7", "a target that points elsewhere", "refused at load"),
    Row("R8", "keys that do not go together", "refused or warned of"),
    Row(
        "R9", "a compiled form that is not what compile wrote", "the YAML is used, the log says why"
    ),
    Row("R10", "a crash while a table is read", "the next look reads it again"),
    Row("R11", "a very large or costly table", "read in linear time, patterns are bounded"),
    Row("R12", "a catalog that is too large for one answer", "a page ends earlier, with `next`"),
    Row("R13", "a table with thousands of problems", "refused; a short log line counts the rest"),
)
PLATFORM = (
    Row("L1", "too little time left at entry", "504 upstream-timeout, nothing is called"),
    Row("L2", "time runs out in the middle of a call", "our 504, half a second before Lambda"),
    Row("L3", "frozen and thawed: stale connections", "200 at the first request"),
    Row("L4", "`chalice local` and Lambda's time", "the same limit, from the configuration"),
    Row("L5", "an answer over 6 MB", "502 upstream-response-too-large"),
    Row("L6", "a log line or metric that cannot be written", "the answer, as always"),
    Row("L7", "a malformed event", "400 bad-request, one line, no traceback"),
    Row("L8", "an event of another kind or resource", "one line; a problem, if it is HTTP"),
    Row("L9", "a start that fails", "the reason; the garbage collector as before"),
    Row("L10", "more requests than the stage takes", "429 too-many-requests, everybody's"),
    Row("L11", "a function writes to another's log group", "IAM denies it"),
)
CLIENT = (
    Row("C1", "JSON that is not JSON", "400 invalid-json, nothing is called"),
    Row("C2", "NaN, great depth, long numbers, UTF-16", "400 or 200, never 500"),
    Row("C3", "wrong, missing or odd Content-Type", "415 unsupported-media-type"),
    Row("C4", "compressed bodies", "415, never inflated"),
    Row("C5", "a body that is too large", "413 payload-too-large"),
    Row("C6", "bad UTF-8", "400 for JSON; any other type byte for byte"),
    Row("C7", "strange names in the path", "404 unknown-model, nothing is called"),
    Row("C8", "CR, LF, NUL, non-ASCII in headers", "400 invalid-header"),
    Row("C9", "targeting headers from a caller", "ignored"),
    Row("C10", "a header that comes twice", "400 invalid-header"),
    Row("C11", "wrong method, unknown path, query junk", "405, 403 or 404; no CORS by default"),
    Row("C12", "slow senders", "API Gateway's business; locally others do not wait"),
    Row("C13", "trace and correlation headers", "no effect on the answer, none logged"),
    Row("C14", "a very large JSON body", "200 or 400 as for a small one, no values are built"),
    Row("C15", "an empty body or a byte order mark", "400 invalid-json that names it"),
    Row("C16", "a body in chunks, without a clear length, cut short", "whole, or 400; never empty"),
)
CREDENTIALS = (
    Row("K1", "an issuer's key set without usable keys", "401 at once; withdrawn keys not kept"),
    Row(
        "K2", "a secret missing, misspelt, being deleted", "503, or the keys as before; in the log"
    ),
    Row("K3", "an issuer behind a proxy, or its own CA", "fetched as botocore's clients fetch"),
    Row("K4", "on Lambda: a credential that cannot be checked", "503, which is not kept"),
    Row("K5", "`Authorization` twice", "400 invalid-header, on every route"),
    Row("K6", "a key of one stage at another", "401 unauthorized; IAM denies the other secret"),
    Row("K7", "a caller measures whether a model exists", "the same steps, the same 404"),
)
MACHINE = (
    Row("M1", "a web page at the local SageMaker's port", "403; nothing is read, nothing arrives"),
    Row("M2", "a web page at the other local ports", "403, or there is no port"),
    Row("M3", "an archive that is hostile", "refused; nothing outside, nothing above the cap"),
    Row("M4", "the demo key's file is already there", "a new file of mode 0600; no link followed"),
    Row("M5", "control characters in a table or an account", "printed as escapes, on one line"),
)
JOBS = (
    Row("J1", "a worker is killed while a model works", "the job runs again; one result; or lost"),
    Row("J2", "S3 away, at each step of a job", "503 jobs-unavailable; later the job, once"),
    Row("J3", "SQS away, at each step of a job", "503 jobs-unavailable; later the job, once"),
    Row("J4", "one message to two workers", "one result: the first"),
    Row("J5", "a message that starts no job", "the dead-letter queue; its text in no log"),
    Row("J6", "a model that says 503, or fails", "three tries; a failed job with the problem"),
    Row("J7", "a result that cannot be written", "the job runs again; one result"),
    Row("J8", "a clock that is wrong by hours", "500 gateway-misconfigured; nothing is decided"),
    Row("J9", "one Idempotency-Key, many at once, or again", "one job, for as long as it is kept"),
    Row("J10", "an upload too late, altered, twice, another's", "403, 412, 404 unknown-upload"),
    Row("J11", "a job's id guessed, or somebody else's", "404 unknown-job in the same words"),
    Row("J12", "a caller's InputLocation, bucket or key", "none reaches AWS"),
    Row("J13", "very many jobs at once", "none lost, none twice"),
    Row("J14", "an artifact that loads longer than a request", "the result"),
    Row("J15", "bodies and answers of 25 MB", "byte for byte; bounded memory"),
    Row("J16", "an async endpoint that fails or is silent", "model-error, or job-lost in the end"),
)
ROWS = {
    row.id: row for row in (*UPSTREAM, *TABLE, *PLATFORM, *CLIENT, *CREDENTIALS, *MACHINE, *JOBS)
}

NUMBERS = {
    number.id: number
    for number in (
        Number("N1", "rows with a test; rows that pass", "all; all"),
        Number("N2", "attempts per request at 100 % upstream failure", "≤ 1.10"),
        Number("N3", "overshoot of the deadline", "p99 ≤ 250 ms, max ≤ 500 ms"),
        Number("N5", "goodput at twice the capacity ÷ at capacity", "≥ 0.9"),
        Number("N10", "JSONTestSuite: y taken, n refused, 500s", "95/95, 188/188, 0"),
        Number("N17", "peak memory over the baseline", "at most 3 times the limit"),
    )
}


def row(*ids: str) -> pytest.MarkDecorator:
    """Mark a test, or one of its parameters, as a proof of these rows."""
    unknown = [id for id in ids if id not in ROWS]
    assert ids and not unknown, f"no such row: {unknown}"
    return pytest.mark.row(*ids)
