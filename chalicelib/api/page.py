"""The page for browsers: `GET /` sends its HTML, and `GET /page/{file}` its other files.

The page is static, and calls the gateway as any other client does. The files in chalicelib/page are
read when they are first requested.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chalice.app import Response

from chalicelib.errors import NoSuchPath, quoted

if TYPE_CHECKING:
    from chalicelib.api.wire import RequestContext

FOLDER = Path(__file__).parents[1] / "page"
START = "index.html"
FILE = "file"
"""The parameter in the path that names a file of the page."""

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
CONTENT_SECURITY_POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"),
        *("img-src 'self' data: blob:", "base-uri 'none'", "form-action 'none'"),
        "frame-ancestors 'none'",
    )
)
REDIRECTED = "redirected"
"""A member of the query: the browser was redirected already, and must not be again."""


class File(NamedTuple):
    """A file of the page, as it is sent."""

    content: bytes
    media_type: str
    etag: str
    """Weak, because API Gateway compresses the content."""


def show(context: RequestContext) -> Response:
    """Send the page's HTML.

    The addresses in it are relative, so the page's own has to end with a slash. API Gateway also
    answers at the address of a stage without one, and keeps the path as it was sent.
    """
    if context.path and not context.path.endswith("/") and REDIRECTED not in context.query:
        last = context.path.rpartition("/")[2]
        return Response(b"", {"Location": f"{last}/?{REDIRECTED}="}, 302)
    return _response(context, START)


def send_file(context: RequestContext) -> Response:
    """Send another file of the page.

    Raises:
        NoSuchPath: The page has no such file.
    """
    return _response(context, context.path_parameters[FILE])


def _response(context: RequestContext, name: str) -> Response:
    file = _files().get(name)
    if file is None:
        raise NoSuchPath(f"the page has no file {quoted(name)}")
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
        "ETag": file.etag,
    }
    if file.etag in context.request.headers.get("if-none-match", ""):
        return Response(b"", {**headers}, 304)
    return Response(file.content, {**headers, "Content-Type": file.media_type})


@cache
def _files() -> dict[str, File]:
    """Read every file of the page."""
    return {path.name: _file(path) for path in FOLDER.iterdir() if path.suffix in MEDIA_TYPES}


def _file(path: Path) -> File:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return File(content, MEDIA_TYPES[path.suffix], f'W/"{digest[:32]}"')
