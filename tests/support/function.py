"""The packaged functions behind the API that the template describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.doors import ApiGatewayDoor
from tests.support.lambda_runtime import Lambda

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.doors import LambdaContext
    from tests.support.package import Package

ANSWER_MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


def start(package: Package, task_root: Path, aws_url: str) -> Lambda:
    """The one that answers requests."""
    return _started(package.function, task_root, aws_url)


def start_authorizer(package: Package, task_root: Path, aws_url: str) -> Lambda:
    """The one that is asked about a credential."""
    return _started(package.authorizer, task_root, aws_url)


def door(package: Package, function: Lambda, authorizer: Lambda | None = None) -> ApiGatewayDoor:
    """The way in: the template's resources, and the function for every one of them."""
    return ApiGatewayDoor(_Deployed(package, function, authorizer))


def _started(properties: Any, task_root: Path, aws_url: str) -> Lambda:
    """In the environment that the template gives it; nothing but the URL differs from AWS."""
    environment = {**properties["Environment"]["Variables"], "AWS_ENDPOINT_URL": aws_url}
    return Lambda(task_root, properties["Handler"], environment)


class _Deployed:
    """What the door wants of an app: its routes, its authorizer if it has one, to be called."""

    def __init__(self, package: Package, function: Lambda, authorizer: Lambda | None) -> None:
        self.routes = list(package.api["paths"])
        self._authorizer = authorizer
        self._function = function

    @property
    def handler_map(self) -> dict[str, Any]:
        authorizer = self._authorizer
        return {"authorize": lambda event, _: authorizer.invoke(event)} if authorizer else {}

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> Any:
        """As strict as API Gateway, which calls an answer of any other shape malformed."""
        answer = self._function.invoke(event, context.remaining_ms / 1000)
        assert answer.keys() <= ANSWER_MEMBERS
        assert isinstance(answer["statusCode"], int)
        assert all(isinstance(value, str) for value in answer["headers"].values())
        return answer
