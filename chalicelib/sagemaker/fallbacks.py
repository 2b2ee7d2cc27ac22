"""Decides which target of a model is called next, when one fails or its artifact may be cold.

A fallback answers where the chosen target did not run the model. Each costs a retry of the budget,
because calls of other targets add load just as further calls of the same one do. It replaces a
retry: only the last target of the order is called again.

An artifact that may be cold is waited for only shortly while another target is warm: for at most
half of the time that the request has, so that the warm one can still answer. SageMaker goes on
loading it. Meanwhile one request at a time asks it, and the others go straight to the warm one.
That costs no retry, as these requests come no more often than every `cold_seconds`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from chalicelib.errors import GatewayError, ModelNotReady, UpstreamTimedOut, clear_tracebacks
from chalicelib.sagemaker.attempts import MIN_CALL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.aws.deadline import Deadline
    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import ResolvedModel
    from chalicelib.sagemaker.attempts import RetryBudget, Warmth
    from chalicelib.telemetry.request_record import RequestRecord


T = TypeVar("T")


class Fallbacks:
    """The targets that one request has left."""

    def __init__(
        self,
        resolved: ResolvedModel,
        deadline: Deadline,
        record: RequestRecord,
        warmth: Warmth,
        budget: RetryBudget,
    ) -> None:
        self.target, *self._others = resolved.targets
        """The one that is called next."""
        self._cold_seconds = resolved.model.cold_seconds
        self._deadline = deadline
        self._record = record
        self._warmth = warmth
        self._budget = budget

    def answer(self, call: Callable[[NamedTarget, Deadline], T]) -> T | None:
        """Call one target after the other until one answers, and leave the last one.

        Args:
            call: Makes one call of a target, which ends by the deadline.

        Returns:
            What the call returned; None if all but the last target failed, which is then `target`.

        Raises:
            GatewayError: A target failed, and no other one may stand in for it.
        """
        while self._others:
            until = self._until()
            if until is None:
                self._move_on(ModelNotReady.slug)
                continue
            try:
                return call(self.target, until)
            except GatewayError as error:
                if not self._may_move_on(error, is_short=until is not self._deadline):
                    raise
                clear_tracebacks(error)
                self._move_on(error.slug)
        return None

    def _until(self) -> Deadline | None:
        """Return when the next call has to end; None if its target is left to another request.

        If the target may be cold, the first fallback that is warm becomes the next one.
        """
        target = self.target.target
        if not self._warmth.may_be_cold(target):
            return self._deadline
        is_warm = [not self._warmth.may_be_cold(other.target) for other in self._others]
        if True not in is_warm:
            return self._deadline
        self._others.insert(0, self._others.pop(is_warm.index(True)))
        if not self._warmth.may_ask(target, self._cold_seconds):
            return None
        return self._deadline.step(self._cold_seconds)

    def _may_move_on(self, error: GatewayError, *, is_short: bool) -> bool:
        """Whether another target may answer after this error.

        Args:
            error: Why the call failed.
            is_short: Whether the call had to end before the request's deadline.
        """
        if self._deadline.remaining_seconds < MIN_CALL_SECONDS:
            return False
        if is_short and isinstance(error, ModelNotReady | UpstreamTimedOut):
            return True
        if is_short:
            self._warmth.record_no_load(self.target.target)
        return error.falls_back and self._budget.take()

    def _move_on(self, slug: str) -> None:
        self.target = self._others.pop(0)
        self._record.fall_back(self.target, slug)
