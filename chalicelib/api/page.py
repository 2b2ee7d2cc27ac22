"""The page for browsers: its HTML, and the scripts and styles that the HTML names.

The page is static, and calls the gateway as any other client does. Its files are in
chalicelib/page, and are read when one of them is first requested.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from chalice.app import Response

from chalicelib.errors import NoSuchPath, quoted

if TYPE_CHECKING:
    from chalicelib.api.wire import RequestContext

FOLDER = Path(__file__).parents[1] / "page"
HTML = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
CONNECT_SRC = "connect-src 'self'"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", CONNECT_SRC),
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
    tag: str
    """The digest of what is sent in quotes, for ETag."""


def show(context: RequestContext, bucket_url: str | None = None) -> Response:
    """Send the page's HTML; with the URL of the bucket of jobs, the page may call it.

    The addresses in it are relative, so the page's own has to end with a slash. API Gateway also
    answers at the address of a stage without one, and keeps the path as it was sent.
    """
    if context.path and not context.path.endswith("/") and REDIRECTED not in context.query:
        stage = quote(context.path.rpartition("/")[2])  # else a colon would make it another address
        return Response(b"", {"Location": f"{stage}/?{REDIRECTED}="}, 302)
    html, policy = _files()[HTML], CONTENT_SECURITY_POLICY
    if bucket_url is not None:
        policy = policy.replace(CONNECT_SRC, f"{CONNECT_SRC} {bucket_url}")
        # After a 304 a browser keeps the policy that it knows.
        html = html._replace(tag=_tag(html.content + policy.encode()))
    return _response(context, html, policy)


def send_file(context: RequestContext, name: str) -> Response:
    """Send another file of the page.

    Raises:
        NoSuchPath: The page has no such file.
    """
    file = _files().get(name)
    if file is None or name == HTML:  # the relative addresses in the HTML do not fit this path
        raise NoSuchPath(f"the page has no file {quoted(name)}")
    return _response(context, file)


def _response(
    context: RequestContext, file: File, policy: str = CONTENT_SECURITY_POLICY
) -> Response:
    headers: dict[str, str | list[str]] = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
        "ETag": f"W/{file.tag}",  # weak, because API Gateway compresses the content
    }
    known = context.request.headers.get("if-none-match", "")
    if known.strip() == "*" or file.tag in known:
        return Response(b"", headers, 304)
    return Response(file.content, {**headers, "Content-Type": file.media_type})


@cache
def _files() -> dict[str, File]:
    """Read every file of the page."""
    return {path.name: _file(path) for path in FOLDER.iterdir() if path.suffix in MEDIA_TYPES}


def _file(path: Path) -> File:
    content = path.read_bytes()
    return File(content, MEDIA_TYPES[path.suffix], _tag(content))


def _tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'
