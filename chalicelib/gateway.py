"""Finds the model of a path, checks the caller's grant, and returns the model's response."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chalicelib.errors import NO_SUCH_MODEL, NOT_GRANTED, UnknownModel
from chalicelib.payload.admission import MAX_BODY_BYTES, admit
from chalicelib.routing.headers import PRINCIPAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalicelib.auth.principal import Principal
    from chalicelib.aws.deadline import Deadline
    from chalicelib.payload.admission import ClientRequest, InferenceRequest
    from chalicelib.routing.sources import RoutingSource
    from chalicelib.routing.table import Match, Model, ResolvedModel, RoutingTable
    from chalicelib.sagemaker.answers import AsyncLocations, InferenceResponse
    from chalicelib.telemetry.request_record import RequestRecord

RESPONSE_SECONDS = 0.1
"""A call ends this much before the model's timeout, so that the caller has the response by then."""


class Runtime(Protocol):
    """Calls models: SageMaker, or what stands in its place."""

    def invoke(
        self,
        resolved: ResolvedModel,
        request: InferenceRequest,
        deadline: Deadline,
        record: RequestRecord,
    ) -> InferenceResponse:
        """Call the targets in their order until one answers, and return its response.

        Raises:
            GatewayError: The model gave no usable response before the deadline.
        """

    def submit(
        self,
        resolved: ResolvedModel,
        arguments: Mapping[str, object],
        deadline: Deadline,
        record: RequestRecord,
    ) -> AsyncLocations:
        """Hand a request to an asynchronous endpoint, and return where its answer will be.

        Raises:
            GatewayError: No endpoint took the request before the deadline.
        """


class Admitted(NamedTuple):
    """A request that its model takes, and the model's targets in the order of their turns."""

    resolved: ResolvedModel
    request: InferenceRequest


