"""The client that calls SageMaker: boto3's own, set up for one try within a deadline."""

from __future__ import annotations

from typing import Any


def sagemaker_client(**settings: str) -> Any:
    """The stock client, but that it tries once and each call ends at its request's deadline.

    Its retries are off because they are ours to decide (`chalicelib.retries`): boto3's own run the
    model again after a read timeout, and their default changed between 1.43 and 1.44. `settings`
    are boto3's: region, credentials and address, for those who do not have them in the environment.
    """
    # Here and not above, so that importing the app costs no client, region or credential.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    from chalicelib import connections  # noqa: PLC0415

    config = Config(
        connect_timeout=connections.CONNECT_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    # A session of its own: the default one is shared with whoever else uses boto3 in the process.
    client = boto3.Session().client("sagemaker-runtime", config=config, **settings)
    connections.bound(client)
    return client
