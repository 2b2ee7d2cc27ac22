"""Reads endpoints, components and artifacts of an AWS account, and remembers the results."""

from __future__ import annotations

from functools import cached_property, wraps
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chalicelib.routing.targets import HERE
from gatewayctl.account.artifacts import Artifacts
from gatewayctl.account.calls import CannotRead, Pace, ReadClient
from gatewayctl.account.values import Component, Endpoint, Model, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.routing.targets import Place
    from gatewayctl.command import Context

CALLS_PER_SECOND = 5.0
"""The default rate for SageMaker's Describe and List operations.

AWS publishes no quota for them and throttles them for the whole account, so a command must leave
room for the deployments that poll them.
"""
S3_CALLS_PER_SECOND = 50.0
"""Far below S3's 5,500 requests a second for each prefix.

Source: S3 user guide, "Optimizing Amazon S3 performance".
"""

PAGE = 100
"""The most items on a page of SageMaker's lists; the member `MaxResults`."""
_NEXT = ("NextToken", "NextToken")
_NEXT_OBJECTS = ("NextContinuationToken", "ContinuationToken")

Value = TypeVar("Value")


def _once(
    read: Callable[[AccountReader, str], Value],
) -> Callable[[AccountReader, str], Value | Unread]:
    """Make a method that reads each name once, and remembers its result or an `Unread`."""

    @wraps(read)
    def remembered(reader: AccountReader, name: str = "") -> Value | Unread:
        key = (read.__name__, name)
        if key not in reader.remembered:
            try:
                reader.remembered[key] = read(reader, name)
            except CannotRead as error:
                reader.remembered[key] = error.unread
        value: Value | Unread = reader.remembered[key]
        return value

    return remembered


class AccountReader:
    """Reads one account in one region.

    A method calls AWS when it is first called for a name, and remembers the result. It returns an
    `Unread` if the thing does not exist or a permission is missing, and raises `NotReachable` if
    AWS does not answer.

    Args:
        connect: Makes a boto3 client for a service.
        progress: Shows a line about what has been read.
        pace: The rate of calls to SageMaker.
        s3_pace: The rate of calls to S3.
    """

    def __init__(
        self,
        connect: Callable[[str], Any],
        *,
        progress: Callable[[str], object] = lambda line: None,
        pace: Pace | None = None,
        s3_pace: Pace | None = None,
    ) -> None:
        self._connect = connect
        self._progress = progress
        self._pace = pace or Pace(CALLS_PER_SECOND)
        self._s3_pace = s3_pace or Pace(S3_CALLS_PER_SECOND)
        self.remembered: dict[tuple[str, str], Any] = {}

    def connect(self) -> None:
        """Make the client of SageMaker now.

        Raises:
            NotReachable: There is no Region, or no credentials (`RoleRefused`) of the role.
        """
        _ = self._sagemaker

    @property
    def region(self) -> str:
        """The region that is read."""
        return str(self._sagemaker.client.meta.region_name)

    def holds(self, place: Place) -> bool:
        """Whether targets of a place are in the account and Region that is read.

        A role counts as that of another account.
        """
        return place.role_arn is None and place.region in {None, self.region}

    def endpoint_names(self) -> tuple[str, ...] | Unread:
        """Return the names of all endpoints that are not being deleted, sorted."""
        return self._endpoint_names("")

    def endpoints(self, names: Iterable[str]) -> dict[str, Endpoint | Unread]:
        """Read these endpoints, in the order of their names."""
        wanted = sorted(set(names))
        found = {}
        for number, name in enumerate(wanted, start=1):
            found[name] = self.endpoint(name)
            self._progress(f"{number:,} of {len(wanted):,} endpoints read")
        return found

    @_once
    def endpoint(self, name: str) -> Endpoint:
        """Read an endpoint with its variants, their models and the names of its components."""
        described = self._sagemaker.call(f"endpoint {name}", "describe_endpoint", EndpointName=name)
        configuration = self._configuration(described.get("EndpointConfigName", ""))
        components = self._components(name) if _may_host_components(configuration) else ()
        return Endpoint.parse(described, configuration, components, self.model)

    @_once
    def component(self, name: str) -> Component:
        """Read an inference component of any endpoint."""
        return Component.parse(
            self._sagemaker.call(
                f"inference component {name}",
                "describe_inference_component",
                InferenceComponentName=name,
            )
        )

    @_once
    def artifacts(self, prefix: str) -> Artifacts:
        """List the objects whose URLs begin with the prefix of a multi-model container."""
        bucket, slash, start = prefix.partition("://")[2].partition("/")
        before = "" if slash else "/"
        sizes: dict[str, int | None] = {}
        pages = self._s3.pages(
            f"bucket {bucket}", "list_objects_v2", _NEXT_OBJECTS, Bucket=bucket, Prefix=start
        )
        for page in pages:
            for one in page.get("Contents", ()):
                name = before + one["Key"].removeprefix(start)
                if name and not name.endswith("/"):
                    sizes[name] = one.get("Size")
            self._progress(f"{prefix}: {len(sizes):,} artifacts listed")
        known = {name: size for name, size in sizes.items() if size is not None}
        return Artifacts(prefix, tuple(sorted(sizes)), known)

    @_once
    def object_size(self, url: str) -> int | None:
        """Return the size in bytes of the object at a URL of S3; None if there is none."""
        bucket, _, key = url.partition("://")[2].partition("/")
        page = self._s3.call(
            f"bucket {bucket}", "list_objects_v2", Bucket=bucket, Prefix=key, MaxKeys=1
        )
        found = (one.get("Size") for one in page.get("Contents", ()) if one["Key"] == key)
        return next(found, None)

    @_once
    def model(self, name: str) -> Model:
        """Read a SageMaker model."""
        return Model.parse(self._sagemaker.call(f"model {name}", "describe_model", ModelName=name))

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
            raise CannotRead(Unread(what.strip(), "sagemaker:DescribeEndpointConfig", denied=False))
        return self._sagemaker.call(what, "describe_endpoint_config", EndpointConfigName=name)

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
    def _sagemaker(self) -> ReadClient:
        return ReadClient("sagemaker", self._connect("sagemaker"), self._pace)

    @cached_property
    def _s3(self) -> ReadClient:
        return ReadClient("s3", self._connect("s3"), self._s3_pace)


def _may_host_components(configuration: dict[str, Any] | Unread) -> bool:
    if isinstance(configuration, Unread):
        return True
    return any("ModelName" not in variant for variant in configuration["ProductionVariants"])


def _rate(_: click.Context, __: click.Parameter, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if rate <= 0 or not isfinite(rate):
        raise click.BadParameter(f"{text!r} is not a number above 0")
    return rate


rate_option = click.option(
    "--calls-per-second",
    callback=_rate,
    default=f"{CALLS_PER_SECOND:g}",
    show_default=True,
    metavar="N",
    help="The most calls to SageMaker, after a first few.",
)
"""The option of a command that reads an account."""

endpoint_option = click.option(
    "--endpoint",
    default="*",
    metavar="PATTERN",
    help="Only endpoints whose names match, as in 'team-a-*'.",
)
"""The option of a command that reads endpoints that no entry names."""


def account_of(context: Context, calls_per_second: float, place: Place = HERE) -> AccountReader:
    """Return a reader of the account that boto3 finds; it shows its progress on stderr.

    Args:
        place: The Region, and the role with which the account is read.
    """
    pace, progress = Pace(calls_per_second), context.output.progress
    return AccountReader(context.connector(place), progress=progress, pace=pace)
