"""Public collections of difficult inputs, which lie beside the repository where there are some."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def vectors(name: str) -> Any:
    """The JSON of a collection. Where it is absent the test is skipped, but never in CI."""
    file = FOLDER / name
    if file.exists():
        return json.loads(file.read_text())
    if os.environ.get("CI"):
        pytest.fail(f"{file} is absent, and CI is set")
    # Who has the repository alone can still run the rest; the summary names what was not tried.
    return pytest.skip(f"{file} is absent: {name} is not tested")
