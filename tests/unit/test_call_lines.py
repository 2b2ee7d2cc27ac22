"""The line that `make run` prints for a call."""

import pytest

from local_stack.call_lines import COLUMNS, LONGEST_SENTENCE, access_line, call_lines
from tests.faults.rows import row
from tests.support.hostile_texts import HOSTILE

IRIS = {
    "method": "POST",
    "path": "/predict/iris",
    "model": "iris",
    "endpoint": "tabular",
    "target": "TargetModel=iris-v1.tar.gz",
    "status": 200,
    "model_ms": 12.3,
    "gateway_ms": 2.6,
    "attempts": 1,
}
RELEASE = {
    "path": "/predict/wine-release",
    "model": "wine-release",
    "endpoint": "wine-mme",
    "target": "TargetModel=wine-v8.tar.gz",
    "target_name": "v8",
}
ID = "6f0c8f4f2f0f4a0fb6d7c6a1c0e2a9d1"
JOB = {"message": "job", "method": None, "path": None, "job": ID, "outcome": "succeeded"}
ACCEPTED = {"status": 202, "job": ID, "endpoint": None, "attempts": 0}
NOT_NOW = {"status": 503, "slug": "model-not-ready", "outcome": "postponed"}
NOT_AGAIN = {"status": None, "outcome": "ended before", "endpoint": None, "attempts": 0}
FAILED = {"status": 502, "slug": "model-error", "upstream_code": "ModelError"}
LONG = "500: " + "it cannot be read; " * 5


def lines(sentence=None, credential=None, /, **members):
    """The lines of a call, whose spaces are single ones; None takes a member away."""
    call = {name: value for name, value in {**IRIS, **members}.items() if value is not None}
    made = call_lines(call, sentence, credential)
    return ["".join(span.text for span in line) for line in made]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "200 POST /predict/iris iris → tabular/iris-v1.tar.gz 12 + 3 ms"),
        (
            RELEASE,
            "200 POST /predict/wine-release wine-release → v8 · wine-mme/wine-v8.tar.gz 12 + 3 ms",
        ),
        (
            {"artifact": "loaded", "attempts": 2},
            "200 POST /predict/iris iris → tabular/iris-v1.tar.gz (2 attempts, loaded) 12 + 3 ms",
        ),
        (
            {**RELEASE, "endpoint": "e", "target": None, "fallback_after": "model-not-ready"},
            "200 POST /predict/wine-release"
            " wine-release → v8 · e (after model-not-ready) 12 + 3 ms",
        ),
        (
            {"method": "GET", "path": "/health", "model": None, "endpoint": None, "attempts": 0},
            "200 GET /health 3 ms",
        ),
        (
            {"status": 404, "slug": "unknown-model", "reason": "not-granted", "attempts": 0}
            | {"endpoint": None, "model": None},
            "404 POST /predict/iris There is no such model: not-granted 3 ms",
        ),
        (
            {"status": 504, "slug": "upstream-timeout", "model_ms": 25_000, "target": None},
            "504 POST /predict/iris The model did not answer in time · → tabular 25,000 + 3 ms",
        ),
        (ACCEPTED, "202 POST /predict/iris iris (job 6f0c8f4f…) 3 ms"),
        (JOB, "200 job 6f0c8f4f… iris → tabular/iris-v1.tar.gz 12 + 3 ms"),
        (
            {**JOB, **NOT_NOW, "delivery": 2, "target": None},
            "503 job 6f0c8f4f… try 2 postponed The model is not ready yet · → tabular 12 + 3 ms",
        ),
        ({**JOB, **NOT_AGAIN}, "--- job 6f0c8f4f… ended before iris 3 ms"),
    ],
)
def test_one_line(members, expected):
    """Status, method and path; model and target; the times; for errors the problem's title."""
    (line,) = lines(**members)

    assert " ".join(line.split()) == expected
    assert len(line) == COLUMNS


def test_outcome():
    """That a job will be tried again stands at the beginning, where no long target cuts it off."""
    (line,) = lines(**{**JOB, **NOT_NOW}, target=f"TargetModel={'v' * COLUMNS}", attempts=2)

    assert line.startswith("503 job 6f0c8f4f… postponed  ")


def test_credential():
    """Why a credential was refused, which the authorizer alone has logged, is on the line."""
    refused = {"status": 401, "slug": "unauthorized", "model": None, "endpoint": None}
    (line,) = lines(None, "wrong-secret", **refused, attempts=0)

    assert "The credential was not accepted: wrong-secret  " in line


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("500: no", "The model failed: 500: no · → tabular"),
        ('500: {"error": "no"}', "The model failed: 500: no · → tabular"),
        ('500: {"error": "no", "a": 1}', "The model failed · → tabular"),
        ("Throttled: Wait.", "The model failed: Throttled: Wait. · → tabular"),
    ],
)
def test_sentence(sentence, said):
    """What the container said is on the line if there is room, without the JSON around it."""
    assert said in lines(sentence, **FAILED, target=None)[0]


def test_long_sentence():
    """A longer one has a line of its own, and is cut."""
    line, said = lines(LONG * 9, **FAILED)

    assert "The model failed · → tabular/iris-v1.tar.gz" in line
    assert said.startswith(f"    {LONG}")
    assert said.endswith("…")
    assert len(said) == LONGEST_SENTENCE + 4


def test_answers_have_no_sentence():
    """What was said of an earlier attempt is not shown with the answer of a later one."""
    (line,) = lines("500: no")

    assert "no" not in line


@row("M5")
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile(text):
    """A path, a model or a sentence of any length takes the room of escapes, and no more."""
    first, *_ = lines(text, **{**FAILED, "path": text, "model": text, "target": f"A={text}"})
    success, *_ = lines(path=text, model=text, target=f"TargetModel={text}", attempts=None)

    assert len(first) <= COLUMNS + 4
    assert len(success) <= COLUMNS


def test_requests_of_others():
    """A request that the app did not get has status, method, path and the problem's title."""
    line = access_line(404, "GET", "/nothing", "There is no such path")
    text = "".join(span.text for span in line)
    assert " ".join(text.split()) == "404 GET /nothing There is no such path"
    (only,) = access_line(200, "OPTIONS", "/models", None)
    assert only == ("200 OPTIONS /models", "good")
