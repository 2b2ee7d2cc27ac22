"""Reads an account through SageMaker's and S3's own descriptions: what is asked for, once."""

from __future__ import annotations

from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from gatewayctl import aws
from gatewayctl.account import parsing
from gatewayctl.account.calls import Calls, Hidden
from gatewayctl.account.pace import Pace
from gatewayctl.account.values import Artifacts, Component, Endpoint, Model, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# AWS names no quota for SageMaker's Describe and List operations, and throttles them for the whole
# account: a command must not starve the deployments that poll them.
CALLS_PER_SECOND = 5.0
S3_CALLS_PER_SECOND = 50.0  # S3 takes thousands

PAGE = 100  # the most that SageMaker gives at once
_NEXT = ("NextToken", "NextToken")
_NEXT_OBJECTS = ("NextContinuationToken", "ContinuationToken")

Answer = TypeVar("Answer")


def _once(
    read: Callable[[AccountReader, str], Answer],
) -> Callable[[AccountReader, str], Answer | Unread]:
    """Ask for a name once, and remember also that there was nothing to see."""

    @wraps(read)
    def remembered(reader: AccountReader, name: str = "") -> Answer | Unread:
        key = (read.__name__, name)
        if key not in reader.answers:
            try:
                reader.answers[key] = read(reader, name)
            except Hidden as hidden:
                reader.answers[key] = hidden.unread
        answer: Answer | Unread = reader.answers[key]
        return answer

    return remembered


class AccountReader:
    """One account in one region. `connect` makes a client for a service.

    Every method asks AWS when it is first called for a name, and remembers the answer. What one
    missing permission hides is an `Unread`; when AWS cannot be reached at all: `NotReachable`.
    """

    def __init__(
        self,
        connect: Callable[[str], Any] = aws.client,
        *,
        progress: Callable[[str], object] = lambda line: None,
        pace: Pace | None = None,
        s3_pace: Pace | None = None,
    ) -> None:
        self._connect = connect
        self._progress = progress
        self._pace = pace or Pace(CALLS_PER_SECOND)
        self._s3_pace = s3_pace or Pace(S3_CALLS_PER_SECOND)
        self.answers: dict[tuple[str, str], Any] = {}

    @property
    def region(self) -> str:
        """Where the account is looked at."""
        return str(self._sagemaker.client.meta.region_name)

    def endpoint_names(self) -> tuple[str, ...] | Unread:
        """Every endpoint of the account but those that are being deleted, sorted."""
        return self._endpoint_names("")

    def endpoints(self, names: Iterable[str]) -> dict[str, Endpoint | Unread]:
        """These endpoints in the order of their names, with progress."""
        wanted = sorted(set(names))
        found = {}
        for number, name in enumerate(wanted, start=1):
            found[name] = self.endpoint(name)
            self._progress(f"{number:,} of {len(wanted):,} endpoints read")
        return found

    @_once
    def endpoint(self, name: str) -> Endpoint:
        """An endpoint with its variants, their models, and the names of its components."""
        described = self._sagemaker(f"endpoint {name}", "describe_endpoint", EndpointName=name)
        configuration = self._configuration(described.get("EndpointConfigName", ""))
        components = self._components(name) if _may_host_components(configuration) else ()
        return parsing.endpoint(described, configuration, components, self._model)

    @_once
    def component(self, name: str) -> Component:
        """An inference component, whichever endpoint it is on."""
        return parsing.component(
            self._sagemaker(
                f"inference component {name}",
                "describe_inference_component",
                InferenceComponentName=name,
            )
        )

    @_once
    def artifacts(self, prefix: str) -> Artifacts:
        """What lies under the prefix of a multi-model container, `s3://bucket/…/`."""
        bucket, _, folder = prefix.partition("://")[2].partition("/")
        names: set[str] = set()
        pages = self._s3.pages(
            f"bucket {bucket}", "list_objects_v2", _NEXT_OBJECTS, Bucket=bucket, Prefix=folder
        )
        for page in pages:
            keys = (one["Key"].removeprefix(folder) for one in page.get("Contents", ()))
            names.update(key for key in keys if key and not key.endswith("/"))
            self._progress(f"{prefix}: {len(names):,} artifacts listed")
        return Artifacts(prefix, tuple(sorted(names)))

    @_once
    def _endpoint_names(self, _: str) -> tuple[str, ...]:
        names: set[str] = set()
        for page in self._sagemaker.pages(
            "list of endpoints", "list_endpoints", _NEXT, SortBy="Name", MaxResults=PAGE
        ):
            living = (one for one in page["Endpoints"] if one["EndpointStatus"] != "Deleting")
            names.update(one["EndpointName"] for one in living)
            self._progress(f"{len(names):,} endpoints listed")
        return tuple(sorted(names))

    @_once
    def _configuration(self, name: str) -> dict[str, Any]:
        what = f"endpoint configuration {name}"
        if not name:
            raise Hidden(Unread(what.strip(), "sagemaker:DescribeEndpointConfig", denied=False))
        return self._sagemaker(what, "describe_endpoint_config", EndpointConfigName=name)

    @_once
    def _model(self, name: str) -> Model:
        return parsing.model(self._sagemaker(f"model {name}", "describe_model", ModelName=name))

    @_once
    def _components(self, endpoint: str) -> tuple[str, ...]:
        names: set[str] = set()
        for page in self._sagemaker.pages(
            f"list of the inference components of endpoint {endpoint}",
            "list_inference_components",
            _NEXT,
            EndpointNameEquals=endpoint,
            SortBy="Name",
            MaxResults=PAGE,
        ):
            names.update(one["InferenceComponentName"] for one in page["InferenceComponents"])
        return tuple(sorted(names))

    @cached_property
    def _sagemaker(self) -> Calls:
        return Calls("sagemaker", self._connect("sagemaker"), self._pace)

    @cached_property
    def _s3(self) -> Calls:
        return Calls("s3", self._connect("s3"), self._s3_pace)


def _may_host_components(configuration: dict[str, Any] | Unread) -> bool:
    if isinstance(configuration, Unread):
        return True
    return any("ModelName" not in variant for variant in configuration["ProductionVariants"])
