"""Endpoints as values, and the tables that are imported from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.routing.parameters import OneOf
from chalicelib.routing.reading import file
from gatewayctl.account.artifacts import Artifacts
from gatewayctl.account.values import (
    IN_SERVICE,
    Component,
    Container,
    Endpoint,
    Model,
    Unread,
    Variant,
)
from gatewayctl.commands.import_ import section
from gatewayctl.commands.import_text import document, name_entries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.routing.table import RoutingTable

DENIED = Unread("model m", "sagemaker:DescribeModel", denied=True)


def container(hostname: str | None = None, artifacts: str | None = None) -> Container:
    """Return a container, which is multi-model if it has a prefix of artifacts."""
    url = artifacts or "s3://bucket/model.tar.gz"
    return Container(hostname, multi_model=artifacts is not None, model_data=url)


def model(*containers: Container, direct: bool = False) -> Model:
    return Model("m", containers or (container(),), direct)


def multi_model(endpoint: str) -> Model:
    return model(container(artifacts=f"s3://bucket/{endpoint}/"))


def variant(
    model: Model | Unread | None, name: str = "AllTraffic", *, serverless: bool = False
) -> Variant:
    return Variant(name, model, serverless)


def endpoint(
    name: str,
    *variants: Variant,
    status: str = IN_SERVICE,
    async_only: bool = False,
    components: tuple[str, ...] | Unread = (),
) -> Endpoint:
    return Endpoint(name, status, async_only, variants or (variant(model()),), components)


@dataclass(frozen=True)
class FakeAccount:
    """Stands in for an `AccountReader`."""

    by_prefix: Mapping[str, tuple[str, ...] | Unread] = field(default_factory=dict)
    components: Mapping[str, Component | Unread] = field(default_factory=dict)

    def artifacts(self, prefix: str) -> Artifacts | Unread:
        names = self.by_prefix[prefix]
        return names if isinstance(names, Unread) else Artifacts(prefix, names)

    def component(self, name: str) -> Component | Unread:
        return self.components[name]


def text_of(*endpoints: Endpoint, account: FakeAccount) -> str:
    """Return the text of the table of these endpoints."""
    return document(name_entries(section(one.name, one, account) for one in endpoints))


def text_of_artifacts(**artifacts: list[str]) -> str:
    """Return the text of the table of multi-model endpoints with these artifacts."""
    endpoints = [endpoint(name, variant(multi_model(name))) for name in artifacts]
    by_prefix = {f"s3://bucket/{name}/": tuple(names) for name, names in artifacts.items()}
    return text_of(*endpoints, account=FakeAccount(by_prefix))


def parsed(text: str) -> RoutingTable:
    return file.parse(text.encode(), "imported.yaml")


def paths(table: RoutingTable) -> list[str]:
    """Return the paths that can be called, without those of patterns."""
    found = []
    for model in table.models():
        first, *_ = model.name.split("/")
        rules = [parameter.rule for parameter in model.parameters]
        if not rules:
            found.append(first)
        elif isinstance(rules[0], OneOf):
            found += [f"{first}/{value}" for value in sorted(rules[0].values)]
    return found


def targets(table: RoutingTable) -> list[dict[str, str]]:
    """Return the arguments of InvokeEndpoint for each path; of several targets, the heaviest's."""
    return [table.resolve(path).target.invoke_args() for path in paths(table)]
