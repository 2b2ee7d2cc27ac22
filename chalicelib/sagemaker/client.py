"""The client that calls SageMaker."""

from __future__ import annotations

from typing import Any


def sagemaker_client(**settings: str) -> Any:
    """Tries once, because retries are ours to decide (`chalicelib.sagemaker.retries`).

    boto3's own run the model again after a read timeout, and their default changed between 1.43 and
    1.44. `settings` are botocore's: region, credentials and address, for those who do not have them
    in the environment.
    """
    # Here and not above, so that the authorizer's function does not pay for it.
    from chalicelib.aws import clients  # noqa: PLC0415
    from chalicelib.sagemaker.invoke_endpoint import InvokeEndpoint  # noqa: PLC0415

    return InvokeEndpoint(clients.client("sagemaker-runtime", **settings))
