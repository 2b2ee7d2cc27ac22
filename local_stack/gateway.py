"""Runs `chalice local` as a child process that ends with its parent.

The gateway answers web pages, which is what CORS is for, but only at a loopback address: a page
whose host name leads to this machine (DNS rebinding) would need no CORS.
"""

from __future__ import annotations

import json
import sys

from chalice.cli import main as chalice
from chalice.local import ChaliceRequestHandler

from sagemaker_local import loopback
from sagemaker_local.modelserver import lifetime

PROBLEM_TYPE = "application/problem+json"

_parse_request = ChaliceRequestHandler.parse_request


def parse_request(handler: ChaliceRequestHandler) -> bool:
    """Parse the request line and the headers, and refuse a request that is not for loopback.

    Returns:
        Whether the request is to be handled; otherwise it has been answered.
    """
    if not _parse_request(handler):
        return False
    target = handler.requestline.split()[1]
    reason = loopback.why_not_loopback(target, lambda name: handler.headers.get_all(name, []))
    if reason is None:
        return True
    problem = {"title": "Forbidden", "status": 403, "detail": reason, "retryable": False}
    body = json.dumps(problem).encode()
    handler.close_connection = True
    handler.send_response(403)
    handler.send_header("Content-Type", PROBLEM_TYPE)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)
    return False


if __name__ == "__main__":
    lifetime.end_with_parent()
    # Chalice takes no request handler of ours.
    ChaliceRequestHandler.parse_request = parse_request
    # Chalice writes a response in small pieces. With Nagle's algorithm each piece would wait for
    # the acknowledgement of the piece before, which takes 40 ms.
    ChaliceRequestHandler.disable_nagle_algorithm = True
    sys.argv[:1] = ["chalice", "local", "--stage", "local", "--no-autoreload"]
    sys.exit(chalice())
