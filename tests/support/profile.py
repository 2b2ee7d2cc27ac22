"""How long tests may take: `make test-long` counts in full what `make test` counts in part."""

import os

LONG = os.environ.get("TEST_PROFILE") == "long"
