"""The gateway's one errand, from a path to a prediction."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chalicelib.errors import UnknownModel
from chalicelib.payload.admission import admit, requested_timeout_seconds

if TYPE_CHECKING:
    from chalicelib.auth.principal import Principal
    from chalicelib.aws.deadline import Deadline
    from chalicelib.payload.messages import Call, InferenceResponse
    from chalicelib.routing.sources import RoutingSource
    from chalicelib.routing.table import Model, Resolved, RoutingTable
    from chalicelib.sagemaker.runtime import SageMakerRuntime
    from chalicelib.telemetry.record import RequestRecord

ANSWER_SECONDS = 0.1


class Gateway:
    """Finds models in a routing table and has SageMaker run them, for those who may."""

    def __init__(self, source: RoutingSource, runtime: SageMakerRuntime) -> None:
        self._source = source
        self._runtime = runtime

    def table(self) -> RoutingTable:
        """The table as of now. When there is none: RoutingUnavailable."""
        return self._source.table()

    def resolve(self, principal: Principal, path: str, record: RequestRecord) -> Resolved:
        """The model that a path means to this principal.

        Grant and target come from one snapshot of the table. When there is no such model, or no
        grant: UnknownModel, the same for both. When a parameter is wrong: InvalidParameter.
        """
        table = self.table()
        record.table = table.digest
        found = table.find(path)
        if not principal.may_call(path):
            raise UnknownModel(path)
        record.model, record.kind = found.model.name, found.model.target.kind
        resolved = found.resolve()
        record.aim(resolved.target)
        return resolved

    def predict(
        self,
        principal: Principal,
        path: str,
        call: Call,
        *,
        platform: Deadline,
        record: RequestRecord,
    ) -> tuple[Model, InferenceResponse]:
        """The model and its answer. When there is none: the GatewayError that says why.

        `platform` is when API Gateway and Lambda must have it.
        """
        begun = time.monotonic()
        resolved = self.resolve(principal, path, record)
        request = admit(call, resolved.model)
        seconds = resolved.model.timeout_seconds
        if patience_seconds := requested_timeout_seconds(call):
            seconds = min(seconds, patience_seconds)
        # By then the caller has an answer, so a call ends a little earlier.
        deadline = platform.within(seconds - min(ANSWER_SECONDS, seconds / 10), since=begun)
        return resolved.model, self._runtime.invoke(resolved, request, deadline, record)
