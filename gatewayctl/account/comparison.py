"""One entry of the table beside the account: its endpoint, its kind, and what it addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.account.addressed import CHECKS
from gatewayctl.account.remarks import Remark, hidden, listing, none_called
from gatewayctl.account.subject import Subject
from gatewayctl.account.values import IN_SERVICE, Model, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.routing import table
    from gatewayctl.account.reader import AccountReader
    from gatewayctl.account.values import Endpoint, Variant

# While something else is being made of an endpoint that was in service.
CHANGING = {"Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"}


def remarks(entry: table.Model, row: table.Row, account: AccountReader) -> Iterator[Remark]:
    """What calls of this entry would meet, from the endpoint inwards."""
    name = entry.target.endpoint
    endpoint = account.endpoint(name)
    if isinstance(endpoint, Unread):
        yield hidden("endpoint", endpoint) if endpoint.denied else _no_endpoint(name, account)
        return
    subject = Subject(entry, row, endpoint, account)
    yield from _service(endpoint)
    yield from _variant(subject)
    yield from _unread(subject)
    misfits = list(_misfits(subject))
    yield from misfits or CHECKS[entry.target.kind](subject)


def _no_endpoint(name: str, account: AccountReader) -> Remark:
    names = account.endpoint_names()
    known = () if isinstance(names, Unread) else names
    return Remark(("endpoint",), none_called("endpoint", name, f"in {account.region}", known))


def _service(endpoint: Endpoint) -> Iterator[Remark]:
    name, status = endpoint.name, endpoint.status
    if status in CHANGING:
        text = f"endpoint {name} is {status}; what is true of it now may not be true soon"
        yield Remark(("endpoint",), text, is_warning=True)
    elif status != IN_SERVICE:
        why = f"aws sagemaker describe-endpoint --endpoint-name {name}"
        yield Remark(("endpoint",), f"endpoint {name} is {status} and takes no calls; see {why}")
    if endpoint.async_only:
        text = f"endpoint {name} is for asynchronous inference only; name a real-time endpoint"
        yield Remark(("endpoint",), text)


def _variant(subject: Subject) -> Iterator[Remark]:
    chosen, endpoint = subject.target.target_variant, subject.endpoint
    if chosen is not None and not subject.variants:
        names = sorted(variant.name for variant in endpoint.variants)
        text = none_called("variant", chosen, f"of endpoint {endpoint.name}", names)
        yield Remark(("target_variant",), text)


def _unread(subject: Subject) -> Iterator[Remark]:
    """A model that was deleted goes on answering, until it is to start on another instance."""
    for model in {variant.model: None for variant in subject.variants}:
        if isinstance(model, Unread) and model.denied:
            yield hidden("endpoint", model)
        elif isinstance(model, Unread):
            endpoint = subject.endpoint.name
            text = f"{model}, and endpoint {endpoint} needs it to start on another instance"
            yield Remark(("endpoint",), text, is_warning=True)


def _misfits(subject: Subject) -> Iterator[Remark]:
    declared, endpoint = subject.target.kind, subject.endpoint.name
    by_kind = {variant.kind: variant for variant in subject.variants}
    for kind, variant in by_kind.items():
        if kind not in {None, declared}:
            which = f"variant {variant.name} of " if len(by_kind) > 1 else ""
            text = f"{which}endpoint {endpoint} is of kind {kind}, not {declared}: "
            yield Remark(("kind",), text + _evidence(variant))


def _evidence(variant: Variant) -> str:
    if not isinstance(variant.model, Model):
        return "it hosts inference components"
    return {
        "single": "it has one container with one model",
        "mme": "its container loads the artifact that a call names",
        "mce": f"a call names one of its containers, {listing(variant.model.hostnames)}",
        "pipeline": "a call passes through all of its containers",
    }[variant.model.kind]
