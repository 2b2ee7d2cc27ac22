"""The SageMaker resources of one account and region: lookups by name, and pages of a list."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sagemaker_local.errors import InvalidInput
from sagemaker_local.hosting.hosted_container import HostingContext
from sagemaker_local.hosting.lifecycle import now
from sagemaker_local.refusals import EndpointNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sagemaker_local.definitions import EndpointConfig, ModelDefinition
    from sagemaker_local.faults import Faults
    from sagemaker_local.hosting.artifacts import ArtifactStore
    from sagemaker_local.hosting.endpoints import Endpoint, InferenceComponent
    from sagemaker_local.settings import AccountRegion, Options

T = TypeVar("T")
Summary = dict[str, Any]

DEFAULT_PAGE_LENGTH = 10


@dataclass(frozen=True)
class Created(Generic[T]):
    """A model or an endpoint configuration: the request that created it, and the parsed value."""

    request: Mapping[str, Any]
    definition: T
    created: float = field(default_factory=now)


@dataclass(frozen=True)
class Resources:
    """Models, endpoint configurations, endpoints and inference components, by name.

    The lookups raise InvalidInput if there is no resource of the name.
    """

    account_region: AccountRegion
    options: Options
    artifacts: ArtifactStore
    faults: Faults
    models: dict[str, Created[ModelDefinition]] = field(default_factory=dict)
    endpoint_configs: dict[str, Created[EndpointConfig]] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)

    def arn(self, kind: str, name: str) -> str:
        return self.account_region.arn(kind, name)

    def hosting_context(self, endpoint: str) -> HostingContext:
        """Return what the containers of an endpoint share."""
        return HostingContext(
            endpoint=endpoint,
            account_region=self.account_region,
            options=self.options,
            artifacts=self.artifacts,
            delay_load=lambda: self.faults.delay_load(endpoint),
        )

    def model(self, name: str) -> Created[ModelDefinition]:
        return self._get(self.models, "model", "model", name)

    def endpoint_config(self, name: str) -> Created[EndpointConfig]:
        kind = "endpoint configuration"
        return self._get(self.endpoint_configs, kind, "endpoint-config", name)

    def endpoint(self, name: str) -> Endpoint:
        return self._get(self.endpoints, "endpoint", "endpoint", name)

    def component(self, name: str) -> tuple[Endpoint, InferenceComponent]:
        for endpoint in self.endpoints.values():
            if name in endpoint.components:
                return endpoint, endpoint.components[name]
        arn = self.arn("inference-component", name)
        raise InvalidInput(f'Could not find inference component "{arn}".')  # UNVERIFIED

    def invocable_endpoint(self, name: str) -> Endpoint:
        """Return the endpoint of an invocation.

        Raises:
            EndpointNotFound: There is no endpoint of this name.
        """
        if name not in self.endpoints:
            raise EndpointNotFound(name, self.account_region)
        return self.endpoints[name]

    async def close(self) -> None:
        await asyncio.gather(*(endpoint.close() for endpoint in self.endpoints.values()))

    def _get(self, table: Mapping[str, T], kind: str, arn_kind: str, name: str) -> T:
        if name not in table:
            raise InvalidInput(f'Could not find {kind} "{self.arn(arn_kind, name)}".')
        return table[name]


def check_name_is_free(table: Mapping[str, object], kind: str, arn: str, name: str) -> None:
    """Check that no resource has this name.

    Raises:
        InvalidInput: A resource of this name exists.

    Source: texts in issues of terraform-provider-aws and sagemaker-python-sdk.
    """
    if name in table:
        raise InvalidInput(f'Cannot create already existing {kind} "{arn}".')


# Request member: the summary's member, and whether a summary passes, given both values.
_TIME_FILTERS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "CreationTimeAfter": ("CreationTime", lambda at, limit: at > limit),
    "CreationTimeBefore": ("CreationTime", lambda at, limit: at < limit),
    "LastModifiedTimeAfter": ("LastModifiedTime", lambda at, limit: at > limit),
    "LastModifiedTimeBefore": ("LastModifiedTime", lambda at, limit: at < limit),
}


def list_page(
    summaries: Iterable[Summary], request: Mapping[str, Any], noun: str
) -> dict[str, Any]:
    """Filter, sort and page the summaries of a List operation, newest first by default.

    Args:
        noun: Start of the member names, as "Endpoint" in `EndpointName`.

    Raises:
        InvalidInput: NextToken does not come from this operation.
    """
    chosen = [summary for summary in summaries if _passes(summary, request, noun)]
    sort_by = {"Name": f"{noun}Name", "Status": f"{noun}Status"}.get(
        request.get("SortBy", "CreationTime"), "CreationTime"
    )
    descending = request.get("SortOrder", "Descending") == "Descending"
    chosen.sort(key=lambda summary: (summary[sort_by], summary[f"{noun}Name"]), reverse=descending)
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", DEFAULT_PAGE_LENGTH)
    more = {"NextToken": _token(end)} if end < len(chosen) else {}
    return {f"{noun}s": chosen[start:end], **more}


def _passes(summary: Summary, request: Mapping[str, Any], noun: str) -> bool:
    if request.get("NameContains", "").lower() not in summary[f"{noun}Name"].lower():
        return False
    if request.get("StatusEquals", summary.get(f"{noun}Status")) != summary.get(f"{noun}Status"):
        return False
    return all(
        passes(summary[member], float(request[name]))
        for name, (member, passes) in _TIME_FILTERS.items()
        if name in request
    )


def _token(offset: int) -> str:
    return urlsafe_b64encode(f"page:{offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        kind, _, number = urlsafe_b64decode(token).decode().partition(":")
        offset = int(number) if kind == "page" else -1
    except ValueError:
        offset = -1
    if offset < 0:
        raise InvalidInput("Invalid NextToken.")  # UNVERIFIED
    return offset
