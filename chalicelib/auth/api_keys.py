"""API keys, `gw_<key id>_<secret>`: checked against a document in AWS Secrets Manager."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import TYPE_CHECKING

from chalicelib.auth import key_document
from chalicelib.auth.credentials import API_KEY_PREFIX, BadCredential, Identity
from chalicelib.auth.key_document import KEY_ID, ApiKey
from chalicelib.aws.deadline import Deadline
from chalicelib.aws.refreshed import FetchFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    from chalicelib.auth.key_document import Keys
    from chalicelib.aws.refreshed import Refreshed

FETCH_SECONDS = 2.0
"""The longest time for one read of the secret, because a caller waits for it."""

_KEY = rf"{API_KEY_PREFIX}({KEY_ID})_[A-Za-z0-9_-]{{43}}"

# Takes the place of a key that does not exist, so that its check takes as long as any other.
_NO_KEY = ApiKey("", digest=bytes(32), principal="", grants=(), expires=None, disabled=True)


class ApiKeys:
    """The scheme of API keys. Without a store, every API key is refused."""

    def __init__(
        self,
        keys: Refreshed[Keys] | None,
        clock: Callable[[], float] = time.time,
        report_age: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._report_age = report_age

    def authenticate(self, token: str) -> Identity | None:
        """Check an API key, as `Scheme` says."""
        if not token.startswith(API_KEY_PREFIX):
            return None
        shape = re.fullmatch(_KEY, token)
        if shape is None:
            raise BadCredential("malformed")
        if self._keys is None:
            raise BadCredential("no-api-keys")
        keys = self._keys.value()
        self._report_age(self._keys.age_seconds or 0.0)
        key = keys.get(shape[1], _NO_KEY)
        is_same = hmac.compare_digest(key.digest, hashlib.sha256(token.encode()).digest())
        if key is _NO_KEY:
            raise BadCredential("unknown-key")
        if not is_same:
            raise BadCredential("wrong-secret", key.key_id)
        return self._identity(key)

    def _identity(self, key: ApiKey) -> Identity:
        if key.disabled:
            raise BadCredential("disabled", key.key_id)
        if key.expires is not None and self._clock() >= key.expires:
            raise BadCredential("expired", key.key_id)
        return Identity(key.principal, key.grants, key.expires, key.key_id)


def secrets_provider() -> SecretsProvider:
    """Return Powertools' reader of secrets, on a client that tries once."""
    # Imported here, because they take longer than the rest of a start, and only API keys need them.
    from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415

    from chalicelib.aws import clients  # noqa: PLC0415

    return SecretsProvider(boto3_client=clients.client("secretsmanager"))


class KeySecret:
    """The secret that holds the key document; the reader is created when it is first needed."""

    def __init__(
        self, name: str, make_provider: Callable[[], SecretsProvider] = secrets_provider
    ) -> None:
        self._name = name
        self._make_provider = make_provider
        self._provider: SecretsProvider | None = None

    def read(self) -> Keys:
        """Read the keys from Secrets Manager.

        Returns:
            The keys by their ids.

        Raises:
            FetchFailed: Secrets Manager does not give the secret, or the document is refused. A
                secret that does not exist is no empty document: its name may be misspelt.
        """
        try:
            return key_document.parse(self._document())
        except key_document.InvalidKeyDocument as error:
            first, *others = error.problems
            more = f" (and {len(others)} more)" if others else ""
            raise FetchFailed(f"the key document is refused: {first}{more}") from None

    def _document(self) -> bytes:
        from aws_lambda_powertools.utilities.parameters import GetParameterError  # noqa: PLC0415

        self._provider = self._provider or self._make_provider()
        try:
            # Powertools' own cache is not used: it would not keep an old value during an outage.
            # VersionStage is AWS's default, which moto does not apply after a version was moved.
            with Deadline.after(FETCH_SECONDS).in_force():
                value = self._provider.get(
                    self._name, max_age=0, force_fetch=True, VersionStage="AWSCURRENT"
                )
        except GetParameterError as error:
            raise FetchFailed(_reason(error.__context__)) from None
        return value.encode() if isinstance(value, str) else bytes(value or b"")


def _reason(cause: BaseException | None) -> str:
    """Return AWS's error code, or else the name of the exception's class; never its text."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
    return code if re.fullmatch("[A-Za-z]{1,64}", code) else type(cause).__name__
