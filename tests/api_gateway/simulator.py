"""API Gateway for tests: a REST API as its template describes it, in this process.

    app = create_app(settings, …)
    clock = Clock()
    api = ApiGateway(template_of(app), functions_of(app), clock=clock)

    reply = api.handle("POST", "/predict/iris", [("Authorization", f"Bearer {key}")], b"{}")
    assert reply.status == 200

    clock.passes(61)  # the authorizer's answer is no longer kept

`template` is what `chalice package` writes to build/sam.json, `functions` has what Lambda would
call for each function in it. `handle` takes the path without the stage, and every header of a list,
so that a header may come twice. `log` says why a request was refused, as API Gateway's own
execution log would; it is the first thing to look at when a status surprises.

    request ─► limits ─► route ─► authorizer ─► function, or mock ─► reply
                  └────────┴──────────┴────────────┴─► gateway response

`chalice local` is no judge of any of this: it has no limits, keeps no policy, and knows no Deny.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.api_gateway import gateway_responses, mock, proxy, routes
from tests.api_gateway.authorizer import Authorizer
from tests.api_gateway.compression import compressed, decompressed
from tests.api_gateway.definition import Definition, function_of
from tests.api_gateway.event import method_arn, proxy_event
from tests.api_gateway.functions import Function
from tests.api_gateway.gateway_responses import Refused
from tests.api_gateway.media_types import is_binary
from tests.api_gateway.request import Request
from tests.api_gateway.unverified import Unverified

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.api_gateway.definition import Method
    from tests.api_gateway.functions import Clock, Handler
    from tests.api_gateway.reply import Reply


class ApiGateway:
    """One stage of one API, with the policies that it has been told so far."""

    def __init__(
        self,
        template: dict[str, Any],
        functions: Mapping[str, Handler],
        *,
        clock: Clock = time.time,
        unverified: Unverified | None = None,
    ) -> None:
        self._definition = Definition.of(template)
        self._functions = {
            name: Function(name, functions[name], seconds, clock)
            for name, seconds in self._definition.function_seconds.items()
        }
        self._clock = clock
        self._unverified = unverified or Unverified()
        self._authorizers = {
            name: Authorizer(
                self._functions[authorizer.function],
                ttl_seconds=authorizer.ttl_seconds,
                clock=clock,
                unverified=self._unverified,
            )
            for name, authorizer in self._definition.authorizers.items()
        }
        self.log: list[str] = []

    def handle(
        self,
        method: str,
        raw_path_and_query: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Reply:
        """What a client gets for a request. How long that takes, `clock` alone says."""
        request = Request(method, raw_path_and_query, tuple(headers), body, self._clock())
        try:
            reply = self._answer(request)
        except Refused as refused:
            self.log.append(f"{method} {raw_path_and_query}: {refused}")
            reply = gateway_responses.reply(refused, self._definition.gateway_responses, request.id)
        return reply.and_header("x-amzn-RequestId", request.id)

    def _answer(self, request: Request) -> Reply:
        definition = self._definition
        request.check_limits()
        minimum_bytes = definition.minimum_compression_bytes
        keep_header = self._unverified.content_encoding_is_kept
        request = decompressed(request, minimum_bytes, keep_header=keep_header)
        method, path_parameters = self._route(request)
        context = self._authorize(method, request)
        reply = self._integrate(method, request, path_parameters, context)
        return compressed(reply, request, minimum_bytes)

    def _route(self, request: Request) -> tuple[Method, dict[str, str]]:
        found = routes.match(self._definition.resources, request.path)
        methods = self._definition.resources[found[0]] if found else {}
        if found is None or request.method not in methods:
            raise Refused("MISSING_AUTHENTICATION_TOKEN", "no such path or method")
        return methods[request.method], found[1]

    def _authorize(self, method: Method, request: Request) -> dict[str, Any] | None:
        """What the authorizer says about the caller, where the method has one."""
        if method.authorizer is None:
            return None
        header = self._definition.authorizers[method.authorizer].header
        arn = method_arn(request, self._definition.stage)
        return self._authorizers[method.authorizer].authorize(request.header(header), arn)

    def _integrate(
        self,
        method: Method,
        request: Request,
        path_parameters: dict[str, str],
        context: dict[str, Any] | None,
    ) -> Reply:
        binary_types = self._definition.binary_types
        if method.integration["type"] == "mock":
            return mock.reply(method.integration, request, binary_types)
        event = proxy_event(
            request,
            stage=self._definition.stage,
            resource=method.resource,
            path_parameters=path_parameters,
            authorizer=context,
            binary_types=binary_types,
            unverified=self._unverified,
        )
        result = proxy.call(
            self._functions[function_of(method.integration["uri"])],
            event,
            timeout_ms=method.integration.get("timeoutInMillis", proxy.DEFAULT_TIMEOUT_MS),
            clock=self._clock,
            unverified=self._unverified,
        )
        return proxy.reply(
            result,
            decode=is_binary(request.header("Accept"), binary_types),
            unverified=self._unverified,
        )
