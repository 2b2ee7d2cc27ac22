"""`chalice local`, as a child process that ends with its parent and answers without delay."""

from __future__ import annotations

import sys

from chalice.cli import main as chalice
from chalice.local import ChaliceRequestHandler

from sagemaker_local.modelserver import lifetime

if __name__ == "__main__":
    lifetime.end_with_parent()
    # Chalice writes an answer in small pieces, and each would wait 40 ms for the last one's ACK.
    ChaliceRequestHandler.disable_nagle_algorithm = True
    sys.argv[:1] = ["chalice", "local", "--stage", "local", "--no-autoreload"]
    sys.exit(chalice())
