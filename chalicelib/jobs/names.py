"""Where jobs and bodies lie in the bucket, and who owns them.

    <prefix>/jobs/<owner>/<job>.json          what was asked for; written once
    <prefix>/jobs/<owner>/<job>.sent.json     that SQS or SageMaker has it; for kind `async`, where
                                              SageMaker will put its answer
    <prefix>/jobs/<owner>/<job>.result        the model's answer, or a problem; written once
    <prefix>/bodies/<owner>/<body>            a request's body, put by the gateway or by the caller
    <prefix>/bodies/<owner>/<body>.used       which job has this body; written once

An owner is a digest of the principal, so a job of somebody else is not found, whatever its id is.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.auth.principal import Principal

DIGITS = 32
"""The hex digits of every id: 128 bits."""

_ID = re.compile(r"[0-9a-f]{32}")


def owner_of(principal: Principal) -> str:
    """Return the owner of a principal's jobs.

    An API key and a JWT may name the same principal without being the same caller, so the kind of
    credential is a part of the digest. All API keys of one principal share its jobs.
    """
    credential = "jwt" if principal.key_id is None else "key"
    return _digest(f"{credential}:{principal.name}")


def new_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_hex(DIGITS // 2)


def job_of_key(owner: str, idempotency_key: str) -> str:
    """Return the id of the job that a caller's Idempotency-Key stands for."""
    return _digest(f"{owner}:{idempotency_key}")


def job_of_upload(owner: str, upload: str) -> str:
    """Return the id of the job that an upload is for, if there is no Idempotency-Key."""
    return _digest(f"{owner}/{upload}")


def is_id(text: str) -> bool:
    """Whether the text has the form of an id, and can be part of a key of S3."""
    return _ID.fullmatch(text) is not None


def job_key(owner: str, job: str) -> str:
    return f"jobs/{owner}/{job}.json"


def sent_key(owner: str, job: str) -> str:
    return f"jobs/{owner}/{job}.sent.json"


def result_key(owner: str, job: str) -> str:
    return f"jobs/{owner}/{job}.result"


def body_key(owner: str, body: str) -> str:
    return f"bodies/{owner}/{body}"


def used_key(owner: str, body: str) -> str:
    return f"bodies/{owner}/{body}.used"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
