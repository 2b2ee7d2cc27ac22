"""The client that calls InvokeEndpoint with botocore's own signer, HTTP session and error parser.

A stock client does more for each call than InvokeEndpoint needs, and that is a quarter of what a
call costs (docs/decisions/0013). Here a stock client is created and prepares one sample request,
which is captured and not sent. What the client has decided is used for every call: address, region
and name to sign for, credentials that refresh, proxies, CA bundle, user agent. The names of headers
and members come from botocore's model of the operation.
"""

from __future__ import annotations

import functools
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.handlers import add_recursion_detection_header
from botocore.parsers import create_parser

from chalicelib.aws import clients
from chalicelib.aws.connections import http_session
from chalicelib.aws.trust import preload_certificates
from chalicelib.errors import UpstreamInvalidResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATION = "InvokeEndpoint"
MAX_ERROR_BYTES = 1_000_000
SAMPLE = "sample"


def sagemaker_client(*, role_arn: str | None = None, **settings: str) -> InvokeEndpoint:
    """Create the client. It tries once, because the gateway decides about retries.

    boto3's own retries run the model again after a read timeout, and their default changed between
    1.43 and 1.44.

    Args:
        role_arn: The role that makes the calls; None for the gateway's own. STS is asked for it at
            once, within the deadline in force.
        **settings: botocore's settings (region, credentials, endpoint URL), for callers that do not
            have them in the environment.
    """
    if role_arn is None:
        return InvokeEndpoint(clients.client("sagemaker-runtime", **settings))
    from chalicelib.sagemaker.roles import credentials_of  # noqa: PLC0415  (few tables need it)

    own = {name: settings.pop(name) for name in list(settings) if name.startswith("aws_")}
    credentials = credentials_of(role_arn, settings.get("region_name"), **own)
    return InvokeEndpoint(clients.client("sagemaker-runtime", credentials, **settings))


class InvokeEndpoint:
    """The method `invoke_endpoint` of a botocore client, at three quarters of its cost."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._operation = client.meta.service_model.operation_model(OPERATION)
        session = http_session(client)
        self._send = session.send
        self._signing, sample = _capture_signed_request(client)
        self._base, _, _ = sample.url.rpartition(f"/{SAMPLE}/")
        preload_certificates(session, sample.url)
        self._user_agent = sample.headers["User-Agent"]
        self._header_of = _headers(self._operation.input_shape)
        self._member_of = {
            header.lower(): member
            for member, header in _headers(self._operation.output_shape).items()
        }

    def invoke_endpoint(self, *, EndpointName: str, Body: bytes, **members: str) -> dict[str, Any]:
        """Call an endpoint, as boto3's method of this name does.

        Returns:
            The members of boto3's response. Nothing of `Body` has been read yet.

        Raises:
            ClientError: SageMaker answered with an error.
        """
        headers = {self._header_of[member]: value for member, value in members.items()}
        headers["User-Agent"] = self._user_agent
        add_recursion_detection_header({"headers": headers})
        url = f"{self._base}/{EndpointName}/invocations"
        request = AWSRequest(method="POST", url=url, headers=headers, data=Body)
        self._signing.sign(request)
        # Not by `request.prepare()`, which would compute the URL and the headers again; nor by
        # `items()`, which looks in each value for what only the headers of a mail hold.
        signed: dict[str, Any] = dict(request.headers.raw_items())
        # As in botocore, these two are added after signing.
        signed["amz-sdk-invocation-id"] = str(uuid.uuid4())
        signed["amz-sdk-request"] = "attempt=1; max=1"
        response = self._send(AWSPreparedRequest("POST", url, signed, Body, stream_output=True))
        if response.status_code >= 300:
            raise self._error(response)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return {
            **{self._member_of[name]: headers[name] for name in headers if name in self._member_of},
            "Body": response.raw,
            "ResponseMetadata": {
                "HTTPStatusCode": response.status_code,
                "HTTPHeaders": headers,
            },
        }

    def invoke_endpoint_async(self, **members: Any) -> dict[str, Any]:
        """Hand a request to an asynchronous endpoint, by botocore's own method.

        Raises:
            ClientError: SageMaker answered with an error.
        """
        answer: dict[str, Any] = self._client.invoke_endpoint_async(**members)
        return answer

    def _error(self, response: AWSResponse) -> Exception:
        """Return the exception that botocore would raise, with the members of its shape."""
        with response.raw as raw:
            body = raw.read(MAX_ERROR_BYTES)
        parts = {"headers": response.headers, "status_code": response.status_code, "body": body}
        model = self._operation.service_model
        parser = create_parser(model.resolved_protocol)
        try:
            parsed = parser.parse(parts, self._operation.output_shape)
            code = parsed.get("Error", {}).get("Code")
            shape = code and model.shape_for_error_code(code)
            if shape:
                parsed.update(parser.parse(parts, shape))
            known: Exception = self._client.exceptions.from_code(code)(parsed, OPERATION)
        except Exception as error:
            # The parser expects that the JSON of an error is an object of texts and of numbers that
            # Python can hold. Whatever it raises is a fault of the response.
            raise UpstreamInvalidResponse from error
        return known


class _Signing(NamedTuple):
    """How the client signs; `signer` holds its credentials and refreshes them."""

    signer: Any
    name: str
    region: str
    version: str

    def sign(self, request: AWSRequest) -> None:
        """Add the headers of the signature."""
        auth = self.signer.get_auth_instance(self.name, self.region, self.version)
        # botocore makes the list of headers twice for each signature.
        auth.headers_to_sign = functools.cache(auth.headers_to_sign)
        try:
            auth.add_auth(request)
        finally:
            del auth.headers_to_sign  # it refers to `auth`, and would keep the request in memory


def _headers(shape: Any) -> Mapping[str, str]:
    """Return the header of each member that travels in one."""
    return {
        name: member.serialization["name"]
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header"
    }


def _capture_signed_request(client: Any) -> tuple[_Signing, Any]:
    """Capture how a client signs and sends a request, through its own events; nothing is sent."""
    captured: dict[str, Any] = {}

    def before_sign(request: Any, **values: Any) -> None:
        chosen = request.context.get("signing", {})
        captured["signing"] = _Signing(
            values["request_signer"],
            chosen.get("signing_name", values["signing_name"]),
            chosen.get("region", values["region_name"]),
            values["signature_version"],
        )

    def before_send(request: Any, **_: Any) -> AWSResponse:
        captured["request"] = request
        return AWSResponse(request.url, 200, {}, None)

    events = client.meta.events
    handlers = {
        f"before-sign.*.{OPERATION}": before_sign,
        f"before-send.*.{OPERATION}": before_send,
    }
    for event, handler in handlers.items():
        events.register(event, handler)
    try:
        client.invoke_endpoint(EndpointName=SAMPLE, Body=b"")
    finally:
        for event, handler in handlers.items():
            events.unregister(event, handler)
    return captured["signing"], captured["request"]
