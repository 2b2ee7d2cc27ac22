"""The demo endpoints as data: what each holds, and what kind of endpoint it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["single", "mme", "mce", "pipeline", "component"]
Framework = Literal["sklearn", "lightgbm"]


@dataclass(frozen=True, slots=True)
class Container:
    """One model server of an endpoint, and where its artifact lies in the bucket."""

    framework: Framework
    artifact: str
    """A key, or a prefix that ends with `/` under which a multi-model endpoint finds many."""

    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint with its containers, in their order."""

    name: str
    kind: Kind
    containers: tuple[Container, ...]
    component: str | None = None
    """The inference component that holds the container; only of kind `component`."""


ENDPOINTS = (
    Endpoint("tabular", "mme", (Container("sklearn", "tabular/"),)),
    Endpoint("digits", "mme", (Container("sklearn", "digits/"),)),
    Endpoint("digit-reader", "single", (Container("sklearn", "digit-reader/model.tar.gz"),)),
    Endpoint(
        "diabetes",
        "mce",
        (
            Container("sklearn", "diabetes/sklearn/model.tar.gz", hostname="sklearn"),
            Container("lightgbm", "diabetes/lightgbm/model.tar.gz", hostname="lightgbm"),
        ),
    ),
    Endpoint(
        "wine-pipeline",
        "pipeline",
        (
            Container("sklearn", "wine-pipeline/preprocess/model.tar.gz", hostname="preprocess"),
            Container("lightgbm", "wine-pipeline/grade/model.tar.gz", hostname="grade"),
        ),
    ),
    Endpoint(
        "shared",
        "component",
        (Container("sklearn", "shared/diabetes-component/model.tar.gz"),),
        component="diabetes-component",
    ),
)
