"""Finds endpoints for several models, among those that no rule for one model claims.

Models that are on one endpoint now stay together there: what they do was measured, and nobody has
to change anything. Models with an endpoint of their own join such an endpoint, or each other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING

from gatewayctl.advice.alike import alike, groups, similar
from gatewayctl.advice.facts import CPU, GPU, NEURON
from gatewayctl.advice.lacking import needs, no_accelerators, others_unknown
from gatewayctl.advice.packing import as_it_is, components, containers
from gatewayctl.advice.rule import Case, Condition, Verdict, seen
from gatewayctl.advice.rules_shared import (
    COMPONENTS,
    DEFAULT,
    MULTI_CONTAINER,
    MULTI_MODEL,
    ONE_IMAGE,
    much_busier,
    no_place,
    no_room,
)
from gatewayctl.advice.sharing import by_type, multi_model, usable_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel, SharingBoundary
    from gatewayctl.advice.rule import Rule
    from gatewayctl.advice.sharing import Shared

STAYING = {"mme": MULTI_MODEL, "mce": MULTI_CONTAINER, "component": COMPONENTS}


class Groups:
    """Finds the verdicts of the rules that look at several models.

    Args:
        unsure: The models of which it is unknown whether a rule for one model claims them.
    """

    def __init__(
        self, account: Account, cold_target: float, unsure: Sequence[AdvisedModel]
    ) -> None:
        self._account = account
        self._cold_target = cold_target
        self._unsure = unsure
        self._found: defaultdict[str, list[Verdict]] = defaultdict(list)
        self._hot: dict[str, Condition] = {}
        """Why a model is in no group, by its name."""

    def of(self, models: Sequence[AdvisedModel]) -> dict[str, list[Verdict]]:
        """Return the verdicts for each of the models."""
        left = [one for one in models if self._case(one).is_alone]
        crowds = self._present(one for one in models if not self._case(one).is_alone)
        left = self._join_multi_model(crowds, left)
        for group in groups(self._with(CPU, left), self._account, by_image=True):
            for part in alike(self._cool(group)):
                self._new_multi_model(part)
        left = self._not_taken(left)
        for accelerator in (GPU, NEURON):
            for group in groups(self._with(accelerator, left), self._account, by_image=False):
                self._new_components(group)
        for group in groups(self._with(CPU, left), self._account, by_image=False):
            self._containers(self._cool(group), crowds)
        for crowd in crowds.values():
            self._judge(STAYING[crowd.models[0].kind], crowd)
        for one in self._not_taken(left):
            conditions = tuple(self._nothing_to_share(one, models))
            self._found[one.name].append(Verdict(DEFAULT, conditions, self._case(one)))
        return self._found

    def _case(self, model: AdvisedModel) -> Case:
        return Case(model, self._account, self._cold_target)

    def _with(self, accelerator: str, models: Iterable[AdvisedModel]) -> list[AdvisedModel]:
        return [
            one
            for one in models
            if self._account.endpoint_of(one).boundary.accelerator == accelerator
        ]

    def _not_taken(self, models: Iterable[AdvisedModel]) -> list[AdvisedModel]:
        """Return the models for which each rule until now was ruled out."""
        return [one for one in models if all(each.holds is False for each in self._found[one.name])]

    def _judge(
        self, rule: Rule, shared: Shared, models: Sequence[AdvisedModel] | None = None
    ) -> None:
        for one in shared.models if models is None else models:
            case = self._case(one)._replace(shared=shared)
            self._found[one.name].append(Verdict(rule, tuple(rule.conditions(case)), case))

    def _rule_out(self, rule: Rule, model: AdvisedModel, reason: Condition) -> None:
        self._found[model.name].append(Verdict(rule, (reason,), self._case(model)))

    # What is there.

    def _present(self, models: Iterable[AdvisedModel]) -> dict[str, Shared]:
        """Return the shared endpoints that are there, by name, of which enough is known."""
        by_endpoint: defaultdict[str, list[AdvisedModel]] = defaultdict(list)
        for one in models:
            by_endpoint[one.endpoint].append(one)
        found = {}
        for name, group in sorted(by_endpoint.items()):
            rule = STAYING.get(group[0].kind, DEFAULT)
            if rule is DEFAULT:  # Variants of one model.
                for one in group:
                    self._found[one.name].append(Verdict(rule, (), self._case(one)))
            elif known := self._known(rule, group):
                found[name] = self._as_it_stays(known, is_whole=known == group)
        return found

    def _as_it_stays(self, models: Sequence[AdvisedModel], *, is_whole: bool) -> Shared:
        host = self._account.endpoint_of(models[0])
        is_whole = is_whole and all(one.endpoint != host.name for one in self._unsure)
        if models[0].kind != "mme":
            return as_it_is(models, self._account, host)
        return multi_model(models, self._account, self._cold_target, kept=host, is_whole=is_whole)

    def _known(self, rule: Rule, group: Sequence[AdvisedModel]) -> list[AdvisedModel]:
        """Return the models of which enough is known, and say of the others what is not."""
        known = []
        for one in group:
            if lacking := tuple(needs([one], self._account)):
                self._found[one.name].append(Verdict(rule, lacking, self._case(one)))
            else:
                known.append(one)
        return known

    def _may_be_joined(self, crowd: Shared, boundary: SharingBoundary) -> bool:
        """Whether all is known of an endpoint, and models with this boundary may be there."""
        host = self._account.endpoint_of(crowd.models[0])
        unsure = any(one.endpoint == host.name for one in self._unsure)
        lacking = any(
            each.holds is None
            for one in self._account.on(host.name)
            for each in self._found[one.name]
        )
        return not unsure and not lacking and host.boundary.admits(boundary) is True

    # Multi-model.

    def _join_multi_model(
        self, crowds: dict[str, Shared], left: list[AdvisedModel]
    ) -> list[AdvisedModel]:
        """Add models to the endpoints that hold them too; return those that are left."""
        for name, crowd in crowds.items():
            if crowd.models[0].kind != "mme" or not self._may_be_joined(crowd, crowd.like.boundary):
                continue
            able = [one for one in left if self._has_image_of(crowd, one)]
            cool = {one.name for one in self._cool([*crowd.models, *able])}
            able = [one for one in similar(able, to=crowd.models) if one.name in cool]
            known = self._known(MULTI_MODEL, able)
            crowds[name] = self._joined(crowd, known)
            joined = {one.name for one in crowds[name].models}
            left = [one for one in self._not_taken(left) if one.name not in joined]
        return left

    def _has_image_of(self, crowd: Shared, one: AdvisedModel) -> bool:
        boundary = self._account.endpoint_of(one).boundary
        return one.image == crowd.models[0].image and boundary == crowd.like.boundary

    def _joined(self, crowd: Shared, others: Sequence[AdvisedModel]) -> Shared:
        """Return an endpoint with as many others as it holds, the smallest first, if that saves."""
        order = sorted(others, key=lambda one: (one.memory_bytes or 0, one.name))

        def with_others(number: int) -> Shared:
            models = [*crowd.models, *order[:number]]
            return multi_model(models, self._account, self._cold_target, kept=crowd.like)

        numbers = range(len(order) + 1)
        most = bisect_left(numbers, True, key=lambda one: not self._is_warm(with_others(one))) - 1
        meant = with_others(most) if most > 0 else crowd
        return meant if meant.is_cheaper(crowd) else crowd

    def _is_warm(self, meant: Shared) -> bool:
        return meant.unexplained is None and meant.cold.high <= self._cold_target

    def _new_multi_model(self, models: Sequence[AdvisedModel]) -> None:
        known = self._enough_known(MULTI_MODEL, models)
        most = max((usable_memory(one) for one in by_type(known, self._account)), default=0.0)
        fitting = [one for one in known if (one.memory_bytes or 0) <= most]
        for one in known:
            if one not in fitting:
                self._rule_out(MULTI_MODEL, one, no_room(one, most))
        if len(fitting) > 1:
            self._judge(MULTI_MODEL, multi_model(fitting, self._account, self._cold_target))

    def _enough_known(self, rule: Rule, models: Sequence[AdvisedModel]) -> list[AdvisedModel]:
        """Return the models that can be judged together; what is lacking decides for the others."""
        if len(models) < 2:
            return []
        known = self._known(rule, models)
        if len(known) == 1:
            unknown = [one for one in models if one is not known[0]]
            lacking = tuple(needs(unknown, self._account))
            self._found[known[0].name].append(Verdict(rule, lacking, self._case(known[0])))
            return []
        return known

    def _cool(self, group: Sequence[AdvisedModel]) -> list[AdvisedModel]:
        """Return a group without the models that get much more traffic than the others."""
        hot = much_busier(group, self._account)
        self._hot.update(hot)
        return [one for one in group if one.name not in hot]

    # Containers and components, which are all in memory.

    def _new_components(self, models: Sequence[AdvisedModel]) -> None:
        known = []
        for one in self._enough_known(COMPONENTS, models):
            host = self._account.endpoint_of(one)
            if host.accelerators is None:
                self._rule_out(COMPONENTS, one, no_accelerators(host))
            else:
                known.append(one)
        meant = components(known, self._account) if len(known) > 1 else None
        if meant is None:
            return
        for one in known:
            if one not in meant.models:
                self._rule_out(COMPONENTS, one, no_room(one, usable_memory(meant.like)))
        self._judge(COMPONENTS, meant)

    def _containers(self, models: Sequence[AdvisedModel], crowds: dict[str, Shared]) -> None:
        """Judge multi-container endpoints, also those that are there, for models that may share."""
        if not models:
            return
        boundary = self._account.endpoint_of(models[0]).boundary
        there = {
            name: one
            for name, one in crowds.items()
            if one.models[0].kind == "mce" and self._may_be_joined(one, boundary)
        }
        able = [*models, *(each for one in there.values() for each in one.models)]
        if len(able) > 1 and len({one.image for one in able}) == 1:
            for one in models:
                self._rule_out(MULTI_CONTAINER, one, ONE_IMAGE)
            return
        known = (self._known if there else self._enough_known)(MULTI_CONTAINER, models)
        found = containers(known, self._account, [*there.values()])
        for meant in found:
            new, name = [one for one in meant.models if one in known], meant.models[0].endpoint
            if not new:
                continue
            if len(meant.models) == 1:
                self._rule_out(MULTI_CONTAINER, new[0], no_place(new[0], meant.like, found))
            elif name not in there:
                self._judge(MULTI_CONTAINER, meant)
            elif meant.is_cheaper(there[name]):
                crowds[name] = meant
            else:
                self._judge(MULTI_CONTAINER, meant, new)

    def _nothing_to_share(
        self, model: AdvisedModel, rest: Sequence[AdvisedModel]
    ) -> Iterator[Condition]:
        """Yield what is unknown of the question whether others may share an endpoint with it."""
        yield from seen(model, self._account)
        if model.name in self._hot:
            yield self._hot[model.name]
        else:
            yield from others_unknown(model, rest, self._unsure, self._account)
