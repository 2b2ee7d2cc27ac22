"""API Gateway for tests: a REST API as its template describes it, in this process.

    api = ApiGateway(template_of(app), functions_of(app), clock=clock)
    reply = api.handle("POST", "/predict/iris", [("Authorization", f"Bearer {key}")], b"{}")

    request ─► limits ─► route ─► authorizer ─► function, or mock ─► reply
                  └────────┴──────────┴────────────┴─► gateway response

`handle` takes the path without the stage, and headers as a list, because a header may come twice.
`log` says why a request was refused, as API Gateway's execution log would, and `access_log` has a
line for each request in the format of the template. `chalice local` models none of this: it has no
limits, caches no policy, and ignores a Deny.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.api_gateway import access_log, gateway_responses, integrations
from tests.api_gateway.authorizer import Authorizer
from tests.api_gateway.definition import (
    Definition,
    function_of,
    functions_of,
    packaged_template_of,
    template_of,
)
from tests.api_gateway.integrations import Function
from tests.api_gateway.messages import Refused, Request, compressed, decompressed, is_binary
from tests.api_gateway.unverified import Unverified
from tests.support.clients import TOKEN
from tests.support.events import (
    ACCOUNT,
    API,
    CLIENT,
    HOST,
    REGION,
    pairs_of,
    proxy_event,
    values_by_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalice.app import Chalice

    from tests.api_gateway.access_log import Facts
    from tests.api_gateway.definition import Method
    from tests.api_gateway.integrations import Clock, Handler
    from tests.api_gateway.messages import Reply
    from tests.support.clients import Response
    from tests.support.events import Headers

# Headers of a request that a function does not see.
DROPPED = {
    *("connection", "content-length", "content-md5", "expect", "max-forwards"),
    *("proxy-authenticate", "server", "te", "trailer", "transfer-encoding", "upgrade"),
    *("www-authenticate", "x-forwarded-for"),
}
CAPITALISED = {"authorization", "user-agent"}


class SimulatorClient:
    """Calls the app through the simulator: `build_gateway(SimulatorClient)`.

    Without a credential the request is of a caller who may call every model.
    """

    template_of = staticmethod(template_of)

    def __init__(self, app: Chalice, clock: Clock = time.time) -> None:
        self.api = ApiGateway(self.template_of(app), functions_of(app), clock=clock)

    def send(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Response:
        pairs = pairs_of(headers)
        if not any(name.lower() == "authorization" for name, _ in pairs):
            pairs.append(("Authorization", f"Bearer {TOKEN}"))
        return self.api.handle(method, path, pairs, body).response


class PackagedClient(SimulatorClient):
    """The same, with the template of `make package`."""

    template_of = staticmethod(packaged_template_of)


class ApiGateway:
    """One stage of an API, with the policies that it has cached so far."""

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
        self.access_log: list[str] = []

    def handle(
        self,
        method: str,
        raw_path_and_query: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Reply:
        """Return the reply to a request; only `clock` decides how long that takes."""
        request = Request(method, raw_path_and_query, tuple(headers), body, self._clock())
        facts = {
            "requestId": request.id,
            "requestTimeEpoch": str(round(request.received * 1000)),
            "httpMethod": method,
            "path": f"/{self._definition.stage}{request.path}",
            "identity.sourceIp": CLIENT,
        }
        try:
            reply = self._answer(request, facts)
        except Refused as refused:
            facts["error.responseType"] = refused.response_type
            self.log.append(f"{method} {raw_path_and_query}: {refused}")
            reply = gateway_responses.reply(refused, self._definition.gateway_responses, request.id)
        if method == "HEAD":  # a body of the function's, or of a gateway response, is not sent
            reply = replace(reply, body=b"")
        self._write_line(facts, reply, request)
        return reply.and_header("x-amzn-RequestId", request.id)

    def _write_line(self, facts: Facts, reply: Reply, request: Request) -> None:
        """Write the request's line of the access log, if the stage has one."""
        text = self._definition.access_log_format
        if text is None:
            return
        facts |= {
            "status": str(reply.status),
            "responseLength": str(len(reply.body)),
            "responseLatency": str(round((self._clock() - request.received) * 1000)),
        }
        self.access_log.append(access_log.line(text, facts))

    def _answer(self, request: Request, facts: Facts) -> Reply:
        definition = self._definition
        request.check_limits()
        minimum_bytes = definition.minimum_compression_bytes
        keep_header = self._unverified.content_encoding_is_kept
        request = decompressed(request, minimum_bytes, keep_header=keep_header)
        method, path_parameters = self._route(request)
        facts["resourcePath"] = method.resource
        context = self._authorize(method, request, facts)
        reply = self._integrate(method, request, path_parameters, context, facts)
        return compressed(reply, request, minimum_bytes)

    def _route(self, request: Request) -> tuple[Method, dict[str, str]]:
        found = match(self._definition.resources, request.path)
        methods = self._definition.resources[found[0]] if found else {}
        if found is None or request.method not in methods:
            raise Refused("MISSING_AUTHENTICATION_TOKEN", "no such path or method")
        return methods[request.method], found[1]

    def _authorize(self, method: Method, request: Request, facts: Facts) -> dict[str, Any] | None:
        """Return the authorizer's context, if the method has an authorizer."""
        if method.authorizer is None:
            return None
        header = self._definition.authorizers[method.authorizer].header
        resource = f"{API}/{self._definition.stage}/{request.method}{request.path}"
        arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{resource}"
        return self._authorizers[method.authorizer].authorize(request.header(header), arn, facts)

    def _integrate(
        self,
        method: Method,
        request: Request,
        path_parameters: dict[str, str],
        context: dict[str, Any] | None,
        facts: Facts,
    ) -> Reply:
        binary_types = self._definition.binary_types
        if method.integration["type"] == "mock":
            return integrations.mock_reply(method.integration, request, binary_types)
        if self._unverified.path_parameters_are_decoded:
            path_parameters = {name: unquote(value) for name, value in path_parameters.items()}
        event = proxy_event(
            request.method,
            request.path,
            resource=method.resource,
            path_parameters=path_parameters,
            headers=_delivered_headers(request),
            query=values_by_name(request.query),
            body=request.body,
            is_binary=is_binary(request.header("Content-Type"), binary_types),
            authorizer=context,
            received=request.received,
            request_id=request.id,
            stage=self._definition.stage,
            first_header_wins=self._unverified.first_header_wins,
        )
        result = integrations.call_function(
            self._functions[function_of(method.integration["uri"])],
            event,
            timeout_ms=method.integration.get("timeoutInMillis", integrations.DEFAULT_TIMEOUT_MS),
            clock=self._clock,
            unverified=self._unverified,
            facts=facts,
        )
        return integrations.proxy_reply(
            result,
            decode=is_binary(request.header("Accept"), binary_types),
            unverified=self._unverified,
        )


