"""The sums of the published metrics are those of the requests, in threads, too."""

import json
import random
import re
import sys
from collections import Counter

import pytest

from tests.functional.test_concurrency import DIRECT_REQUESTS, THREADS, in_threads
from tests.functional.test_metrics import AWAY, BAD, GOOD, NARROW, gateway
from tests.support.emf import published, read
from tests.support.profile import LONG

RANDOM_REQUESTS = 20_000 if LONG else 2_000

# How a random request may look: method, path, headers, model if it is counted.
KINDS = [
    ("POST", "/predict/iris", GOOD, "iris"),
    ("POST", "/predict/house-price/houston", GOOD, "house-price/{city}"),
    ("POST", "/predict/house-price/austin", GOOD, "house-price/{city}"),
    ("POST", "/predict/house-price/paris", GOOD, "house-price/{city}"),
    ("POST", "/predict/nothing", GOOD, "(unknown)"),
    ("POST", "/predict/churn", NARROW, "(unknown)"),
    ("POST", "/predict/churn", GOOD, "churn"),
    ("POST", "/predict/sentiment", GOOD, "sentiment"),
    ("POST", "/predict/summary", GOOD, "summary"),
    ("POST", "/predict/half-open", GOOD, "half-open"),
    ("POST", "/predict/attributes", GOOD, "attributes"),
    ("POST", "/predict/iris", BAD, None),
    ("POST", "/predict/iris", AWAY, None),
    ("GET", "/models", GOOD, None),
    ("GET", "/models/iris", BAD, None),
    ("GET", "/health", {}, None),
    ("PUT", "/predict/iris", GOOD, None),
]


def expected(service, done):
    """Count what the callers of these requests sent and got."""
    sums = Counter()
    for model, reply in done:
        if reply.status == 401:
            sums[(("service", service),), "Unauthorized"] += 1
        if model is None:
            continue
        slug = reply.json()["type"].rpartition(":")[2] if reply.status >= 400 else ""
        timing = dict(re.findall(r"(\w+);dur=([0-9.]+)", reply.headers["server-timing"]))
        counted = {
            "Invocations": 1,
            "Invocation4XXErrors": 400 <= reply.status < 500,
            "Invocation5XXErrors": reply.status >= 500,
            "ModelLatency": float(timing.get("model", 0)),
            "OverheadLatency": float(timing["gateway"]),
            "ModelNotReady": slug == "model-not-ready",
            "Throttles": slug == "upstream-throttled",
            "Retries": model == "attributes",
        }
        for name, value in counted.items():
            sums[(("service", service),), name] += value
            sums[(("service", service), ("model", model)), name] += value
    return +sums


def assert_sums(sums, wanted):
    """Compare sums; tenths of milliseconds differ by the order of addition."""
    assert sums.keys() == wanted.keys()
    assert sums == {series: pytest.approx(value) for series, value in wanted.items()}


def test_sums():
    """After random requests the published sums are right, series by series."""
    house = gateway()
    chosen = random.Random(20_240_229).choices(KINDS, k=RANDOM_REQUESTS)
    done = [
        (model, house.client.send(method, path, headers, b'{"a": 1}'))
        for method, path, headers, model in chosen
    ]

    assert_sums(published(house.log.blobs), expected(house.log.service, done))


@pytest.fixture(name="_eager_threads")
def _python_changes_threads_often():
    """Let Python change threads often, so that errors show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_eager_threads")
def test_threads(tmp_path):
    """In threads, with log and metrics on one stream, every line is complete and of its request."""
    path = tmp_path / "stdout"
    with path.open("w", encoding="utf-8") as stream:
        house = gateway(stream=stream)

        def call(number):
            method, path, headers, model = KINDS[number % len(KINDS)]
            filling = json.dumps({"filling": "x" * (number % 97)}).encode()
            return model, house.client.send(method, path, headers, filling)

        done = in_threads(call, THREADS * DIRECT_REQUESTS)

    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    requests = {line["request_id"]: line for line in lines if line.get("message") == "request"}
    blobs = read("".join(f"{json.dumps(line)}\n" for line in lines if "_aws" in line))
    predictions = [blob for blob in blobs if "request_id" in blob.members]

    assert len(requests) == len(done) == THREADS * DIRECT_REQUESTS
    assert len(predictions) == sum(model is not None for model, _ in done)
    assert len({blob.members["request_id"] for blob in predictions}) == len(predictions)
    for blob in predictions:
        assert_agree(blob, requests[blob.members["request_id"]])
    assert_sums(published(blobs), expected(house.log.service, done))


def assert_agree(blob, line):
    """The metrics and the line of log are of the same request."""
    assert blob.members["model"] == line.get("model", "(unknown)")
    assert blob.values == {
        name: value
        for name, value in {
            "Invocations": 1,
            "Invocation4XXErrors": 400 <= line["status"] < 500,
            "Invocation5XXErrors": line["status"] >= 500,
            "ModelLatency": line["model_ms"],
            "OverheadLatency": line["gateway_ms"],
            "ModelNotReady": line.get("slug") == "model-not-ready",
            "Throttles": line.get("slug") == "upstream-throttled",
            "Retries": max(0, line["attempts"] - 1),
        }.items()
        if value
    }
