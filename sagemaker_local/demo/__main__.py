"""`python -m sagemaker_local.demo`: creates the demo endpoints where boto3 finds SageMaker."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore import exceptions as botocore

from sagemaker_local.demo import artifacts
from sagemaker_local.demo.creation import DemoError, create
from sagemaker_local.demo.endpoints import Deployment
from sagemaker_local.modelserver import lifetime
from sagemaker_local.modelserver.lines import print_line

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_CACHE = Path(".local/demo-artifacts")
INTERRUPTED = 130  # the exit code that shells use for Ctrl-C
ADVICE = {
    botocore.NoRegionError: "Set AWS_DEFAULT_REGION, for example us-east-1.",
    botocore.NoCredentialsError: (
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; the local SageMaker"
        " takes any."
    ),
    botocore.EndpointConnectionError: (
        "Is AWS_ENDPOINT_URL right, and does the local SageMaker run there?"
    ),
}


def _parser() -> argparse.ArgumentParser:
    defaults = Deployment()
    parser = argparse.ArgumentParser(prog="python -m sagemaker_local.demo", description=__doc__)
    parser.add_argument("--bucket", default=defaults.bucket)
    parser.add_argument("--role", default=defaults.role, help="the endpoints' execution role")
    parser.add_argument("--sklearn-image", default=defaults.images["sklearn"])
    parser.add_argument("--lightgbm-image", default=defaults.images["lightgbm"])
    parser.add_argument("--instance-type", default=defaults.instance_type)
    parser.add_argument(
        "--cache", type=Path, default=DEFAULT_CACHE, help="where artifacts are kept"
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when standard input ends"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.exit_with_parent:
        lifetime.end_with_parent()
    deployment = Deployment(
        bucket=options.bucket,
        role=options.role,
        instance_type=options.instance_type,
        images={"sklearn": options.sklearn_image, "lightgbm": options.lightgbm_image},
    )
    try:
        trained = artifacts.ensure(options.cache, print_line)
        create(boto3.Session(), trained, print_line, deployment=deployment)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (DemoError, OSError, botocore.BotoCoreError, botocore.ClientError) as error:
        print_line(f"error: {_message(error)}", sys.stderr)
        return 1
    return 0


def _message(error: Exception) -> str:
    """Return one line with the error and, if known, what to do."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{text}. {ADVICE.get(type(error), '')}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
