"""All that there is to say about one path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.api.wire import API_GATEWAY_SECONDS, LAMBDA_MARGIN_SECONDS
from chalicelib.errors import GatewayError, UnknownModel
from gatewayctl.explain import answer as answers
from gatewayctl.explain import errand as errands
from gatewayctl.explain import sections
from gatewayctl.explain.answer import Answer
from gatewayctl.explain.caller import ANYBODY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.routing.table import Match, RoutingTable
    from gatewayctl.explain.caller import Caller
    from gatewayctl.explain.errand import Errand, Question
    from gatewayctl.explain.sections import Section
    from gatewayctl.table_lines import Lines


@dataclass(frozen=True, slots=True)
class Scene:
    """The gateway that is asked."""

    table: RoutingTable
    lines: Lines
    file: str
    lambda_timeout_seconds: float
    now: int

    @property
    def platform(self) -> dict[str, float]:
        """What API Gateway and Lambda leave a request that comes to a warm function."""
        margin = LAMBDA_MARGIN_SECONDS
        return {"API Gateway": API_GATEWAY_SECONDS, "Lambda": self.lambda_timeout_seconds - margin}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the caller sees, and every section of why."""

    answer: Answer
    sections: tuple[Section, ...]


def explain(scene: Scene, question: Question, caller: Caller | None) -> Explanation:
    """Without a caller, for anybody who has the grant."""
    try:
        found = scene.table.find(question.path)
    except UnknownModel as refusal:
        answer = answers.unknown(refusal, question.path, scene.table)
        return Explanation(answer, (_table(scene),))
    errand, why_nobody = _tried(scene, question, found, ANYBODY)
    asking = caller or ANYBODY
    why_not = why_nobody if caller is None else _tried(scene, question, found, caller)[1]
    answer = answers.refused(why_not, found, question.path, asking) if why_not else Answer()
    return Explanation(answer, tuple(_sections(scene, question, found, errand, caller)))


def _tried(
    scene: Scene, question: Question, found: Match, caller: Caller
) -> tuple[Errand | None, GatewayError | None]:
    """What the gateway would ask SageMaker for, or why it would not."""
    call = question.call(found.model)
    seconds = min(scene.platform.values())
    try:
        principal = caller.principal(scene.now)
        return errands.run(scene.table, principal, question.path, call, seconds), None
    except GatewayError as refusal:
        return None, refusal


def _sections(
    scene: Scene, question: Question, found: Match, errand: Errand | None, caller: Caller | None
) -> Iterator[Section]:
    model = found.model
    line, _ = scene.lines.of(("models", model.name))
    yield sections.entry(model, scene.file, line)
    yield sections.parameters(found)
    if caller is not None:
        yield sections.grant(caller, question.path, scene.now)
    yield sections.accept(question, model)
    yield sections.content_type(question, model)
    yield sections.headers(model)
    if errand is not None:
        yield sections.call(errand)
        yield sections.deadline(question, model, scene.platform, errand)
        yield sections.attempts(model)
        yield sections.cold_start(model)
        yield sections.permission(errand)
    yield _table(scene)


def _table(scene: Scene) -> Section:
    return sections.table(scene.file, scene.table.digest, len(scene.table))
