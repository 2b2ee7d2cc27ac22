"""A key that nobody has seen yet."""

from __future__ import annotations

import base64
import hashlib
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.auth.credentials import API_KEY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

ID_LETTERS = string.ascii_lowercase + string.digits
ID_LENGTH = 8
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class FreshKey:
    """The key itself, which is shown once; only its digest is kept."""

    key_id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the whole key."""
        return hashlib.sha256(self.text.encode()).digest()


def fresh_key(random: Random, taken: Collection[str]) -> FreshKey:
    """A new key, whose id is not one of those that are taken."""
    key_id = _key_id(random)
    while key_id in taken:
        key_id = _key_id(random)
    secret = base64.urlsafe_b64encode(random.randbytes(SECRET_BYTES)).decode().rstrip("=")
    return FreshKey(key_id, f"{API_KEY_PREFIX}{key_id}_{secret}")


def _key_id(random: Random) -> str:
    return "".join(random.choices(ID_LETTERS, k=ID_LENGTH))
