"""What a stack's alarms, dashboard, metric filters and saved queries are once they are deployed.

CloudFormation's functions are resolved here as it resolves them, for one stack with one name.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STACK, ACCOUNT, REGION = "the-stack", "123456789012", "us-east-1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:duty"
SETTINGS = {"Alarms": "on", "AlarmTopic": TOPIC}
SCHEMA = re.compile(
    r"SELECT \w+\((?P<metric>\w+)\) FROM SCHEMA\(\"(?P<namespace>\w+)\", (?P<names>[\w, ]+)\)"
    r" WHERE service = '(?P<service>[^']+)' GROUP BY model ORDER BY \w+\(\) DESC LIMIT \d+"
)


class Series(NamedTuple):
    """A metric that an alarm or a widget reads."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str | None], ...]
    """Names and values; None for each value that there is."""


class Monitored:
    """The resources of a template, with their parameters' defaults but for `settings`."""

    def __init__(self, template: Any, settings: Mapping[str, str]) -> None:
        self._template = template
        defaults = {name: one["Default"] for name, one in template["Parameters"].items()}
        self._names = {
            **{name: str(value) for name, value in {**defaults, **settings}.items()},
            "AWS::StackName": STACK,
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }

    def of(self, kind: str) -> dict[str, Any]:
        """Return the properties of the resources of a type, by logical name."""
        return {
            name: self._resolved(resource["Properties"])
            for name, resource in self._template["Resources"].items()
            if resource["Type"] == kind
            and ("Condition" not in resource or self._holds(resource["Condition"]))
        }

    @property
    def dashboard(self) -> list[dict[str, Any]]:
        """The widgets."""
        (dashboard,) = self.of("AWS::CloudWatch::Dashboard").values()
        return list(json.loads(dashboard["DashboardBody"])["widgets"])

    def _holds(self, condition: Any) -> bool:
        if isinstance(condition, str):
            return self._holds(self._template["Conditions"][condition])
        ((function, argument),) = condition.items()
        if function == "Fn::Not":
            return not self._holds(argument[0])
        assert function == "Fn::Equals", function
        left, right = (self._resolved(one) for one in argument)
        return bool(left == right)

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            found = [self._resolved(one) for one in value]
            return [one for one in found if one is not None]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"Ref"}:
            return None if value["Ref"] == "AWS::NoValue" else self._name(value["Ref"])
        if value.keys() == {"Fn::If"}:
            condition, then, otherwise = value["Fn::If"]
            return self._resolved(then if self._holds(condition) else otherwise)
        if value.keys() == {"Fn::GetAtt"}:
            value = {"Fn::Sub": f"${{{'.'.join(value['Fn::GetAtt'])}}}"}
        if value.keys() == {"Fn::Sub"}:
            return self._substituted(value["Fn::Sub"])
        members = {name: self._resolved(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if member is not None}

    def _substituted(self, value: Any) -> str:
        text, variables = value if isinstance(value, list) else (value, {})
        own = {name: self._resolved(one) for name, one in variables.items()}
        return re.sub(
            r"\$\{([\w:.]+)\}", lambda found: own.get(found[1]) or self._name(found[1]), text
        )

    def _name(self, logical: str) -> str:
        """Return the value of a parameter, or the physical name of a resource.

        An attribute of a resource stays as it is written: `JobsQueue.Arn`.
        """
        if logical in self._names:
            return self._names[logical]
        if "." in logical:
            return logical
        properties = self._template["Resources"][logical]["Properties"]
        named = properties.get("FunctionName") or properties.get("LogGroupName") or logical
        return str(self._resolved(named))


def series_of_alarm(alarm: Mapping[str, Any]) -> Iterator[tuple[Series, str]]:
    """Yield what an alarm reads, with the statistic."""
    if "MetricName" in alarm:
        yield _series(alarm), alarm.get("Statistic") or alarm["ExtendedStatistic"]
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            yield _series(query["MetricStat"]["Metric"]), query["MetricStat"]["Stat"]


def _series(metric: Mapping[str, Any]) -> Series:
    dimensions = [(one["Name"], one["Value"]) for one in metric.get("Dimensions", [])]
    return Series(metric["Namespace"], metric["MetricName"], tuple(dimensions))


def series_of_widget(widget: Mapping[str, Any]) -> Iterator[Series]:
    """Yield what a widget reads."""
    for row in widget["properties"].get("metrics", []):
        *names, _ = row if isinstance(row[-1], dict) else [*row, {}]
        if names:
            namespace, name, *dimensions = names
            pairs = zip(dimensions[::2], dimensions[1::2], strict=True)
            yield Series(namespace, name, tuple(pairs))
        else:
            found = SCHEMA.fullmatch(row[-1]["expression"])
            assert found is not None, row
            service, *others = found["names"].split(", ")
            dimensions = [(service, found["service"]), *((name, None) for name in others)]
            yield Series(found["namespace"], found["metric"], tuple(dimensions))
