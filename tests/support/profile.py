"""Whether tests run with their full counts, as `make test-long` does."""

import os

LONG = os.environ.get("TEST_PROFILE") == "long"
