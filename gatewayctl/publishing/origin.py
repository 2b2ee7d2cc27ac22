"""Who published a version of a table and why, as metadata of the object in S3.

S3 sends metadata as headers, which are ASCII, and keeps 2 KB of them. So texts are percent-encoded.
S3 itself knows no author: the owner of a version is the owner of the bucket.

Source: S3 user guide, "User-defined object metadata".
"""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from gatewayctl.aws import reaching
from gatewayctl.report import NotReachable, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SERVICE = "sts"
AUTHOR, COMMENT = "author", "comment"
"""The keys of the metadata."""

MAX_COMMENT_BYTES = 1_000
"""Of the encoded text. An ARN of a caller has at most 700 bytes or so, and digests the rest."""
MAX_AUTHOR_BYTES = 800
_READABLE = " !#$&'()*+,/:;=?@[]"


def of(connect: Callable[[str], Any], comment: str) -> dict[str, str]:
    """Return the metadata of a version that is published now.

    Args:
        connect: Makes a client for a service.
        comment: The value of `--message`.
    """
    author = quote(_caller(connect), safe=_READABLE)
    metadata = {AUTHOR: author[:MAX_AUTHOR_BYTES], COMMENT: _encoded(comment)}
    return {key: text for key, text in metadata.items() if text}


def check(comment: str) -> None:
    """Check that S3 can keep a comment.

    Raises:
        WrongUse: It is too long.
    """
    size = len(_encoded(comment))
    if size > MAX_COMMENT_BYTES:
        raise WrongUse(
            f"the message has {size:,} bytes as S3 stores it, and may have {MAX_COMMENT_BYTES:,}; "
            "shorten it"
        )


def kept(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata of a version that is stored once more."""
    return {key: metadata[key] for key in (AUTHOR, COMMENT) if key in metadata}


def author(metadata: Mapping[str, str]) -> str | None:
    """Return the ARN of who published a version; None if the metadata does not say it."""
    return _decoded(metadata, AUTHOR)


def comment(metadata: Mapping[str, str]) -> str | None:
    """Return the comment of a version; None without one."""
    return _decoded(metadata, COMMENT)


def _encoded(text: str) -> str:
    """Encode a text on one line; one space at most stands between two words, as in a header."""
    line = re.sub(r"[ \t\r\n]+", " ", text).strip(" ")
    return quote(line, safe=_READABLE, errors="replace")


def _decoded(metadata: Mapping[str, str], key: str) -> str | None:
    return unquote(metadata[key]) if key in metadata else None


def _caller(connect: Callable[[str], Any]) -> str:
    """Return the ARN of the credentials, which needs no permission; empty if STS does not say."""
    try:
        with closing(connect(SERVICE)) as client, reaching(SERVICE):
            return str(client.get_caller_identity()["Arn"])
    except NotReachable:
        return ""
