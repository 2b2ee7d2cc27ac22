"""What is too large is refused at once, with the limit, before it costs anything."""

import base64

import pytest

from chalicelib.payload.admission import MAX_BODY_BYTES
from tests.support.gateway import JSON
from tests.support.problems import assert_problem

NPY = {"Content-Type": "application/x-npy"}


def test_limit():
    """What base64 carries inside the 6 MiB that Lambda takes."""
    assert MAX_BODY_BYTES == 4_600_000
    assert len(base64.b64encode(b"?" * MAX_BODY_BYTES)) < 6 * 1024 * 1024


@pytest.mark.parametrize("missing", [0, 1, 2, 3], ids=lambda missing: f"limit-{missing}")
def test_largest(gateway, missing):
    """A body of exactly the limit goes through as it is, however base64 pads it."""
    body = b"\xff" * (MAX_BODY_BYTES - missing)

    answer = gateway.post("/predict/picture", body, NPY)

    assert (answer.status, answer.body) == (200, body)
    assert gateway.log.requests[0]["bytes_in"] == len(body)


@pytest.mark.parametrize("more", [1, 2, 3, 1_000_000], ids=lambda more: f"limit+{more}")
def test_too_large(gateway, more):
    """One byte more is refused; the model is not called."""
    answer = gateway.post("/predict/picture", b"\xff" * (MAX_BODY_BYTES + more), NPY)

    problem = assert_problem(answer, 413, "payload-too-large")
    assert "4,600,000 bytes" in problem["detail"]
    assert gateway.runtime.calls == []
    assert gateway.log.requests[0]["bytes_in"] == MAX_BODY_BYTES + more


def test_too_large_for_json(gateway):
    """The size is looked at before the JSON."""
    answer = gateway.post("/predict/churn", b"[" * (MAX_BODY_BYTES + 1), JSON)

    assert_problem(answer, 413, "payload-too-large")


def test_large_json(gateway):
    """A large body that is flat is no deep one."""
    body = b"[" + b"[0]," * 1_000_000 + b"0]"

    assert gateway.post("/predict/churn", body, JSON).status == 200
