"""Credentials of a role, which STS gives when they are needed, and botocore refreshes."""

from __future__ import annotations

import math
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from chalicelib.aws import clients
from chalicelib.aws.deadline import step
from chalicelib.errors import (
    GatewayError,
    GatewayMisconfigured,
    UpstreamThrottled,
    UpstreamUnreachable,
)
from chalicelib.sagemaker.upstream_errors import ERRORS, from_failed_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SESSION_NAME = "inference-gateway"
STS_SECONDS = 3.0
"""The longest time for one call of STS, so that a fallback can still answer after it."""

EARLY_SECONDS = 900
"""So long before credentials expire, new ones are asked for; until then the old ones are used."""

LATE_SECONDS = 60
"""With less time than this, credentials are not used any more."""

PAUSE_SECONDS = 30.0
"""While the credentials are still good, STS is not asked again so soon after it failed."""


def credentials_of(role_arn: str, region_name: str | None, **own: str) -> Any:
    """Ask STS for the credentials of a role, and return them; botocore refreshes them.

    An error has nothing of what STS said, because such texts name roles and accounts.

    Args:
        role_arn: The role.
        region_name: The Region whose STS is asked if the gateway has none of its own.
        **own: The gateway's credentials, for callers that do not have them in the environment.

    Raises:
        GatewayError: STS refuses the role, or gives no credentials. Calls raise it too, when the
            credentials have to be refreshed.
    """

    def ask() -> dict[str, str]:
        try:
            region = Session().get_config_variable("region") or region_name
            where = {} if region is None else {"region_name": region}
            sts = clients.client("sts", **where, **own)
            with step(STS_SECONDS):
                answer = _assume_role(sts, role_arn)
        except ClientError as error:
            raise _refused(error) from None
        except BotoCoreError as error:
            raise _failed(error) from None
        return _session(answer)

    asking = _Asking(ask)
    return RefreshableCredentials.create_from_metadata(
        asking.session(),
        refresh_using=asking.session,
        method="assume-role",
        advisory_timeout=EARLY_SECONDS,
        mandatory_timeout=LATE_SECONDS,
    )


class _Asking:
    """Asks STS for sessions of one role; botocore lets one thread at a time do so.

    An STS that is away must not hold up each request while the last session is still good.
    """

    def __init__(self, ask: Callable[[], dict[str, str]]) -> None:
        self._ask = ask
        self._last: dict[str, str] = {}
        self._failed_at = -math.inf

    def session(self) -> dict[str, str]:
        """Return a new session, or for a while after a failure the last one."""
        if self._last and 0 <= time.time() - self._failed_at < PAUSE_SECONDS and self._is_good():
            return self._last
        try:
            self._last = self._ask()
        except GatewayError:
            self._failed_at = time.time()
            raise
        return self._last

    def _is_good(self) -> bool:
        expires = datetime.fromisoformat(self._last["expiry_time"])
        return expires.timestamp() - time.time() > LATE_SECONDS


def _assume_role(sts: Any, role_arn: str) -> Mapping[str, Any]:
    try:
        answer: Mapping[str, Any] = sts.assume_role(RoleArn=role_arn, RoleSessionName=SESSION_NAME)
    except (BotoCoreError, ClientError):
        raise
    except Exception:
        # The parser expects the members of its shapes. What else it raises is a fault of STS.
        raise UpstreamUnreachable from None
    return answer


def _session(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the credentials in an answer of STS, as botocore takes them.

    Raises:
        UpstreamUnreachable: They cannot be used, so STS, or what answers in its place, has failed.
    """
    given = answer.get("Credentials", {})
    keys = [given.get(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    expiration = given.get("Expiration")
    if not all(isinstance(key, str) and re.fullmatch("[!-~]+", key) for key in keys):
        raise UpstreamUnreachable
    # A session of a second would expire before it is used.
    if not isinstance(expiration, datetime) or expiration.timestamp() - time.time() < 1:
        raise UpstreamUnreachable
    names = ("access_key", "secret_key", "token")
    return {**dict(zip(names, keys, strict=True)), "expiry_time": expiration.isoformat()}


def _refused(error: ClientError) -> GatewayError:
    """Return our error for an error response of STS."""
    code = str(error.response.get("Error", {}).get("Code"))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if ERRORS.get(code) is UpstreamThrottled or status == 429:
        return UpstreamThrottled()
    if status >= 500 or status < 400:
        return UpstreamUnreachable()
    word = code if re.fullmatch("[A-Za-z0-9]{1,64}", code) else "an odd error"
    return GatewayMisconfigured(f"STS answers {word} to AssumeRole")


def _failed(error: BotoCoreError) -> GatewayError:
    """Return our error for a call of STS without a response; a timeout means that it is away."""
    ours = from_failed_call(error)
    if isinstance(ours, GatewayMisconfigured):
        return ours
    return UpstreamUnreachable()
