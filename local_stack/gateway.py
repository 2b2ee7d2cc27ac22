"""Runs `chalice local` as a child process that ends with its parent."""

from __future__ import annotations

import sys

from chalice.cli import main as chalice
from chalice.local import ChaliceRequestHandler

from sagemaker_local.modelserver import lifetime

if __name__ == "__main__":
    lifetime.end_with_parent()
    # Chalice writes a response in small pieces. With Nagle's algorithm each piece would wait for
    # the acknowledgement of the piece before, which takes 40 ms.
    ChaliceRequestHandler.disable_nagle_algorithm = True
    sys.argv[:1] = ["chalice", "local", "--stage", "local", "--no-autoreload"]
    sys.exit(chalice())
