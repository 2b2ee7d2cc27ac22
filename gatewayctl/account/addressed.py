"""What a call addresses on its endpoint: a container, an artifact, an inference component."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from gatewayctl.account.remarks import MOST_NAMED, Remark, hidden, listing, none_called
from gatewayctl.account.target_models import TargetModels
from gatewayctl.account.values import IN_SERVICE, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.routing.table import Row
    from chalicelib.routing.targets import ComponentTarget, MultiContainerTarget
    from gatewayctl.account.remarks import Keys
    from gatewayctl.account.subject import Subject
    from gatewayctl.account.target_models import Listed
    from gatewayctl.account.values import Artifacts, Component


def _nothing(_: Subject) -> Iterator[Remark]:
    return iter(())


def _container(subject: Subject) -> Iterator[Remark]:
    hostname = cast("MultiContainerTarget", subject.target).target_container_hostname
    for model in subject.models:
        if hostname not in model.hostnames:
            where = f"on endpoint {subject.endpoint.name}"
            text = none_called("container", hostname, where, sorted(model.hostnames))
            yield Remark(("target_container_hostname",), text)
            return


def _pipeline(subject: Subject) -> Iterator[Remark]:
    """One of the containers may be multi-model, and then every call has to name an artifact."""
    wanted, endpoint = TargetModels.of(subject.entry), subject.endpoint.name
    loads = [model.multi_model is not None for model in subject.models]
    if wanted is None and any(loads):
        text = f"missing; a container of endpoint {endpoint} loads the artifact that a call names"
        yield Remark(("target_model",), text)
    elif wanted is not None and not all(loads):
        text = f"no container of endpoint {endpoint} loads artifacts; remove the key"
        yield Remark(("target_model",), text)
    else:
        yield from _artifacts(subject)


def _artifacts(subject: Subject) -> Iterator[Remark]:
    wanted = TargetModels.of(subject.entry)
    if wanted is None:
        return
    for prefix in dict.fromkeys(model.prefix for model in subject.models if model.prefix):
        artifacts = subject.account.artifacts(prefix)
        if not isinstance(artifacts, Unread):
            yield from _missing(wanted.missing(artifacts), artifacts, subject.row)
        elif artifacts.denied:
            yield hidden("target_model", artifacts)
        else:
            yield Remark(("target_model",), f"{artifacts}, and {prefix} would be in it")


def _missing(missing: Sequence[Listed], artifacts: Artifacts, row: Row) -> Iterator[Remark]:
    if len(missing) > MOST_NAMED:
        names = listing([listed.name for listed in missing])
        yield Remark(("target_model",), f"not under {artifacts.prefix}: {names}")
        return
    for listed in missing:
        text = none_called("artifact", listed.name, f"under {artifacts.prefix}", artifacts.names)
        yield Remark(_place(listed, row), text)


def _place(listed: Listed, row: Row) -> Keys:
    """The one value that makes this artifact, where it is one."""
    if len(listed.values) != 1:
        return ("target_model",)
    ((parameter, value),) = listed.values.items()
    index = row["parameters"][parameter]["one_of"].index(value)
    return ("parameters", parameter, "one_of", index)


def _component(subject: Subject) -> Iterator[Remark]:
    name = cast("ComponentTarget", subject.target).inference_component
    component = subject.account.component(name)
    if not isinstance(component, Unread):
        yield from _state(component, subject)
    elif component.denied:
        yield hidden("inference_component", component)
    else:
        others = subject.endpoint.components
        known = () if isinstance(others, Unread) else others
        where = f"on endpoint {subject.endpoint.name}"
        yield Remark(
            ("inference_component",), none_called("inference component", name, where, known)
        )


def _state(component: Component, subject: Subject) -> Iterator[Remark]:
    name, key, endpoint = component.name, ("inference_component",), subject.endpoint.name
    if component.endpoint != endpoint:
        text = f"inference component {name} is on endpoint {component.endpoint}, not on {endpoint}"
        yield Remark(key, text)
    elif subject.target.target_variant not in {None, component.variant}:
        text = f"inference component {name} is on variant {component.variant}; name that or none"
        yield Remark(("target_variant",), text)
    elif component.status == "Updating":
        yield Remark(key, f"inference component {name} is Updating", is_warning=True)
    elif component.status != IN_SERVICE:
        why = f"aws sagemaker describe-inference-component --inference-component-name {name}"
        text = f"inference component {name} is {component.status} and takes no calls; see {why}"
        yield Remark(key, text)
    elif component.copies == 0:
        text = f"inference component {name} has no copy now; calls fail until there is one"
        yield Remark(key, text, is_warning=True)


# By the kind that the entry declares, once the endpoint is known to be of it.
CHECKS: dict[str, Callable[[Subject], Iterator[Remark]]] = {
    "single": _nothing,
    "mme": _artifacts,
    "mce": _container,
    "pipeline": _pipeline,
    "component": _component,
}