class Gateway:
    """Finds models in a routing table and lets SageMaker run them, for callers with a grant."""

    def __init__(self, source: RoutingSource, runtime: Runtime) -> None:
        self._source = source
        self._runtime = runtime

    def table(self) -> RoutingTable:
        """Return the table that is in use now.

        Raises:
            RoutingUnavailable: No table could be loaded.
        """
        return self._source.table()

    def stale_seconds(self) -> float | None:
        """Return the age of the table if it is stale, as `RoutingSource.stale_seconds` says."""
        return self._source.stale_seconds()

    def resolve(self, principal: Principal, path: str, record: RequestRecord) -> ResolvedModel:
        """Return the model of a path, with the targets that the path's parameters give.

        The grant is decided before the table is read, so that a caller without a grant cannot
        measure whether there is such a model. The rows that a refusal reads to say what is missing
        are only those that a grant is for. For the log, each refusal asks once whether there is
        such a row, and does not read it. Name and targets come from one snapshot of the table.

        Raises:
            UnknownModel: There is no such model, or the principal has no grant on it.
            InvalidParameter: A parameter in the path breaks its rule.
        """
        match, others, reason = self._find(principal, path, record)
        if match is None:
            raise _unknown(path, others, principal, reason)
        record.model, record.kind = match.model.name, match.model.target.kind
        record.has_model_metrics = match.model.metrics
        return match.resolve()

    def describe(self, principal: Principal, path: str, record: RequestRecord) -> Model:
        """Return the model that `GET /models/…` shows for a path.

        The first segment alone shows a model with parameters, if the caller may call no other model
        that begins so.

        Raises:
            UnknownModel: There is no such model, or the principal has no grant on it.
            InvalidParameter: A parameter in the path breaks its rule.
        """
        match, others, reason = self._find(principal, path, record)
        if match is None and ("/" in path or len(others) != 1):
            raise _unknown(path, others, principal, reason)
        model = others[0] if match is None else match.model
        record.model, record.kind = model.name, model.target.kind
        record.has_model_metrics = model.metrics
        if match is not None:
            match.resolve()
        return model

    def _find(
        self, principal: Principal, path: str, record: RequestRecord
    ) -> tuple[Match | None, list[Model], str]:
        """Look a path up.

        Returns:
            The match, if the caller may call it; otherwise the models with the same first segment
            and another number of segments that the caller may call, and for the log why there is no
            match.
        """
        table = self.table()
        record.table = table.digest
        if principal.may_call(path):
            with suppress(UnknownModel):
                return table.find(path), [], ""
        granted = principal.granted_models()
        first, *values = path.split("/")
        keys = [key for key in granted.keys_of(first) if key.count("/") != len(values)]
        models = table.models(keys=keys)
        others = [model for model in models if granted.narrowed(model) is not None]
        return None, others, NOT_GRANTED if table.has(path) else NO_SUCH_MODEL

    def admit(
        self,
        principal: Principal,
        resolved: ResolvedModel,
        request: ClientRequest,
        record: RequestRecord,
        *,
        max_body_bytes: int | None = MAX_BODY_BYTES,
    ) -> Admitted:
        """Check what the caller sent, and decide which target is called first.

        Args:
            principal: Who is calling.
            resolved: The model, as `resolve` found it.
            request: What the caller sent.
            record: Collects the values of this request's log line.
            max_body_bytes: The largest body; None if it is in S3 and is not checked.

        Raises:
            GatewayError: The model does not accept the request.
        """
        admitted = admit(request, resolved.model, max_body_bytes=max_body_bytes)
        by_name = resolved.model.sticky == PRINCIPAL
        ordered = resolved.ordered(principal.name if by_name else admitted.routing_key)
        is_sticky = resolved.model.sticky is not None
        record.choose(ordered.targets[0], ordered.chosen, is_sticky=is_sticky)
        return Admitted(ordered, admitted)

    def predict(
        self,
        principal: Principal,
        resolved: ResolvedModel,
        request: ClientRequest,
        *,
        platform: Deadline,
        record: RequestRecord,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> InferenceResponse:
        """Return the model's response.

        Args:
            principal: Who is calling.
            resolved: The model, as `resolve` found it.
            request: What the caller sent.
            platform: When API Gateway and Lambda must have the response.
            record: Collects the values of this request's log line.
            max_body_bytes: The largest body.

        Raises:
            GatewayError: There is no response; the error says why.
        """
        started = time.monotonic()
        ordered, admitted = self.admit(
            principal, resolved, request, record, max_body_bytes=max_body_bytes
        )
        limit = resolved.model.timeout_seconds
        seconds = min(limit, admitted.timeout_seconds or limit)
        deadline = platform.within(seconds - min(RESPONSE_SECONDS, seconds / 10), since=started)
        return self._runtime.invoke(ordered, admitted, deadline, record)

    def submit(
        self,
        resolved: ResolvedModel,
        arguments: Mapping[str, object],
        deadline: Deadline,
        record: RequestRecord,
    ) -> AsyncLocations:
        """Hand an admitted request to an asynchronous endpoint.

        Args:
            resolved: The model with its targets in the order of their turns.
            arguments: Those of InvokeEndpointAsync, except the endpoint's name.
            deadline: When SageMaker must have taken it.
            record: Collects the values of this request's log line.

        Raises:
            GatewayError: SageMaker did not take it; the error says why.
        """
        return self._runtime.submit(resolved, arguments, deadline, record)


def _unknown(path: str, others: Iterable[Model], principal: Principal, reason: str) -> UnknownModel:
    """Say what the path lacks, or has too much, to be one of the other models."""
    granted, given = principal.granted_models(), path.count("/")
    forms = []
    for model in others:
        missing = [f"{{{one.name}}}" for one in model.parameters[given:]]
        lack = f"needs a value for {' and '.join(missing)}" if missing else "has fewer segments"
        example = granted.example_path(model) or model.name
        forms.append(f"{model.name} {lack}: POST /predict/{example}")
    return UnknownModel(path, forms, reason)
