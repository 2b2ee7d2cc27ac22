"""The secret in AWS Secrets Manager that holds the key document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.auth import key_document
from chalicelib.auth.last_known_good import FetchFailed
from chalicelib.aws.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.parameters import SecretsProvider

SECONDS = 2.0
"""For all that one reading takes; whoever authenticates waits for it."""

# The store's answer to "there is no such secret". Somebody who deletes the secret in the console
# only marks it for deletion, and that is told as an invalid request.
_NO_SECRET = {"ResourceNotFoundException", "InvalidRequestException"}


def secrets_provider() -> SecretsProvider:
    """Powertools' reader, on a client that tries once and soon gives up."""
    # Here and not above: they cost more than the rest of a start, and only an API key needs them.
    from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415

    from chalicelib.aws import clients  # noqa: PLC0415

    return SecretsProvider(boto3_client=clients.client("secretsmanager"))


class KeySecret:
    """Reads the document, each time anew; the reader is made when it is first needed."""

    def __init__(
        self, name: str, make_provider: Callable[[], SecretsProvider] = secrets_provider
    ) -> None:
        self._name = name
        self._make_provider = make_provider
        self._provider: SecretsProvider | None = None

    def read(self) -> key_document.Keys:
        """The keys as they are now. When they cannot be had: FetchFailed.

        No secret is an answer, not an outage: there are no keys. Nobody can hold a good one then,
        a deployment with JWT alone needs no secret, and to delete it revokes every key.
        """
        document = self._document()
        if document is None:
            return {}
        try:
            return key_document.parse(document)
        except key_document.InvalidKeyDocument as error:
            first, *others = error.problems
            more = f" (and {len(others)} more)" if others else ""
            raise FetchFailed(f"the key document is refused: {first}{more}") from None

    def _document(self) -> bytes | None:
        from aws_lambda_powertools.utilities.parameters import GetParameterError  # noqa: PLC0415

        self._provider = self._provider or self._make_provider()
        try:
            # Powertools' own cache fails when it is out of date and the store is away. The stage is
            # AWS's default; moto's is another once a version has been moved there.
            with Deadline.soonest([SECONDS]).in_force():
                value = self._provider.get(
                    self._name, max_age=0, force_fetch=True, VersionStage="AWSCURRENT"
                )
        except GetParameterError as error:
            reason = _reason(error.__context__)
            if reason in _NO_SECRET:
                return None
            raise FetchFailed(reason) from None
        return value.encode() if isinstance(value, str) else bytes(value or b"")


def _reason(cause: BaseException | None) -> str:
    """AWS's code, else what kind of silence it was; never a text of theirs."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
    return code if re.fullmatch("[A-Za-z]{1,64}", code) else type(cause).__name__
