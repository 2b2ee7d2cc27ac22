"""API keys, and the key documents that list them."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def api_key(key_id: str = "abcd1234", secret: str = "s" * 43) -> str:
    return f"gw_{key_id}_{secret}"


def entry(key: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return the entry of a good key; a member that is `...` is left out."""
    good = {
        "sha256": hashlib.sha256((key or api_key()).encode()).hexdigest(),
        "principal": "web-shop",
        "grants": ["iris", "house-price/*"],
        "expires": None,
        "disabled": False,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def document(**entries: dict[str, Any]) -> str:
    return json.dumps({"keys": entries})
