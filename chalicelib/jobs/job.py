"""What a job is: the document that says what was asked for, and the ways in which it ends."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal

from chalicelib.errors import GatewayMisconfigured
from chalicelib.payload.admission import MAX_PAYLOAD_BYTES, ClientRequest
from chalicelib.routing import headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import UnionType

    from chalicelib.jobs.store import S3Object
    from chalicelib.routing.table import Model

KEPT_SECONDS = 7 * 86_400
"""How long a job can be asked for. The lifecycle of the bucket is as long."""

QUEUE_SECONDS = 4 * 86_400 + 6 * 3600
"""After so long the queue has dropped a message, and all its deliveries are over."""

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
"""How a job has ended: for callers, in the bucket, and in the log."""

GRACE_SECONDS = 900
"""SageMaker's answer may be so much later than its own limits say. UNVERIFIED."""

MAX_ASYNC_BYTES = 1_000_000_000
"""Source: SageMaker developer guide, "Asynchronous inference": payloads up to 1 GB."""

KEPT_HEADERS = frozenset(
    name.lower()
    for name in (
        *("Accept", "Content-Type", headers.ROUTING_KEY),
        *(one.name for one in headers.PASSED.values()),
    )
)
"""The headers of a request that its prediction depends on, by lower-case name."""


KINDS_OF_MEMBERS: Mapping[str, type | UnionType] = {
    **dict.fromkeys(("owner", "job", "request_id", "principal", "path", "model"), str),
    **dict.fromkeys(("key_id", "body"), str | None),
    **dict.fromkeys(("created", "expires", "lost_after"), int),
    **{"is_async": bool, "headers": dict, "fingerprint": str},
}
"""Of a job's document."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a caller asked for. Times are seconds since the epoch."""

    owner: str
    job: str
    request_id: str
    """Of the request that submitted it; the worker's log line and a problem repeat it."""

    principal: str
    key_id: str | None
    path: str
    """The path after `/predict/`."""

    model: str
    is_async: bool
    body: str | None
    """The id of its body in the bucket; None if SageMaker got the body with the call."""

    headers: Mapping[str, str] = field(repr=False)
    fingerprint: str
    """What has to be equal in two requests with one Idempotency-Key."""

    created: int
    expires: int
    lost_after: int
    """Nothing can work on it any more after this time, unless the mark that it was sent has a later
    one."""

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Job:
        """Read a document; members that a newer gateway has added to it are ignored.

        Raises:
            GatewayMisconfigured: The gateway did not write it so.
        """
        try:
            members = json.loads(data)
            values = {one.name: members[one.name] for one in fields(cls)}
            if not all(isinstance(values[name], kind) for name, kind in KINDS_OF_MEMBERS.items()):
                raise ValueError("a member of another kind")
            return cls(**values)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise GatewayMisconfigured("a job's document is damaged", of_jobs=True) from error

    def request(self, body: bytes) -> ClientRequest:
        """Return the request that was submitted."""
        return ClientRequest(self.headers, body, len(body))


@dataclass(frozen=True, slots=True)
class Result:
    """The model's answer, in S3."""

    place: S3Object
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    """How far a job is."""

    status: Literal["running", "succeeded", "failed"]
    result: Result | None = None
    problem: Mapping[str, Any] | None = None


RUNNING = Status("running")


def kept_headers(request: ClientRequest) -> dict[str, str]:
    """Return the headers that the prediction depends on."""
    return {name: value for name, value in request.headers.items() if name in KEPT_HEADERS}


def fingerprint(path: str, request: ClientRequest, upload: str | None) -> str:
    """Return a digest of what a request asks for."""
    asked = json.dumps([path, sorted(kept_headers(request).items()), upload])
    return hashlib.sha256(asked.encode() + b"\n" + request.body).hexdigest()


def lost_seconds(model: Model) -> int:
    """Return how long after a job was sent nothing can work on it any more."""
    if not model.target.is_async:
        return QUEUE_SECONDS
    return model.request_ttl_seconds + model.invocation_timeout_seconds + GRACE_SECONDS


def max_bytes(*, is_async: bool) -> int:
    """Return the largest body of an upload."""
    return MAX_ASYNC_BYTES if is_async else MAX_PAYLOAD_BYTES
