"""Reads the key document in AWS Secrets Manager, and replaces it if nobody else has changed it.

Secrets Manager has no compare-and-swap for values, but it has one for labels: a label moves from
one version to another only if the request names the version that has it.

    GetSecretValue             reads the version with the label AWSCURRENT
    PutSecretValue             stores the new document as another version, which nobody reads yet
    UpdateSecretVersionStage   moves AWSCURRENT to the new version, or fails
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.auth import key_document
from chalicelib.auth.credentials import API_KEY_PREFIX
from chalicelib.auth.key_document import KEY_ID, MAX_BYTES
from chalicelib.errors import closest
from gatewayctl import api_keys
from gatewayctl.aws import reaching
from gatewayctl.report import NoAnswer, NotReachable, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from chalicelib.auth.key_document import ApiKey, Keys

SERVICE = "secretsmanager"
CURRENT = "AWSCURRENT"
DESCRIPTION = "API keys of the inference gateway, as digests; managed by gatewayctl keys"

LABEL = "gatewayctl"
"""The label of a new version until it is current: AWS may delete versions without a label.

Two writers may take the label from each other, and a writer may find an old label and take it.

Source: Secrets Manager API reference, `PutSecretValue`.
"""


class Stored(NamedTuple):
    """The keys that were read, and their version."""

    keys: Keys
    version: str | None
    """None if there is no secret, or the secret has no value."""


class KeyStore:
    """The secret with the key document.

    Args:
        connect: Makes a client for a service.
    """

    def __init__(self, name: str, connect: Callable[[str], Any]) -> None:
        self.name = name
        self._client = connect(SERVICE)
        self._errors = self._client.exceptions

    def read(self) -> Stored:
        """Return the keys of the current version.

        Raises:
            Refused: The secret holds something else, or is marked for deletion.
            NotReachable: AWS did not answer, or refused the request.
        """
        with reaching(SERVICE):
            try:
                answer = self._client.get_secret_value(SecretId=self.name, VersionStage=CURRENT)
            except self._errors.ResourceNotFoundException:
                return Stored({}, None)
            except self._errors.InvalidRequestException:
                raise self._refused("is marked for deletion; restore it first") from None
        value = answer.get("SecretString", "").encode() or answer.get("SecretBinary", b"")
        try:
            return Stored(key_document.parse(value), answer["VersionId"])
        except key_document.InvalidKeyDocument as error:
            other = "does not hold a key document, so it is not changed: "
            raise self._refused(*(other + problem for problem in error.problems)) from error

    def replace(self, read: Stored, document: bytes) -> str:
        """Replace the document that was read by a new one.

        Returns:
            Which secret was written, and whether it is a new one, for the user.

        Raises:
            Refused: The secret was changed since it was read, or cannot take another version.
            NotReachable: AWS did not answer; the text says whether the secret may be changed.
        """
        text = document.decode()
        with reaching(SERVICE):
            if read.version is None:
                created = self._create(text)
            else:
                created = False
                version = self._put(text, missing=self._lost_race())["VersionId"]
                try:
                    self._make_current(version, read.version)
                finally:
                    self._drop_label(version)
        written = f"{self.name} in {self._client.meta.region_name}"
        if created:
            return f"there was no secret {written}, so it was created"
        return f"the secret is {written}"

    def _create(self, text: str) -> bool:
        """Store the first version, and return whether the secret is new too."""
        with _outcome_unknown():
            if self.name.startswith("arn:"):  # only AWS can choose an ARN
                self._fill(text)
                return False
            try:
                self._client.create_secret(
                    Name=self.name, Description=DESCRIPTION, SecretString=text
                )
            except self._errors.ResourceExistsException:
                self._fill(text)
                return False
        return True

    def _fill(self, text: str) -> None:
        """Store the first version of a secret without a value; AWS makes it current at once."""
        missing = self._refused("does not exist; to create it, give a name instead of an ARN")
        answer = self._put(text, missing=missing)
        self._drop_label(answer["VersionId"])
        if CURRENT not in answer["VersionStages"]:
            raise self._lost_race()

    def _put(self, text: str, *, missing: Refused) -> Any:
        try:
            return self._client.put_secret_value(
                SecretId=self.name, SecretString=text, VersionStages=[LABEL]
            )
        except self._errors.ResourceNotFoundException:
            raise missing from None
        except self._errors.LimitExceededException:
            full = "was changed too often: about 100 versions are kept for a day; try again later"
            raise self._refused(full) from None

    def _make_current(self, version: str, instead_of: str) -> None:
        changed = self._errors.InvalidParameterException, self._errors.ResourceNotFoundException
        with _outcome_unknown():
            try:
                self._client.update_secret_version_stage(
                    SecretId=self.name,
                    VersionStage=CURRENT,
                    MoveToVersionId=version,
                    RemoveFromVersionId=instead_of,
                )
            except changed:
                raise self._lost_race() from None

    def _drop_label(self, version: str) -> None:
        """Remove our label; an error is ignored, because a remaining label does no harm."""
        with suppress(NotReachable), reaching(SERVICE):
            self._client.update_secret_version_stage(
                SecretId=self.name, VersionStage=LABEL, RemoveFromVersionId=version
            )

    def _lost_race(self) -> Refused:
        return self._refused("was changed by somebody else in the meantime; run the command again")

    def _refused(self, *reasons: str) -> Refused:
        return Refused(f"the secret {self.name} {reason}" for reason in reasons)


@contextmanager
def _outcome_unknown() -> Iterator[None]:
    """Add to an error without an answer that the document may have been changed."""
    try:
        with reaching(SERVICE):
            yield
    except NoAnswer as error:
        unknown = "whether the change was made is not known: see keys list"
        raise NotReachable(f"{error}; {unknown}") from error


class KeyDocument:
    """The key document as it was read; changes are saved only if nobody else changed it.

    Args:
        now: The current time in seconds since the epoch.
    """

    def __init__(self, store: KeyStore, now: int) -> None:
        self._store = store
        self._now = now
        self._stored = store.read()

    @property
    def secret(self) -> str:
        """The name or the ARN of the secret."""
        return self._store.name

    @property
    def keys(self) -> Keys:
        """The keys as they were read, by id."""
        return self._stored.keys

    def find(self, key_id: str) -> ApiKey:
        """Return the key with this id.

        Raises:
            Refused: There is no such key.
        """
        key = self.keys.get(key_id)
        if key is None:
            raise Refused([_unknown(key_id, self.keys)])
        return key

    def save(self, *changed: ApiKey) -> list[str]:
        """Save the document with these keys, new or changed.

        Returns:
            Notes for the user.

        Raises:
            Refused: The document is full, or was changed since it was read.
        """
        keys = {**self.keys, **{key.key_id: key for key in changed}}
        document, left_out = _fitting_document(keys.values(), self._now)
        key_document.parse(document)  # a gateway would refuse all keys for one mistake
        written = self._store.replace(self._stored, document)
        if not left_out:
            return [written]
        return [written, f"{left_out} expired or disabled keys were dropped to make room"]


def _fitting_document(keys: Collection[ApiKey], now: int) -> tuple[bytes, int]:
    """Write all keys if they fit, else those that have not ended; also return how many did not fit.

    Raises:
        Refused: The keys that have not ended do not fit.
    """
    usable = [key for key in keys if not api_keys.has_ended(key, now)]
    for some in (keys, usable):
        document = api_keys.document(some)
        if len(document) <= MAX_BYTES:
            return document, len(keys) - len(some)
    raise Refused([_full(usable, len(document))])


def _full(usable: Collection[ApiKey], size: int) -> str:
    plain = api_keys.document(replace(key, comment=None) for key in usable)
    comments = ""
    if len(plain) < size:
        comments = (
            f"comments take {size - len(plain):,} of them, and "
            "keys update ID --comment '' removes one; "
        )
    return (
        f"the document would have {size:,} bytes with {len(usable)} usable keys in "
        f"it, and it may have {MAX_BYTES:,}; {comments}"
        "for more callers use JWT (GATEWAY_JWT_ISSUER)"
    )


# The message repeats only ids, because the user may have typed the key instead of its id.
def _unknown(key_id: str, known: Keys) -> str:
    if key_id.startswith(API_KEY_PREFIX):
        return (
            "that is a key and not its id, which is the 8 characters after gw_; "
            "if others can see this terminal or its history, disable the key"
        )
    if not re.fullmatch(KEY_ID, key_id, re.ASCII):
        return "that is not the id of a key, which is 8 of a-z 0-9; see keys list"
    meant = closest(key_id, known)
    advice = f"did you mean {meant}?" if meant else "see keys list"
    return f"there is no key {key_id}; {advice}"