def _delivered_headers(request: Request) -> list[tuple[str, str]]:
    """Return the client's headers in its own spelling, and those of API Gateway."""
    sent = [
        (name.title() if name.lower() in CAPITALISED else name, value)
        for name, value in request.headers
        if name.lower() not in DROPPED
    ]
    forwarded = [value for name, value in request.headers if name.lower() == "x-forwarded-for"]
    host = [] if request.header("Host") else [("Host", HOST)]
    return [
        *sent,
        *host,
        ("X-Amzn-Trace-Id", "Root=1-00000000-000000000000000000000000"),
        ("X-Forwarded-For", ", ".join([*forwarded, CLIENT])),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]


def match(resources: Iterable[str], path: str) -> tuple[str, dict[str, str]] | None:
    """Find the resource with the most literal segments, and its parameters, undecoded."""
    segments = _segments(path)
    found = [(resource, _fit(_segments(resource), segments)) for resource in resources]
    fitting = [(resource, parameters) for resource, parameters in found if parameters is not None]
    return min(fitting, key=lambda match: _places_of_parameters(match[0]), default=None)


def _fit(resource: list[str], segments: list[str]) -> dict[str, str] | None:
    """Return the parameters if the segments fit the resource."""
    if len(resource) != len(segments):
        return None
    pairs = list(zip(resource, segments, strict=True))
    if not all(value if _is_parameter(part) else part == value for part, value in pairs):
        return None
    return {part[1:-1]: value for part, value in pairs if _is_parameter(part)}


def _places_of_parameters(resource: str) -> list[bool]:
    """Sorts `/a/{b}` before `/{a}/b`."""
    return [_is_parameter(part) for part in _segments(resource)]


def _segments(path: str) -> list[str]:
    """Split a path; a slash at the end does not count."""
    return path.rstrip("/").split("/")[1:]


def _is_parameter(part: str) -> bool:
    return part.startswith("{") and part.endswith("}")
