"""The packaged function behind the API that the template describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.deployed.lambda_runtime import Lambda
from tests.doors import ApiGatewayDoor

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deployed.package import Package
    from tests.doors import LambdaContext

ANSWER_MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


def start(package: Package, task_root: Path, sagemaker_url: str) -> Lambda:
    """In the environment that the template gives it; nothing but the URL differs from AWS."""
    variables = package.function["Environment"]["Variables"]
    environment = {**variables, "AWS_ENDPOINT_URL": sagemaker_url}
    return Lambda(task_root, package.function["Handler"], environment)


def door(package: Package, function: Lambda) -> ApiGatewayDoor:
    """The way in: the template's resources, and the function for every one of them."""
    return ApiGatewayDoor(_Deployed(package, function))


class _Deployed:
    """What the door wants of an app: its routes, and to be called."""

    def __init__(self, package: Package, function: Lambda) -> None:
        self.routes = list(package.api["paths"])
        self._function = function

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> Any:
        """As strict as API Gateway, which calls an answer of any other shape malformed."""
        answer = self._function.invoke(event, context.remaining_ms / 1000)
        assert answer.keys() <= ANSWER_MEMBERS
        assert isinstance(answer["statusCode"], int)
        assert all(isinstance(value, str) for value in answer["headers"].values())
        return answer
