"""The gateway's errand as far as SageMaker's door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.aws.deadline import Deadline
from chalicelib.gateway import Gateway
from chalicelib.payload.admission import ClientRequest
from chalicelib.routing.headers import TIMEOUT
from chalicelib.sagemaker.runtime import InferenceResponse
from chalicelib.telemetry.log import RequestRecord

if TYPE_CHECKING:
    from chalicelib.auth.principal import Principal
    from chalicelib.payload.admission import InferenceRequest
    from chalicelib.routing.table import Model, ResolvedModel, RoutingTable

BODY = b"{}"
"""Strict JSON; what callers send is theirs."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a caller would send."""

    path: str
    accept: str | None
    content_type: str | None
    timeout_ms: str | None

    def call(self, model: Model) -> ClientRequest:
        """As the gateway gets it; a type that nobody asks about is one that the model takes."""
        headers = {
            "accept": self.accept,
            "content-type": self.content_type or model.content_types[0],
            TIMEOUT.lower(): self.timeout_ms,
        }
        said = {name: value for name, value in headers.items() if value is not None}
        return ClientRequest(said, BODY, len(BODY))


@dataclass(frozen=True, slots=True)
class Errand:
    """What SageMaker would be asked for, and how long that may take."""

    resolved: ResolvedModel
    request: InferenceRequest
    seconds: float

    @property
    def arguments(self) -> dict[str, object]:
        """InvokeEndpoint's, without the body."""
        args = {**self.resolved.target.invoke_args(), **self.request.invoke_args()}
        return {name: value for name, value in args.items() if name != "Body"}


def run(
    table: RoutingTable,
    principal: Principal,
    path: str,
    call: ClientRequest,
    platform_seconds: float,
) -> Errand:
    """What it comes to. When the gateway refuses: the GatewayError that says why."""
    witness = _Witness()
    Gateway(_Fixed(table), witness).predict(
        principal,
        path,
        call,
        platform=Deadline.soonest([platform_seconds]),
        record=RequestRecord("explain"),
    )
    return witness.seen[0]


class _Witness:
    """In SageMaker's place: it sees what it is asked, and calls nothing."""

    def __init__(self) -> None:
        self.seen: list[Errand] = []

    def invoke(
        self,
        resolved: ResolvedModel,
        request: InferenceRequest,
        deadline: Deadline,
        record: RequestRecord,
    ) -> InferenceResponse:
        # The deadline has begun by a little.
        self.seen.append(Errand(resolved, request, round(deadline.remaining_seconds, 2)))
        return InferenceResponse(b"", request.content_type)


class _Fixed:
    def __init__(self, table: RoutingTable) -> None:
        self._table = table

    def table(self) -> RoutingTable:
        return self._table
