"""`python -m local_stack.demo_key FILE`: writes an API key that may call every model to a file.

A key that is in the file already is kept, if the gateway still takes it for everything: with
`make run DATA=…` the keys stay, and each start would add one.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from chalicelib.auth.key_document import ApiKey
from chalicelib.auth.principal import EVERYTHING
from gatewayctl import api_keys, stage
from gatewayctl.command import connect
from gatewayctl.key_store import KeyDocument, KeyStore
from gatewayctl.report import CommandError, Refused
from local_stack.rest_api import STAGE
from sagemaker_local.private_files import write_private_file

if TYPE_CHECKING:
    from chalicelib.auth.key_document import Keys

ROOT = Path(__file__).parents[1]
PRINCIPAL = "demo"
GRANTS = (EVERYTHING,)


def main(path: Path) -> int:
    """Write the key, and return the exit code."""
    try:
        write_private_file(path, _key(path).encode(), "--key-file")
    except Refused as refusal:
        return _failed("be issued", "; ".join(refusal.reasons))
    except CommandError as error:
        return _failed("be issued", str(error))
    except OSError as error:
        return _failed(f"be written to {path}", error.strerror or str(error))
    return 0


def _failed(what: str, why: str) -> int:
    sys.stderr.write(f"the demo key could not {what}: {why}\n")
    return 1


def _key(path: Path) -> str:
    """Return the key of the file if it is still good, else a new one."""
    now = int(time.time())
    name = stage.secret_name(None, STAGE, os.environ, ROOT)
    stored = KeyDocument(KeyStore(name, connect), now)
    if (kept := _text(path)) and _is_good(kept, stored.keys, now):
        return kept
    new = api_keys.new_key(SystemRandom(), stored.keys)
    stored.save(ApiKey(new.key_id, new.digest, PRINCIPAL, GRANTS, None, disabled=False))
    return new.text


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip() if path.is_file() else None  # to read a pipe may never end
    except (OSError, UnicodeError):
        return None


def _is_good(text: str, keys: Keys, now: int) -> bool:
    digest = hashlib.sha256(text.encode()).digest()
    return any(
        key.digest == digest
        and (key.principal, tuple(key.grants)) == (PRINCIPAL, GRANTS)
        and not api_keys.has_ended(key, now)
        for key in keys.values()
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
