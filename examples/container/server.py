"""A container for SageMaker, in the standard library: how friendly is a text?

SageMaker asks a container for two things: GET /ping, and POST /invocations.
"""

import argparse
import json
import os
import re
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FRIENDLY = {"excellent", "glad", "good", "great", "happy", "like", "love", "thanks"}
UNFRIENDLY = {"angry", "awful", "bad", "broken", "hate", "late", "slow", "terrible"}


def predict(document: Any) -> dict[str, Any]:
    """Return a number for each text, above 0 if it is friendly. Your own model goes here."""
    texts = [set(re.findall(r"\w+", text.lower())) for text in document["instances"]]
    return {"predictions": [len(words & FRIENDLY) - len(words & UNFRIENDLY) for words in texts]}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        # SageMaker waits 2 seconds for the answer to /ping, so no prediction belongs here.
        self.answer(200 if self.path == "/ping" else 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/invocations":
            return self.answer(404)
        try:
            return self.answer(200, predict(json.loads(body)))
        except (ValueError, LookupError, TypeError, AttributeError):
            return self.answer(400, {"error": 'send {"instances": ["a text", "another text"]}'})

    def answer(self, status: int, document: Any = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("serve", nargs="?", help="the argument with which SageMaker starts an image")
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
options = parser.parse_args()

# SageMaker sends SIGTERM, and kills the container 30 seconds later: running requests are finished.
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: sys.exit())
with ThreadingHTTPServer((options.host, options.port), Handler) as server:
    server.daemon_threads = False
    print(f"serving at http://{options.host}:{options.port}", flush=True)
    server.serve_forever()
