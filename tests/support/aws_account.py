"""An AWS account in memory: real boto3 clients whose calls are answered before they are sent.

Requests and responses are checked with botocore's own models of the services.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.exceptions import EndpointConnectionError
from botocore.validate import validate_parameters

from gatewayctl.account.accounts import Accounts, own_only
from gatewayctl.account.calls import Pace
from gatewayctl.account.reader import AccountReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REGION = "eu-north-1"
VARIANT = "AllTraffic"
NOW = datetime(2026, 5, 4, tzinfo=UTC)
TIMES = {"CreationTime": NOW, "LastModifiedTime": NOW}
IMAGE = "123456789012.dkr.ecr.eu-north-1.amazonaws.com/model:1"
SILENCE = "silence"

_SESSION = boto3.Session("test", "test", region_name=REGION)


class Http(NamedTuple):
    """The part of an HTTP response that botocore reads."""

    status_code: int


class Clock:
    """A clock that advances only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:123456789012:{kind}/{name.lower()}"


def container(hostname: str | None = None, *, prefix: str | None = None) -> dict[str, Any]:
    """Return a ContainerDefinition, which is multi-model if it has a prefix."""
    named = {"ContainerHostname": hostname} if hostname else {}
    mode = {"Mode": "MultiModel", "ModelDataUrl": prefix} if prefix else {}
    return {"Image": IMAGE, **named, **mode}


class AwsAccount:
    """Resources may be added and changed at any time; `calls` counts the calls."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.faults: dict[str, list[str]] = {}
        """The error codes of an operation's next calls; `SILENCE` is no answer."""
        self.denied: set[str] = set()
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.configurations: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.components: dict[str, dict[str, Any]] = {}
        self.buckets: dict[str, Sequence[str]] = {}
        self.sizes: dict[str, int] = {}
        """The sizes of objects by key; the others have none."""
        self.secret: str | None = None
        """The text of every secret."""

    def reader(self, **settings: Any) -> AccountReader:
        """Return a reader of this account, which waits on this account's clock."""
        pace = partial(Pace, clock=self.clock, sleep=self.clock.sleep)
        return AccountReader(self.connect, pace=pace(5), s3_pace=pace(50), **settings)

    def accounts(self) -> Accounts:
        """Return a reader of this account, in its own Region."""
        return own_only(self.reader())

    def connect(self, service: str) -> Any:
        client = _SESSION.client(service)
        client.meta.events.register(f"provide-client-params.{service}", _remember)
        client.meta.events.register(f"before-call.{service}", self._answer)
        return client

    def operations(self) -> Counter[str]:
        """Return how often each operation was called."""
        total: Counter[str] = Counter()
        for (operation, _), count in self.calls.items():
            total[operation] += count
        return total

    def model(self, name: str, *containers: dict[str, Any], mode: str | None = None) -> str:
        only = {"PrimaryContainer": containers[0]} if len(containers) == 1 and not mode else {}
        execution = {"InferenceExecutionConfig": {"Mode": mode}} if mode else {}
        self.models[name] = only or {"Containers": list(containers), **execution}
        return name

    def endpoint(
        self, name: str, variants: dict[str, str | None] | str | None = None, **members: Any
    ) -> None:
        """Add an endpoint of one model, of models by variant, or for inference components."""
        if not isinstance(variants, dict):
            variants = {VARIANT: variants}
        self.configurations[name] = {
            "ProductionVariants": [
                {
                    "VariantName": variant,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    **({"ModelName": model} if model else {}),
                }
                for variant, model in variants.items()
            ]
        }
        running = [{"VariantName": one, "CurrentInstanceCount": 2} for one in variants]
        self.endpoints[name] = {
            "EndpointConfigName": name,
            "EndpointStatus": "InService",
            "ProductionVariants": running,
            **members,
        }

    def component(
        self, name: str, endpoint: str, status: str = "InService", **runtime: int
    ) -> None:
        self.components[name] = {
            "InferenceComponentName": name,
            "InferenceComponentArn": arn("inference-component", name),
            "EndpointName": endpoint,
            "EndpointArn": arn("endpoint", endpoint),
            "VariantName": VARIANT,
            "InferenceComponentStatus": status,
            "RuntimeConfig": {"DesiredCopyCount": 1, "CurrentCopyCount": 1, **runtime},
        }

    def _answer(self, model: Any, context: dict[str, Any], **_: Any) -> tuple[Http, dict[str, Any]]:
        request, operation = context["request"], model.name
        subject = next((value for key, value in request.items() if "Name" in key), "")
        self.calls[operation, str(subject)] += 1
        if operation in self.denied:
            return _error(403 if operation == "ListObjectsV2" else 400, "AccessDeniedException")
        if faults := self.faults.get(operation):
            if (code := faults.pop(0)) == SILENCE:
                raise EndpointConnectionError(endpoint_url="https://nowhere")
            return _error(503 if code == "ServiceUnavailable" else 400, code)
        answer = _OPERATIONS[operation](self, request)
        if answer is None:
            is_s3 = operation == "ListObjectsV2"
            return _error(404, "NoSuchBucket") if is_s3 else _error(400, "ValidationException")
        validate_parameters(answer, model.output_shape)
        return Http(200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}


