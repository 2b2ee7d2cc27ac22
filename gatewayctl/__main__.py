"""`python -m gatewayctl`."""

import os
import sys
from pathlib import Path

from gatewayctl.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, Path.cwd(), sys.stdout, sys.stderr))
