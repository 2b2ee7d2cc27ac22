"""Credentials of a role, which STS gives when they are needed, and botocore refreshes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from chalicelib.aws import clients
from chalicelib.aws.deadline import no_longer_than
from chalicelib.errors import GatewayMisconfigured, UpstreamThrottled, UpstreamUnreachable
from chalicelib.sagemaker.upstream_errors import ERRORS, from_failed_call

if TYPE_CHECKING:
    from chalicelib.errors import GatewayError

SESSION_NAME = "inference-gateway"
STS_SECONDS = 3.0
"""The longest time for one call of STS, so that a fallback can still answer after it."""


def credentials_of(role_arn: str, region_name: str | None, **own: str) -> Any:
    """Return the credentials of a role, which are fetched when they are first used.

    Then, and when they are refreshed, they raise a `GatewayError` if STS refuses the role or cannot
    be reached. It has nothing of what STS said, because such texts name roles and accounts.

    Args:
        role_arn: The role.
        region_name: The Region whose STS is asked if the gateway has none of its own.
        **own: The gateway's credentials, for callers that do not have them in the environment.
    """

    def fetch() -> dict[str, str]:
        try:
            region = Session().get_config_variable("region") or region_name
            where = {} if region is None else {"region_name": region}
            sts = clients.client("sts", **where, **own)
            with no_longer_than(STS_SECONDS):
                answer = sts.assume_role(RoleArn=role_arn, RoleSessionName=SESSION_NAME)
        except ClientError as error:
            raise _refused(error) from None
        except BotoCoreError as error:
            raise _failed(error) from None
        given = answer["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    return DeferredRefreshableCredentials(refresh_using=fetch, method="assume-role")


def _refused(error: ClientError) -> GatewayError:
    """Return our error for an error response of STS."""
    code = str(error.response.get("Error", {}).get("Code"))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if ERRORS.get(code) is UpstreamThrottled or status == 429:
        return UpstreamThrottled()
    if status >= 500:
        return UpstreamUnreachable()
    word = code if re.fullmatch("[A-Za-z0-9]{1,64}", code) else "an odd error"
    return GatewayMisconfigured(f"STS answers {word} to AssumeRole")


def _failed(error: BotoCoreError) -> GatewayError:
    """Return our error for a call of STS without a response; a timeout means that it is away."""
    ours = from_failed_call(error)
    if isinstance(ours, GatewayMisconfigured):
        return ours
    return UpstreamUnreachable()
