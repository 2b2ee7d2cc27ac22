"""InvokeEndpoint by botocore's parts: its signer, its HTTP session, its parser for errors.

A stock client also does for each call what only other operations and other people's handlers need,
and that is a quarter of what a call costs. Here a stock client is made, shows once how it would
send a request, and everything that it has decided by then is kept: address, region and name to sign
for, credentials that refresh, proxies, CA bundle, user agent. Headers and members are named by
botocore's own model of the operation.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.handlers import add_recursion_detection_header
from botocore.parsers import create_parser

from chalicelib.aws.connections import http_session
from chalicelib.aws.trust import read_certificates
from chalicelib.errors import UpstreamInvalidResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATION = "InvokeEndpoint"
MAX_ERROR_BYTES = 1_000_000
SAMPLE = "sample"


class InvokeEndpoint:
    """What a client's `invoke_endpoint` does, for a quarter less."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._operation = client.meta.service_model.operation_model(OPERATION)
        session = http_session(client)
        self._send = session.send
        self._signing, sample = _shown_by(client)
        self._base, _, _ = sample.url.rpartition(f"/{SAMPLE}/")
        read_certificates(session, sample.url)
        self._user_agent = sample.headers["User-Agent"]
        self._header_of = _headers(self._operation.input_shape)
        self._member_of = {
            header.lower(): member
            for member, header in _headers(self._operation.output_shape).items()
        }

    def invoke_endpoint(self, *, EndpointName: str, Body: bytes, **members: str) -> dict[str, Any]:
        """As boto3's: the answer with its `Body` still to be read, or a ClientError."""
        headers = {self._header_of[member]: said for member, said in members.items()}
        headers["User-Agent"] = self._user_agent
        add_recursion_detection_header({"headers": headers})
        url = f"{self._base}/{EndpointName}/invocations"
        request = AWSRequest(method="POST", url=url, headers=headers, data=Body)
        self._signing.auth().add_auth(request)
        # Not by `request.prepare()`, which would work out again what is known here.
        signed = dict(request.headers.items())
        # After signing, as botocore does it.
        signed["amz-sdk-invocation-id"] = str(uuid.uuid4())
        signed["amz-sdk-request"] = "attempt=1; max=1"
        response = self._send(AWSPreparedRequest("POST", url, signed, Body, stream_output=True))
        if response.status_code >= 300:
            raise self._error(response)
        return self._answer(response)

    def _answer(self, response: AWSResponse) -> dict[str, Any]:
        headers = {name.lower(): said for name, said in response.headers.items()}
        answer: dict[str, Any] = {
            self._member_of[name]: said for name, said in headers.items() if name in self._member_of
        }
        answer["Body"] = response.raw
        answer["ResponseMetadata"] = {
            "HTTPStatusCode": response.status_code,
            "HTTPHeaders": headers,
        }
        return answer

    def _error(self, response: AWSResponse) -> Exception:
        """The same exception as the client's, with the members of its shape."""
        with response.raw as raw:
            body = raw.read(MAX_ERROR_BYTES)
        said = {"headers": response.headers, "status_code": response.status_code, "body": body}
        model = self._operation.service_model
        parser = create_parser(model.resolved_protocol)
        try:
            parsed = parser.parse(said, self._operation.output_shape)
            code = parsed.get("Error", {}).get("Code")
            shape = code and model.shape_for_error_code(code)
            if shape:
                parsed.update(parser.parse(said, shape))
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            # It takes it for granted that an error's JSON is an object of texts.
            raise UpstreamInvalidResponse from error
        known: Exception = self._client.exceptions.from_code(code)(parsed, OPERATION)
        return known


class _Signing(NamedTuple):
    """How the client signs; `signer` has its credentials, and refreshes them."""

    signer: Any
    name: str
    region: str
    version: str

    def auth(self) -> Any:
        return self.signer.get_auth_instance(self.name, self.region, self.version)


def _headers(shape: Any) -> Mapping[str, str]:
    """The header of each member that has one."""
    return {
        name: member.serialization["name"]
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header"
    }


def _shown_by(client: Any) -> tuple[_Signing, Any]:
    """What it would sign and send, by its own events; nothing is sent."""
    shown: dict[str, Any] = {}

    def signing(request: Any, **said: Any) -> None:
        chosen = request.context.get("signing", {})
        shown["signing"] = _Signing(
            said["request_signer"],
            chosen.get("signing_name", said["signing_name"]),
            chosen.get("region", said["region_name"]),
            said["signature_version"],
        )

    def sending(request: Any, **_: Any) -> AWSResponse:
        shown["request"] = request
        return AWSResponse(request.url, 200, {}, None)

    events = client.meta.events
    handlers = {f"before-sign.*.{OPERATION}": signing, f"before-send.*.{OPERATION}": sending}
    for event, handler in handlers.items():
        events.register(event, handler)
    try:
        client.invoke_endpoint(EndpointName=SAMPLE, Body=b"")
    finally:
        for event, handler in handlers.items():
            events.unregister(event, handler)
    return shown["signing"], shown["request"]
