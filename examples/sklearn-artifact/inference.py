"""What AWS's scikit-learn container runs, to read and answer what `local/sklearn` does."""

import io
import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np


def model_fn(folder: str) -> Any:
    """Load the model of an unpacked artifact."""
    return joblib.load(Path(folder) / "model.joblib")


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Read the rows of a request."""
    text = body.decode() if isinstance(body, bytes) else body
    if content_type == "text/csv":
        return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)
    return np.asarray(json.loads(text)["instances"])


def output_fn(predictions: Any, accept: str) -> tuple[str, str]:
    """Write the response, and say its Content-Type."""
    if accept == "text/csv":
        return "".join(f"{one}\n" for one in predictions), accept
    return json.dumps({"predictions": predictions.tolist()}), "application/json"
