"""Requests for other AWS services: what moto answers, and what is refused.

moto answers an operation that it does not have with a page of HTML or with HTTP 5xx, which clients
retry. The caller gets an error of HTTP 400 instead, in the protocol of the request. Requests that
concern hosted models and endpoints do not reach moto, because moto would answer them from its own.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from aiohttp import web
from moto.core.models import DEFAULT_ACCOUNT_ID

from sagemaker_local.control_plane.references import check_references
from sagemaker_local.errors import (
    AccessDenied,
    InvalidInput,
    NotOffered,
    ServiceError,
    UnknownOperation,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_local.control_plane.resources import Resources

Protocol = Literal["json", "rest-json", "query", "ec2", "s3", "rest-xml", "cbor"]

# The scope of a signature, as it stands in a header.
_SCOPE = re.compile(r"Credential=[^/,]+/\d{8}/[a-z0-9-]+/(?P<service>[a-z0-9-]+)/aws4_request")
_NAME = re.compile(r"[A-Za-z0-9]{1,100}")
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/(?P<operation>[A-Za-z0-9]+)")
_XML_SERVICES: dict[str, Protocol] = {
    "": "s3",
    "s3": "s3",
    "cloudfront": "rest-xml",
    "route53": "rest-xml",
}
_METRICS_PATH = "/BatchPutMetrics"  # the only operation of sagemaker-metrics; moto has it

# moto keeps these in the store that also answers SageMaker's own operations on them.
_MOTO_RESOURCE_TYPES = frozenset(
    ("AWS::SageMaker::NotebookInstance", "AWS::SageMaker::NotebookInstanceLifecycleConfig")
)
_RESOURCE_TYPE = re.compile(r"""["']?Type["']?\s*:\s*["']?(AWS::SageMaker::\w+)""")
_TEMPLATE_URL = re.compile(r"""["']?TemplateURL["']?\s*:\s*["']?(https?://[^"'\s]+)""")


@dataclass(frozen=True)
class Call:
    """An AWS request, as far as its service, protocol and operation can be read from it."""

    service: str
    """The name in the signature; empty if the request is not signed."""

    protocol: Protocol
    operation: str | None
    path: str
    body: bytes

    @classmethod
    def parse(cls, request: web.Request, body: bytes) -> Call:
        signed = request.headers.get("Authorization") or (
            f"Credential={request.query.get('X-Amz-Credential', '')}"
        )
        scope = _SCOPE.search(signed)
        service = scope["service"] if scope else ""
        target = request.headers.get("X-Amz-Target")
        protocol, operation = _XML_SERVICES.get(service, "rest-json"), None
        if request.headers.get("Smithy-Protocol") == "rpc-v2-cbor":
            found = _CBOR_PATH.search(request.path)
            protocol, operation = "cbor", found["operation"] if found else None
        elif target is not None:
            protocol, operation = "json", target.rpartition(".")[2]
        elif request.content_type == "application/x-www-form-urlencoded":
            form = parse_qs(body.decode("utf-8", "replace"))
            protocol = "ec2" if service == "ec2" else "query"
            operation = form.get("Action", [None])[0]
        if operation is not None and not _NAME.fullmatch(operation):
            operation = None
        return cls(service, protocol, operation, request.path, body)

    @cached_property
    def members(self) -> dict[str, Any]:
        """The members of a JSON request, or the parameters of a form."""
        if self.protocol in ("query", "ec2"):
            form = parse_qs(self.body.decode("utf-8", "replace"))
            return {name: values[0] for name, values in form.items()}
        try:
            members = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return members if isinstance(members, dict) else {}


async def handle(
    request: web.Request,
    moto: Callable[[web.Request], Awaitable[web.Response]],
    resources: Callable[[], Resources],
) -> web.Response:
    """Return moto's answer, or an error if moto has none or must not be asked."""
    call = Call.parse(request, await request.read())
    try:
        _check(call, resources)
    except ServiceError as error:
        return _error_response(call, error)
    response = await moto(request)
    if _is_answer(call, request.method, response):
        return response
    return _error_response(call, UnknownOperation(_not_offered_text(call)))


def _check(call: Call, resources: Callable[[], Resources]) -> None:
    """Refuse a request that moto would answer from models and endpoints of its own.

    Raises:
        ServiceError: The request concerns hosted resources.
    """
    check = _CHECKS.get(call.service)
    if check is not None:
        check(call, resources)


def _check_sagemaker(call: Call, resources: Callable[[], Resources]) -> None:
    if call.protocol == "json" and call.operation:
        check_references(resources(), call.operation, call.members)
    elif call.path != _METRICS_PATH:
        raise UnknownOperation(_not_offered_text(call))


def _check_scalable_target(call: Call, resources: Callable[[], Resources]) -> None:
    """A scalable target of SageMaker has to exist; which text AWS has is UNVERIFIED."""
    if call.operation != "RegisterScalableTarget" or (
        call.members.get("ServiceNamespace") != "sagemaker"
    ):
        return
    kind, name, *rest = [*str(call.members.get("ResourceId")).split("/"), ""]
    if kind == "inference-component":
        resources().components.get(name)
    elif kind == "endpoint":
        variants = resources().endpoints.get(name).config.variants
        if rest[1:2] and rest[1] not in [variant.name for variant in variants]:
            raise InvalidInput(f"Variant {rest[1]} not found in endpoint {name}.")


def _check_template(call: Call, _: Callable[[], Resources]) -> None:
    if not (call.operation or "").startswith(("Create", "Update")):
        return
    template: str = call.members.get("TemplateBody", "")
    urls: list[str] = [call.members.get("TemplateURL", "")]
    read: set[str] = set()
    while True:
        if types := set(_RESOURCE_TYPE.findall(template)) - _MOTO_RESOURCE_TYPES:
            raise NotOffered(f"{', '.join(sorted(types))} in CloudFormation; use SageMaker's API")
        urls = [url for url in (*urls, *_TEMPLATE_URL.findall(template)) if url and url not in read]
        if not urls:
            return
        read.add(urls[0])
        template = _stored_template(urls[0])


def _stored_template(url: str) -> str:
    """Return a template in moto's S3; empty if it is not there, which moto reports itself."""
    try:
        # Not every installation of moto can import its CloudFormation.
        from moto.cloudformation.utils import get_stack_from_s3_url  # noqa: PLC0415

        return str(get_stack_from_s3_url(url, DEFAULT_ACCOUNT_ID, "aws"))
    except Exception:
        return ""


def _check_tagging(call: Call, _: Callable[[], Resources]) -> None:
    """The tagging API of moto does not know SageMaker's resources."""
    given = [call.members.get(member) for member in ("ResourceTypeFilters", "ResourceARNList")]
    named = [name for names in given if isinstance(names, list) for name in names]
    if any(re.match(r"(arn:[^:]*:)?sagemaker\b", str(name)) for name in named):
        raise NotOffered(f"{call.operation} for SageMaker; use ListTags, AddTags and DeleteTags")


def _check_simulation(call: Call, _: Callable[[], Resources]) -> None:
    """Nothing checks permissions here, so nobody can say what a policy would allow.

    The SageMaker Python SDK 3 goes on if it may not simulate, and ends if it gets another error.
    """
    if call.operation == "SimulatePrincipalPolicy":
        raise AccessDenied("The local SageMaker does not offer SimulatePrincipalPolicy.")


_CHECKS: dict[str, Callable[[Call, Callable[[], Resources]], None]] = {
    "sagemaker": _check_sagemaker,
    "application-autoscaling": _check_scalable_target,
    "cloudformation": _check_template,
    "iam": _check_simulation,
    "tagging": _check_tagging,
}


def _is_answer(call: Call, method: str, response: web.Response) -> bool:
    """Whether moto's response is one that the AWS service gives: no HTML, plain text or 501.

    S3 answers an unsigned request that moto does not know, hence XML for a JSON request.
    """
    body = response.body.lstrip() if isinstance(response.body, bytes) else b""
    if response.status < 400:
        return call.protocol != "json" or not body.startswith(b"<")
    if method == "HEAD":
        return response.status < 500
    is_page = body[:5].lower() in (b"<!doc", b"<html")
    has_shape = body.startswith((b"{", b"<")) or response.content_type == "application/cbor"
    return response.status != 501 and has_shape and not is_page


def _not_offered_text(call: Call) -> str:
    operation = call.operation or "this operation"
    service = f" of {call.service}" if call.service else ""
    return (
        f"The local SageMaker does not offer {operation}{service}:"
        " moto, which answers requests for other services, does not have it."
    )


def _error_response(call: Call, error: ServiceError) -> web.Response:
    """Render an error in the protocol of the request.

    Source of the shapes: botocore.parsers. The codes are those of AWS for an unknown operation.
    """
    code = _XML_CODES.get((error.code, call.protocol), error.code)
    text, request_id = error.message or "", str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    if call.protocol == "cbor":
        headers |= {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
        body = _cbor({"__type": code, "message": text})
    elif call.protocol in _XML_FORMS:
        headers["Content-Type"] = "text/xml"
        form = _XML_FORMS[call.protocol]
        body = form.format(code=escape(code), text=escape(text), id=request_id).encode()
    else:
        json_type = "application/x-amz-json-1.1" if call.protocol == "json" else "application/json"
        headers |= {"Content-Type": json_type, "x-amzn-ErrorType": code}
        body = json.dumps({"__type": code, "message": text}).encode()
    return web.Response(status=error.status, body=body, headers=headers)


# Codes of JSON protocols, and what they are in other protocols.
_XML_CODES = {
    (UnknownOperation.code, "query"): "InvalidAction",
    (UnknownOperation.code, "ec2"): "InvalidAction",
    (UnknownOperation.code, "s3"): "NotImplemented",
    (UnknownOperation.code, "rest-xml"): "NotImplemented",
    (InvalidInput.code, "query"): "ValidationError",
}
_ERROR_RESPONSE = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
    "<RequestId>{id}</RequestId></ErrorResponse>"
)
_XML_FORMS = {
    "query": _ERROR_RESPONSE,
    "rest-xml": _ERROR_RESPONSE,
    "ec2": (
        "<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors>"
        "<RequestID>{id}</RequestID></Response>"
    ),
    "s3": (
        "<Error><Code>{code}</Code><Message>{text}</Message><RequestId>{id}</RequestId></Error>"
    ),
}


def _cbor(members: dict[str, str]) -> bytes:
    """Encode a map of texts. Source: RFC 8949, section 3.1."""
    encoded = [bytes((0xA0 + len(members),))]
    for text in (part for member in members.items() for part in member):
        content = text.encode()
        encoded += [b"\x79", len(content).to_bytes(2, "big"), content]
    return b"".join(encoded)
