"""`GET /openapi.json`: the document of what one caller may call."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.api import catalog, wire
from chalicelib.api.openapi.document import PATH, document
from chalicelib.errors import InvalidParameter
from chalicelib.sagemaker.answers import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from chalice.app import Response

    from chalicelib.api.wire import RequestContext
    from chalicelib.auth.principal import Principal
    from chalicelib.gateway import Gateway

MOST_MODELS = MAX_RESPONSE_BYTES // 1000
"""No response can carry the document of more models: each of them takes more than 1,000 bytes."""

SMALLER = (
    f"a smaller number, because the document is larger than the {MAX_RESPONSE_BYTES:,} bytes of a "
    f"response: ask for parts, such as {PATH}?limit=500; the x-next of a part, sent as after, "
    "leads to the next part"
)


def describe_api(
    gateway: Gateway, context: RequestContext, principal: Principal, *, has_jobs: bool
) -> Response:
    """Describe the API of the models that the caller may call, or of a part of them.

    The server is the stage, or the base path of a domain, below which the document was asked for.

    Raises:
        InvalidParameter: The limit breaks its rule, or Lambda cannot carry the document.
    """
    limit = catalog.limit_of(context.query)
    table = gateway.table()
    context.record.table = table.digest
    granted = principal.granted_models()
    rows = catalog.rows(table, granted, context.query)
    models = filter(None, map(granted.narrowed, rows))
    described = list(islice(models, limit or MOST_MODELS))
    server = context.path.rstrip("/").removesuffix(PATH)
    content = document(described, table.digest, server or None, has_jobs=has_jobs)
    if next(models, None) is not None:
        content["x-next"] = described[-1].name
    response = wire.document(content)
    if len(response.body) > MAX_RESPONSE_BYTES:
        raise InvalidParameter("limit", context.query.get("limit", "none"), SMALLER)
    return response
