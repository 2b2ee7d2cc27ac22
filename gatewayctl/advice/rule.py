"""What a rule is: its conditions, AWS's page, what would have to be true, and its risks.

All conditions of a rule must hold. A condition is unknown if its input is. So a rule that one
condition rules out is ruled out, whatever else is unknown; and a rule that has an unknown condition
and none that fails can be neither followed nor passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gatewayctl.advice.facts import HOURS_A_MONTH
from gatewayctl.costs.money import with_cents
from gatewayctl.output import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gatewayctl.advice.facts import Account, AdvisedModel, Host, Traffic
    from gatewayctl.advice.sharing import Shared

T = TypeVar("T")

GUIDE = "https://docs.aws.amazon.com/sagemaker/latest/dg/"
DAY = 24
MOST_UNSEEN = 0.05
"""From this part of an endpoint's calls on, those that are not in the log may decide."""


class Option(StrEnum):
    """How SageMaker can host a model."""

    SINGLE = "single"
    MULTI_MODEL = "multi-model"
    MULTI_CONTAINER = "multi-container"
    PIPELINE = "pipeline"
    COMPONENTS = "inference components"
    SERVERLESS = "serverless"
    ASYNCHRONOUS = "asynchronous"
    BATCH = "batch"


class Condition(NamedTuple):
    """Something that a rule asks for."""

    text: str
    holds: bool | None
    """None if it is unknown."""
    found: str
    """What is known of it, in words."""
    measure: str = ""
    """How to find out, if it is unknown."""


class Case(NamedTuple):
    """One model, the account that it is in, and an endpoint that it could share."""

    model: AdvisedModel
    account: Account
    cold_target: float
    """The largest share of calls that may find their model not loaded."""
    shared: Shared | None = None

    @property
    def endpoint(self) -> Host:
        return self.account.endpoint_of(self.model)

    @property
    def traffic(self) -> Traffic | None:
        return self.model.traffic

    @property
    def active_hours(self) -> int | None:
        """The clock hours that had a call of the model; None if less than a day was looked at."""
        if self.traffic is None or self.account.period_hours < DAY:
            return None
        return self.traffic.active_hours

    @property
    def measure_hours(self) -> str:
        """How to learn the hours that had a call."""
        return MEASURE_TRAFFIC if self.traffic is None else MEASURE_PERIOD

    @property
    def calls_an_active_hour(self) -> float | None:
        """The calls in such an hour, on average."""
        if self.traffic is None or self.active_hours is None:
            return None
        return self.traffic.calls / max(self.active_hours, 1)

    @property
    def is_alone(self) -> bool:
        """Whether its endpoint serves nothing else."""
        return len(self.account.on(self.model.endpoint)) == 1

    def instead(self, now: float, then: float) -> str:
        """Write what something would cost in a month, and what it costs now."""
        return f"{with_cents(then)} {self.account.currency} a month instead of {with_cents(now)}"

    def a_month(self, in_period: float) -> float:
        """Return how often in a month something happens that happened so often in the period."""
        return in_period / self.account.period_hours * HOURS_A_MONTH


def present_cost(case: Case) -> float | None:
    """Return what the instances of the model's endpoint cost in a month."""
    return case.endpoint.cost_a_month


def shared_cost(case: Case) -> float | None:
    """Return what the shared endpoint costs in a month."""
    return None if case.shared is None else case.shared.cost_a_month


@dataclass(frozen=True, slots=True)
class Rule:
    """When AWS points to an option."""

    option: Option
    says: str
    """AWS's rule in one sentence."""
    page: str
    """The title of AWS's page."""
    url: str
    conditions: Callable[[Case], Iterator[Condition]]
    to_confirm: str = ""
    """What would have to be true, and what no log says."""
    risks: tuple[str, ...] = ()
    cost_a_month: Callable[[Case], float | None] = present_cost
    """What the endpoint would cost; of a shared one, for all of its models."""
    endpoint: Callable[[Case], Shared | None] = lambda case: None
    """The endpoint for several models that a rule for one model means."""


def together(conditions: Iterable[Condition]) -> bool | None:
    """Whether all conditions hold; None if that depends on what is unknown."""
    found = {one.holds for one in conditions}
    return False if False in found else None if None in found else True


class Verdict(NamedTuple):
    """What a rule says of a model."""

    rule: Rule
    conditions: tuple[Condition, ...]
    case: Case

    @property
    def holds(self) -> bool | None:
        return together(self.conditions)


def condition(
    text: str,
    value: T | None,
    test: Callable[[T], bool],
    found: Callable[[T], str],
    measure: str,
) -> Condition:
    """Return a condition of a value, which may be unknown."""
    if value is None:
        return Condition(text, None, "unknown", measure)
    return Condition(text, test(value), found(value))


def size_text(count: float) -> str:
    """Write a number of bytes in a unit that fits."""
    for unit, bytes_of_unit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_of_unit:
            return f"{count / bytes_of_unit:,.1f} {unit}"
    return f"{count:,.0f} bytes"


def seen(model: AdvisedModel, account: Account) -> Iterator[Condition]:
    """Yield what is unknown of the calls of the model's endpoint that are not in the log."""
    part = account.unseen.get(model.endpoint, 0.0)
    if part > MOST_UNSEEN:
        yield Condition(
            "the log has the calls of the endpoint",
            None,
            f"{percent(part)} of those that CloudWatch counts are not in it",
            measure_calls(model.endpoint),
        )


# What has to be done to learn an input.
MEASURE_TRAFFIC = (
    "read its calls: give --days 14 with credentials for the log group, or --log FILE with the "
    "gateway's log"
)
MEASURE_PERIOD = "read at least a day of the log: give --days 14, or a longer --log FILE"
MEASURE_PRICE = "get the prices: gatewayctl prices --out prices.json, then --prices prices.json"


def measure_memory(endpoint: str) -> str:
    """Return how to learn what the models of an endpoint take in memory."""
    return (
        "let these credentials list the bucket of its artifact (s3:ListBucket), or look at the "
        f"endpoint: {look_at_memory(endpoint)}"
    )


def look_at_memory(endpoint: str) -> str:
    """Return the command that says how much of the memory of its instances an endpoint takes."""
    return _metric(endpoint, "/aws/sagemaker/Endpoints", "MemoryUtilization", "Maximum")


def measure_calls(endpoint: str) -> str:
    """Return how to learn of the calls of an endpoint that are not in the log."""
    return (
        "send them through the gateway, or give --days with a time that the log covers; when they "
        f"come: {_metric(endpoint, 'AWS/SageMaker', 'Invocations', 'Sum')}"
    )


def _metric(endpoint: str, namespace: str, name: str, statistic: str) -> str:
    """Return the command that shows a metric of an endpoint by hour."""
    return (
        f"aws cloudwatch get-metric-statistics --namespace {namespace} --metric-name {name} "
        f"--dimensions Name=EndpointName,Value={endpoint} Name=VariantName,Value=AllTraffic "
        f"--statistics {statistic} --period 3600 --start-time … --end-time …"
    )


def measure_boundary(endpoint: str) -> str:
    """Return how to learn what separates the models of an endpoint from others."""
    return (
        f"let these credentials read the configuration and the model of {endpoint}: "
        "sagemaker:DescribeEndpointConfig, sagemaker:DescribeModel"
    )
