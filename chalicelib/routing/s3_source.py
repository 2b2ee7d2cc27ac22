"""A routing table in S3: an object with the YAML, and an object with its compiled form beside it.

The metadata of the first object holds two digests, which `gatewayctl publish` puts there. The
SHA-256 of the YAML is there because a partly uploaded table would look like a shorter table. The
digest of the compiled form's content is there so that whoever may write only the second object
cannot change the table.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from chalicelib.aws.deadline import Deadline
from chalicelib.aws.refreshed import FetchFailed, Refreshed, StoreUnavailable
from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import file, shrinking
from chalicelib.routing.reading.problems import InvalidTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.routing.table import RoutingTable
    from chalicelib.settings import S3Location
    from chalicelib.telemetry.log import Telemetry

MAX_BYTES = 32 * 1024 * 1024
DIGEST = "sha256"
"""The key of the YAML's digest in the object's metadata."""

COMPILED_DIGEST = "compiled-sha256"
"""The key of the compiled form's digest in the metadata of the YAML."""

FETCH_SECONDS = 2.0
"""The longest time for all calls of one refresh together, because a request waits for them."""

LOOKS = 3
"""For so many looks the table may fail to be refreshed before `/health` says so."""

COOLDOWN_SECONDS = 5.0
"""The longest pause between two fetches while there is no table."""


class S3Source:
    """The newest good table of an S3 object.

    One request fetches the table while the others use the old one. The old table stays in use for
    as long as a newer one cannot be fetched or is refused.
    """

    def __init__(
        self,
        s3_object: S3Object,
        telemetry: Telemetry,
        *,
        max_age_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._object = s3_object
        self._telemetry = telemetry
        self._max_age_seconds = max_age_seconds
        self._accepted: RoutingTable | None = None
        self._accepted_etag: str | None = None
        self._fetched_etag: str | None = None
        self._table = Refreshed(
            self._fetch,
            max_age_seconds=max_age_seconds,
            cooldown_seconds=max_age_seconds,
            cold_cooldown_seconds=min(max_age_seconds, COOLDOWN_SECONDS),
            serve_stale=True,
            clock=clock,
            report=self._report,
        )

    def table(self) -> RoutingTable:
        try:
            return self._table.value()
        except StoreUnavailable:
            raise RoutingUnavailable from None

    def stale_seconds(self) -> float | None:
        failing, age = self._table.failing_seconds, self._table.age_seconds
        if failing is None or age is None:
            return None
        is_refused = self._fetched_etag != self._accepted_etag
        return age if is_refused or failing > LOOKS * self._max_age_seconds else None

    def _fetch(self) -> RoutingTable:
        with Deadline.after(FETCH_SECONDS).in_force():
            misfits = self._accepted is not None and bool(self._accepted.misfits)
            fetched = self._object.fetch(None if misfits else self._fetched_etag)
            if fetched is not None:
                try:
                    table = self._parsed(fetched) if misfits else self._read(fetched)
                    shrinking.check(table, self._accepted, self._object.name)
                except InvalidTable:
                    self._fetched_etag = fetched.etag  # a bad table is read only once
                    raise
                # Not noted before: after a bug, the next look fetches and reads the table again.
                self._accepted, self._accepted_etag = table, fetched.etag
                self._fetched_etag = fetched.etag
        if self._accepted is None or self._fetched_etag != self._accepted_etag:
            raise _StillBad
        return self._accepted

    def _read(self, fetched: Fetched) -> RoutingTable:
        try:
            return self._object.compiled(fetched)
        except file.NotCompiled as error:
            reason = error.reason
        return self._parsed(fetched, reason)

    def _parsed(self, fetched: Fetched, reason: str = file.MISFIT) -> RoutingTable:
        table = file.parse(fetched.data, self._object.name)
        self._telemetry.compiled_table_not_used(self._object.name, reason)
        return table

    def _report(self, error: Exception) -> None:
        if isinstance(error, FetchFailed):
            self._telemetry.table_not_fetched(self._object.name, error.reason)
        elif isinstance(error, InvalidTable):
            self._telemetry.table_refused(error.problems)
        elif not isinstance(error, _StillBad):
            self._telemetry.bug(error)
        age_seconds = self._table.age_seconds
        if age_seconds is not None:
            self._telemetry.table_age(age_seconds)


class _StillBad(Exception):
    """The object still holds the table that was refused; the log has the problems already."""


class Fetched(NamedTuple):
    """What an S3 object holds, its ETag, and the digest of the compiled form in its metadata."""

    data: bytes
    etag: str
    compiled: str | None = None


def s3_client(**settings: str) -> Any:
    """Return a client that tries once, because the next fetch comes soon.

    Args:
        **settings: Arguments of botocore's `create_client`.
    """
    from chalicelib.aws import clients  # noqa: PLC0415

    return clients.client("s3", **settings)


class S3Object:
    """Reads the table and its compiled form; the client is created when it is first needed."""

    def __init__(self, location: S3Location, make_client: Callable[[], Any] = s3_client) -> None:
        self._location = location
        self._make_client = make_client
        self._client: Any = None

    @property
    def name(self) -> str:
        return f"s3://{self._location.bucket}/{self._location.key}"

    def fetch(self, etag: str | None) -> Fetched | None:
        """Return the YAML; None if the object still has this ETag.

        Raises:
            FetchFailed: S3 does not give the object, or its digest is missing or wrong.
        """
        return self._get(self._location.key, etag)

    def compiled(self, fetched: Fetched) -> RoutingTable:
        """Return the table of this YAML from its compiled form.

        Raises:
            NotCompiled: S3 has no such compiled form, or not the one that the metadata names.
        """
        if fetched.compiled is None:
            no_digest = f"the table's metadata has no {COMPILED_DIGEST}; use gatewayctl publish"
            raise file.NotCompiled(no_digest)
        try:
            found = self._get(file.compiled_key(self._location.key), None)
        except FetchFailed as error:
            raise file.NotCompiled(error.reason) from error
        data = b"" if found is None else found.data
        return file.from_compiled(data, hashlib.sha256(fetched.data).hexdigest(), fetched.compiled)

    def _get(self, key: str, etag: str | None) -> Fetched | None:
        condition = {} if etag is None else {"IfNoneMatch": etag}
        try:
            self._client = self._client or self._make_client()
            response = self._client.get_object(Bucket=self._location.bucket, Key=key, **condition)
            compiled = response["Metadata"].get(COMPILED_DIGEST)
            return Fetched(verified_body(response), response["ETag"], compiled)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                return None
            code = str(error.response["Error"].get("Code"))
            raise FetchFailed(code if re.fullmatch("[A-Za-z0-9]{1,64}", code) else "odd") from error
        except (BotoCoreError, HTTPError, LookupError) as error:  # LookupError: a member is missing
            raise FetchFailed(type(error).__name__) from error


def verified_body(response: dict[str, Any]) -> bytes:
    """Return the body of a GetObject response that agrees with the digest in its metadata.

    Raises:
        FetchFailed: The body is too large, or the digest is missing or wrong.
    """
    if response["ContentLength"] > MAX_BYTES:
        raise FetchFailed(f"it has over {MAX_BYTES:,} bytes")
    with response["Body"] as body:
        data = bytes(body.read())
    digest = response["Metadata"].get(DIGEST)
    if digest is None:
        raise FetchFailed(f"its metadata has no {DIGEST}; use gatewayctl publish")
    if digest != hashlib.sha256(data).hexdigest():
        raise FetchFailed(f"it is not what the {DIGEST} in its metadata says")
    return data
