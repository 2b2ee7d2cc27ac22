"""Files of values as JSON, with a version: prices and endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from chalicelib.errors import quoted
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1

Value = TypeVar("Value")


def text(value: object) -> str:
    """Return the content of a file; members of dictionaries are sorted."""
    document = {"version": VERSION, **msgspec.to_builtins(value, str_keys=True)}
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic")).decode() + "\n"


def read(path: Path, kind: type[Value], noun: str, advice: str) -> Value:
    """Read a file.

    Args:
        kind: The class of the value; its members are those of the JSON object.
        noun: What messages call such a file.
        advice: What the user does to get one.

    Raises:
        WrongUse: It cannot be read, has another version, or lacks or mistypes a member.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WrongUse(f"the {noun} {path} cannot be read: {error.strerror}") from error
    try:
        document: Any = msgspec.json.decode(content)
        version = document.get("version") if isinstance(document, dict) else None
        if version != VERSION:
            found = "no version" if version is None else f"version {quoted(str(version))}"
            raise msgspec.ValidationError(f"it has {found}, and {VERSION} is expected")
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WrongUse(f"{path} is no {noun}: {error}; {advice}") from error
