"""examples/sklearn-artifact/inference.py, which AWS's scikit-learn container runs."""

import runpy
import subprocess
import sys
import tarfile

import pytest

from tests.support.paths import ROOT

EXAMPLE = ROOT / "examples/sklearn-artifact"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    """The unpacked artifact."""
    folder = tmp_path_factory.mktemp("example")
    train = folder / "train.py"
    train.write_bytes((EXAMPLE / "train.py").read_bytes())
    subprocess.run([sys.executable, train], check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(folder / "species-v1.tar.gz") as tar:
        assert tar.getnames() == ["model.joblib"]
        tar.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "answer"),
    [
        ('{"instances": [[5.1, 3.5, 1.4, 0.2]]}', "application/json", "*/*", '["setosa"]'),
        (b"5.1,3.5,1.4,0.2\n5.9,3,5.1,1.8", "text/csv", "*/*", '["setosa", "virginica"]'),
        ("5.1,3.5,1.4,0.2", "text/csv", "text/csv", "setosa\n"),
    ],
)
def test_formats(model_folder, body, content_type, accept, answer):
    """It reads and answers what `local/sklearn` reads and answers."""
    script = runpy.run_path(str(EXAMPLE / "inference.py"))

    rows = script["input_fn"](body, content_type)
    predictions = script["model_fn"](str(model_folder)).predict(rows)

    expected = answer if accept == "text/csv" else f'{{"predictions": {answer}}}'
    kind = "text/csv" if accept == "text/csv" else "application/json"
    assert script["output_fn"](predictions, accept) == (expected, kind)
