"""The first container of the pipeline: turns flowers with named measurements into rows of numbers.

What it answers is what the second container is sent. examples/container/ explains the contract.
"""

import argparse
import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")  # as the model was trained
CM = {"cm": 1.0, "mm": 0.1, "in": 2.54}


def preprocess(document: Any) -> dict[str, Any]:
    """Bring the measurements into the model's order and unit."""
    factor = CM[document.get("unit", "cm")]
    flowers = document["flowers"]
    return {"instances": [[factor * flower[name] for name in COLUMNS] for flower in flowers]}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200 if self.path == "/ping" else 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            return self.answer(200, preprocess(json.loads(body)))
        except KeyError as error:
            return self.answer(400, {"error": f"{error} is missing, or not a unit"})
        except (ValueError, TypeError, AttributeError):
            return self.answer(400, {"error": f"send flowers with {', '.join(COLUMNS)}"})

    def answer(self, status: int, document: Any = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        # The next container gets the body with this Content-Type.
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("serve", nargs="?", help="the argument with which SageMaker starts an image")
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
options = parser.parse_args()

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: sys.exit())
with ThreadingHTTPServer((options.host, options.port), Handler) as server:
    server.daemon_threads = False
    print(f"serving at http://{options.host}:{options.port}", flush=True)
    server.serve_forever()
