"""The container `local/sklearn` answers what AWS's scikit-learn container answers.

`SKLearnModel(…).deploy().predict(array)` of the SageMaker Python SDK 2 sends the same bytes.
"""

import io
import json

import joblib
import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from tests.support.stand_in import error_of

NPY, JSON, CSV = "application/x-npy", "application/json", "text/csv"
ROWS = np.array([[0.5, 1.0], [2.5, 3.0], [4.5, 5.0]])
LABELS = [3, 4, 5]
DEFAULT_ACCEPT = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"


def npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def archive_of(labels):
    """The files of the artifact of a model that gives each of the rows its label."""
    file = io.BytesIO()
    joblib.dump(DecisionTreeClassifier(random_state=0).fit(ROWS, labels), file)
    return {"model.joblib": file.getvalue(), "code/inference.py": b"raise SystemExit"}


@pytest.fixture(name="deploy")
def _deploy(account):
    """Deploys a model as the SDK does."""

    def deploy(labels=LABELS, **environment):
        url = account.upload({"model.tar.gz": archive_of(labels)})
        script = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://b/c"}
        container = {"Image": "local/sklearn", "ModelDataUrl": f"{url}model.tar.gz"}
        return account.deploy({**container, "Environment": script | environment})

    return deploy


def test_requests_of_the_sdk(account, deploy):
    """An array is answered by an array, a list by a list, and rows of CSV by rows of CSV."""
    endpoint = deploy()

    def answer(body, content_type, accept):
        found = account.invoke(endpoint, body, ContentType=content_type, Accept=accept)
        assert found["ContentType"] == accept
        return found["Body"]

    rows = json.dumps(ROWS.tolist()).encode()
    lines = b"0.5,1.0\n2.5,3.0\n4.5,5.0\n"
    assert answer(npy(ROWS), NPY, NPY) == npy(np.array(LABELS))
    assert answer(npy(ROWS.astype("f4")), NPY, NPY) == npy(np.array(LABELS))
    assert answer(rows, JSON, NPY) == npy(np.array(LABELS))
    assert answer(rows, JSON, JSON) == b"[3, 4, 5]"
    assert answer(lines, CSV, CSV) == b"3\n4\n5\n"
    assert answer(b'{"instances": %s}' % rows, JSON, JSON) == b'{"predictions": [3, 4, 5]}'
    found = account.invoke(endpoint, rows)
    assert (found["ContentType"], found["Body"]) == (JSON, b"[3, 4, 5]")


def test_labels_that_are_words(account, deploy):
    """Predictions may be texts, in every format."""
    endpoint = deploy(["low", "middle", "high"])

    array = account.invoke(endpoint, npy(ROWS), ContentType=NPY, Accept=NPY)["Body"]
    listed = account.invoke(endpoint, b"[[2.5, 3]]", ContentType=JSON)["Body"]

    assert np.load(io.BytesIO(array)).tolist() == ["low", "middle", "high"]
    assert listed == b'["middle"]'


@pytest.mark.parametrize("accept", [{}, {"Accept": "*/*"}], ids=["none", "anything"])
def test_default_accept(account, deploy, accept):
    """The format of the container's Environment is used if the caller accepts anything."""
    endpoint = deploy(**{DEFAULT_ACCEPT: NPY})

    found = account.invoke(endpoint, b"[[0.5, 1]]", ContentType=JSON, **accept)
    chosen = account.invoke(endpoint, b"[[0.5, 1]]", ContentType=JSON, Accept=JSON)

    assert (found["ContentType"], found["Body"]) == (NPY, npy(np.array([3])))
    assert chosen["Body"] == b"[3]"


def test_default_accept_of_many_models(account):
    """A multi-model container has a default, too; one that the model cannot answer is a 406."""
    definition = {"Image": "local/sklearn", "Mode": "MultiModel"}
    url = account.upload({"a.tar.gz": archive_of(LABELS)})
    endpoint = account.deploy(
        {**definition, "ModelDataUrl": url, "Environment": {DEFAULT_ACCEPT: "a/b"}}
    )

    error = error_of(account.invoke, endpoint, b"[[0.5, 1]]", TargetModel="a.tar.gz")

    assert error["OriginalStatusCode"] == 406
    assert f"{DEFAULT_ACCEPT} is 'a/b'" in error["OriginalMessage"]
