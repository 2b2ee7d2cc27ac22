"""Makes clients of AWS with short timeouts, and turns errors of AWS into texts for users."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore import exceptions
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

from gatewayctl.report import NoAnswer, NotReachable, RoleRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

STS = "sts"
SESSION_NAME = "gatewayctl"
"""The name by which CloudTrail shows calls with a role."""

CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 10.0

NAMES = {
    "cloudformation": "AWS CloudFormation",
    "cloudwatch": "Amazon CloudWatch",
    "logs": "Amazon CloudWatch Logs",
    "pricing": "AWS Price List",
    "s3": "Amazon S3",
    "sagemaker": "Amazon SageMaker",
    "sagemaker-runtime": "Amazon SageMaker Runtime",
    "secretsmanager": "AWS Secrets Manager",
    "sqs": "Amazon SQS",
    "sts": "AWS STS",
}

_NETWORK = "check the network, the region and AWS_ENDPOINT_URL"
_REGION = "set AWS_DEFAULT_REGION, or a region in your profile"
_CREDENTIALS = "check your credentials: aws sts get-caller-identity"
_PERMISSION = "check your IAM permission for that, and for the KMS key if there is one"
_LATER = "try again in a minute"

_NO_ANSWER = (exceptions.ConnectionError, exceptions.HTTPClientError)
_NO_REGION = (exceptions.NoRegionError, exceptions.InvalidRegionError)
_REMEDIES = {  # by the beginning of an error code
    "AccessDenied": _PERMISSION,
    "Throttling": _LATER,
    **dict.fromkeys(
        ("ExpiredToken", "UnrecognizedClient", "InvalidClient", "InvalidSig", "IncompleteSig"),
        _CREDENTIALS,
    ),
}


def client(
    service: str, *, region: str | None = None, role_arn: str | None = None, **settings: Any
) -> Any:
    """Make a client that never repeats a request, because a repetition could do harm.

    Args:
        service: botocore's name of the service.
        region: The Region; None for that of the profile.
        role_arn: The role that makes the calls; None for the user's own credentials.
        settings: Settings of botocore's `Config`, which replace those of this function.

    Raises:
        NotReachable: The endpoint URL, the region or the profile is invalid, or these credentials
            may not assume the role (`RoleRefused`).
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
    ).merge(Config(**settings))
    try:
        with reaching(service):
            session = boto3.Session() if role_arn is None else _session_of(role_arn, region, config)
            return session.client(service, region_name=region, config=config)
    except ValueError as error:
        raise NotReachable(f"{NAMES[service]} cannot be reached ({error}); {_NETWORK}") from error


def _session_of(role_arn: str, region: str | None, config: Config) -> boto3.Session:
    """Return a session with the credentials of a role, which botocore refreshes.

    Raises:
        NotReachable: STS cannot be reached, or refuses the role (`RoleRefused`).
    """
    own = botocore.session.Session()
    where = own.get_config_variable("region") or region
    with reaching(STS):
        source = own.get_credentials()
        if source is None:
            raise exceptions.NoCredentialsError
        fetcher = AssumeRoleCredentialFetcher(
            partial(own.create_client, region_name=where, config=config),
            source,
            role_arn,
            extra_args={"RoleSessionName": SESSION_NAME},
        )
        credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
        try:
            credentials.get_frozen_credentials()
        except exceptions.ClientError as error:
            if (refusal := _refusal(NAMES[STS], error)) and not isinstance(refusal, NoAnswer):
                raise RoleRefused(f"{role_arn}: {refusal}") from error
            raise
    assumed = botocore.session.Session()
    assumed._credentials = credentials
    return boto3.Session(botocore_session=assumed)


@contextmanager
def reaching(service: str) -> Iterator[None]:
    """Turn errors of botocore into errors of commands.

    Raises:
        NoAnswer: AWS did not answer, or answered with a status of 500 or more.
        NotReachable: AWS refused the request, or no request could be sent.
    """
    try:
        yield
    except exceptions.ClientError as error:
        raise _refusal(NAMES[service], error) from error
    except _NO_ANSWER as error:
        raise NoAnswer(_unreachable(NAMES[service], error, _NETWORK)) from error
    except exceptions.BotoCoreError as error:
        remedy = _REGION if isinstance(error, _NO_REGION) else _CREDENTIALS
        raise NotReachable(_unreachable(NAMES[service], error, remedy)) from error


def error_code(error: exceptions.ClientError) -> str:
    """Return AWS's code of an error, such as `AccessDenied`."""
    return str(error.response["Error"].get("Code", ""))


def _unreachable(name: str, error: Exception, remedy: str) -> str:
    return f"{name} cannot be reached ({type(error).__name__}); {remedy}"


def _refusal(name: str, error: exceptions.ClientError) -> NotReachable:
    code = error_code(error)
    answer = f"{name} answers {error.operation_name} with {code}"
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        return NoAnswer(f"{answer}; {_LATER}")
    known = [remedy for start, remedy in _REMEDIES.items() if code.startswith(start)]
    message = " ".join(str(error.response["Error"].get("Message", "")).split())
    return NotReachable(f"{answer}; {known[0]}" if known else f"{answer}: {message}")
