"""What has to be known before an endpoint for several models can be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.advice.alike import may_share
from gatewayctl.advice.rule import (
    MEASURE_PRICE,
    MEASURE_TRAFFIC,
    Condition,
    measure_boundary,
    measure_memory,
    seen,
)
from gatewayctl.output import first_few

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel, Host


MIXED_TYPES = (
    "give all variants of the endpoint the same type of instance, or compare with --what-if TABLE "
    "and --plan"
)

NO_INSTANCES = (
    "nobody knows which instances a model of a serverless endpoint needs: compare with --what-if "
    "TABLE and --plan"
)


def needs(models: Sequence[AdvisedModel], account: Account) -> Iterator[Condition]:
    """Yield what has to be known of the models before an endpoint for them can be judged."""
    without_size = [one for one in models if one.memory_bytes is None]
    if without_size:
        yield Condition(
            "the memory is enough for the models",
            None,
            f"unknown for {first_few([one.name for one in without_size])}",
            measure_memory(without_size[0].endpoint),
        )
    without_traffic = [one.name for one in models if one.traffic is None]
    if without_traffic:
        yield Condition(
            "the instances are enough for the calls",
            None,
            f"unknown for {first_few(without_traffic)}",
            MEASURE_TRAFFIC,
        )
    for one in models:
        yield from seen(one, account)
    hosts = [account.endpoint_of(one) for one in models]
    unpriced = [
        one.name for one in hosts if None in (one.cost_a_month, one.vcpus, one.memory_bytes)
    ]
    if unpriced:
        mixed = any(one.instance_type is None and one.instances for one in hosts)
        serverless = any(one.is_serverless for one in hosts)
        yield Condition(
            "the endpoint costs less than now",
            None,
            f"unknown for {first_few(unpriced)}",
            NO_INSTANCES if serverless else MIXED_TYPES if mixed else MEASURE_PRICE,
        )


def no_accelerators(host: Host) -> Condition:
    """Return the condition that nobody knows how many components an instance may have."""
    return Condition(
        "an instance has an accelerator for each component",
        None,
        f"unknown for {host.instance_type}",
        f"write the number of accelerators of {host.instance_type} into the file of --prices, as "
        "its gpus",
    )


def others_unknown(
    model: AdvisedModel,
    rest: Sequence[AdvisedModel],
    unsure: Sequence[AdvisedModel],
    account: Account,
) -> Iterator[Condition]:
    """Yield what is unknown of the question whether others may share an endpoint with a model.

    Args:
        rest: The models that no rule for one model claims.
        unsure: Those of which that is unknown.
    """
    text = "no other model may share an endpoint with this one"
    if account.endpoint_of(model).is_serverless:
        costs = "an endpoint on instances costs less than serverless inference"
        yield Condition(costs, None, "unknown", NO_INSTANCES)
    for other in rest:
        if other is model:
            continue
        may = may_share(model, other, account)
        if may is None or (may and None in (model.image, other.image)):
            how = measure_boundary(_less_known(model, other, account).endpoint)
            yield Condition(text, None, f"unknown for {other.name}", how)
            return
    for other in unsure:
        if may_share(model, other, account):
            found = f"{other.name} may, if no rule claims it alone"
            yield Condition(text, None, found, f"measure first what {other.name} lacks")
            return


def _less_known(model: AdvisedModel, other: AdvisedModel, account: Account) -> AdvisedModel:
    """Return the model if its image or its boundary is not known, else the other one."""
    is_unknown = model.image is None or account.endpoint_of(model).boundary.unknown()
    return model if is_unknown else other
