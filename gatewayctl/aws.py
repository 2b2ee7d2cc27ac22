"""Makes clients of AWS with short timeouts, and turns errors of AWS into texts for users."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions
from botocore.config import Config

from gatewayctl.report import NoAnswer, NotReachable

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 10.0

NAMES = {
    "logs": "Amazon CloudWatch Logs",
    "s3": "Amazon S3",
    "sagemaker": "Amazon SageMaker",
    "sagemaker-runtime": "Amazon SageMaker Runtime",
    "secretsmanager": "AWS Secrets Manager",
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


def client(service: str, **settings: Any) -> Any:
    """Make a client that never repeats a request, because a repetition could do harm.

    Args:
        settings: Settings of botocore's `Config`, which replace those of this function.

    Raises:
        NotReachable: The endpoint URL, the region or the profile is invalid.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
    ).merge(Config(**settings))
    try:
        with reaching(service):
            return boto3.Session().client(service, config=config)
    except ValueError as error:
        raise NotReachable(f"{NAMES[service]} cannot be reached ({error}); {_NETWORK}") from error


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