def _remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["request"] = dict(params)


def _error(status: int, code: str) -> tuple[Http, dict[str, Any]]:
    error = {"Code": code, "Message": "as the account wants it"}
    return Http(status), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}


def _describe_endpoint(account: AwsAccount, request: dict[str, Any]) -> dict[str, Any] | None:
    name = request["EndpointName"]
    if name not in account.endpoints:
        return None
    return {
        "EndpointName": name,
        "EndpointArn": arn("endpoint", name),
        **TIMES,
        **account.endpoints[name],
    }


def _describe_config(account: AwsAccount, request: dict[str, Any]) -> dict[str, Any] | None:
    name = request["EndpointConfigName"]
    if name not in account.configurations:
        return None
    return {
        "EndpointConfigName": name,
        "EndpointConfigArn": arn("endpoint-config", name),
        "CreationTime": NOW,
        **account.configurations[name],
    }


def _describe_model(account: AwsAccount, request: dict[str, Any]) -> dict[str, Any] | None:
    name = request["ModelName"]
    if name not in account.models:
        return None
    return {
        "ModelName": name,
        "ModelArn": arn("model", name),
        "CreationTime": NOW,
        **account.models[name],
    }


def _describe_component(account: AwsAccount, request: dict[str, Any]) -> dict[str, Any] | None:
    component = account.components.get(request["InferenceComponentName"])
    return component and {**component, **TIMES}


def _list_endpoints(account: AwsAccount, request: dict[str, Any]) -> dict[str, Any]:
    summaries = [
        {
            "EndpointName": name,
            "EndpointArn": arn("endpoint", name),
            "EndpointStatus": endpoint["EndpointStatus"],
            **TIMES,
        }
        for name, endpoint in sorted(account.endpoints.items())
    ]
    return _page(summaries, "Endpoints", request)


def _list_components(account: AwsAccount, request: dict[str, Any]) -> dict[str, Any]:
    kept = ("EndpointName", "EndpointArn", "VariantName", "InferenceComponentStatus")
    summaries = [
        {
            "InferenceComponentName": name,
            "InferenceComponentArn": component["InferenceComponentArn"],
            **{member: component[member] for member in kept},
            **TIMES,
        }
        for name, component in sorted(account.components.items())
        if component["EndpointName"] == request["EndpointNameEquals"]
    ]
    return _page(summaries, "InferenceComponents", request)


def _page(summaries: list[dict[str, Any]], member: str, request: dict[str, Any]) -> dict[str, Any]:
    start = int(request.get("NextToken", "0"))
    end = start + request.get("MaxResults", 10)
    more = {"NextToken": str(end)} if end < len(summaries) else {}
    return {member: summaries[start:end], **more}


def _list_objects(account: AwsAccount, request: dict[str, Any]) -> dict[str, Any] | None:
    if request["Bucket"] not in account.buckets:
        return None
    keys = [
        key
        for key in sorted(account.buckets[request["Bucket"]])
        if key.startswith(request["Prefix"])
    ]
    start = int(request.get("ContinuationToken", "0"))
    end = start + 1_000
    more = {"NextContinuationToken": str(end)} if end < len(keys) else {}
    return {
        "IsTruncated": end < len(keys),
        **({"Contents": [_object(account, key) for key in keys[start:end]]} if keys else {}),
        **more,
    }


def _object(account: AwsAccount, key: str) -> dict[str, Any]:
    return {"Key": key, **({"Size": account.sizes[key]} if key in account.sizes else {})}


def _get_secret_value(account: AwsAccount, _: dict[str, Any]) -> dict[str, Any] | None:
    return account.secret and {"SecretString": account.secret, "VersionId": "v" * 32}


_OPERATIONS: dict[str, Callable[[AwsAccount, dict[str, Any]], dict[str, Any] | None]] = {
    "DescribeEndpoint": _describe_endpoint,
    "DescribeEndpointConfig": _describe_config,
    "DescribeModel": _describe_model,
    "DescribeInferenceComponent": _describe_component,
    "ListEndpoints": _list_endpoints,
    "ListInferenceComponents": _list_components,
    "ListObjectsV2": _list_objects,
    "GetSecretValue": _get_secret_value,
}
