"""Content types, names, methods, targets and queries of requests (C3, C7, C9, C11)."""

import json
import re
from functools import partial
from urllib.parse import quote

import pytest
from botocore.session import Session

from chalicelib.payload.admission import media_type_of
from tests.api_gateway.simulator import SimulatorClient
from tests.faults.clients import CLIENTS, WITHOUT_LIMITS, SageMaker, UnverifiedClient
from tests.faults.rows import row
from tests.support.clients import LambdaClient
from tests.support.gateway import JSON, FixedTable, table
from tests.support.problems import assert_problem
from tests.support.vectors import vectors

TAKEN = [
    "application/json",
    "Application/JSON",
    "application/json;charset=latin1",
    'application/json; profile="a, b; c"',
    "application/json ; a=b",
    "application/json;",
]
NOT_TAKEN = [
    "",
    "json",
    "application",
    "application/",
    "application/jsonx",
    "application/json-patch+json",
    "text/json",
    "text/plain",
    "text/csv",
    "*/*",
    "application/*",
    "application/json, text/csv",
    "text/csv, application/json",
    ";application/json",
    "application/json/x",
    "application\\json",
    "multipart/form-data; boundary=application/json",
]
# None of these is the name of the model `churn`.
STRANGE_NAMES = {
    "dots": "..",
    "dot": ".",
    "encoded dots": "%2e%2e",
    "double-encoded dots": "%252e%252e",
    "slash": "churn/..",
    "encoded slash": "churn%2f..",
    "encoded slash of a longer path": "house-price%2Fhouston",
    "encoded NUL": "churn%00",
    "encoded line end": "churn%0d%0aX: 1",
    "NUL": "churn\x00",
    "line end": "churn\r\nX: 1",
    "space": "churn ",
    "encoded space": "churn%20",
    "no encoding": "churn%zz",
    "upper case": "CHURN",
    "backslash": "churn\\",
    "encoded semicolon": "churn%3Bv=1",
    "encoded question mark": "churn%3Fa",
    "star": "*",
    "template": "{model}",
    "dash": "churn-",
    "null": "null",
    "constructor": "__proto__",
    "full-width": "ｃhurn",  # noqa: RUF001 (a look-alike is the point)
    "Cyrillic": "сhurn",  # noqa: RUF001
    "encoded Cyrillic": "%D1%81hurn",
    "dotless": "ı",  # noqa: RUF001
    "zero width": "churn\u200b",
    "right to left": "\u202echurn",
    "combining": "churn\u0301",
    "overlong": "%c0%ae%c0%ae",
    "64 characters": "c" * 64,
    "60 kB": "c" * 60_000,
}
LEGAL = re.compile(r"[a-z0-9](-*[a-z0-9]){0,62}")
# A path for each kind of target.
KINDS = [
    "churn",
    "churn-green",
    "iris",
    "house-price/houston",
    "sentiment",
    "wine-grade",
    "summary",
]


@pytest.fixture(scope="module", name="sagemaker")
def _sagemaker():
    with SageMaker() as sagemaker:
        yield sagemaker


@pytest.fixture(name="gateway", params=CLIENTS)
def _gateway(request, sagemaker):
    return sagemaker.behind(request.param)


@pytest.fixture(name="unlimited", params=WITHOUT_LIMITS)
def _unlimited(request, sagemaker):
    return sagemaker.behind(request.param)


def named(gateway, name):
    """Send a path parameter exactly as given."""
    event = gateway.client.event("POST", "/predict/{model}", JSON, b"{}")
    return gateway.client.deliver({**event, "pathParameters": {"model": name}})


@row("C3")
def test_content_type(gateway, sagemaker):
    """Type and subtype decide, without case; the model gets the header unchanged."""
    for content_type in TAKEN:
        assert gateway.predict("churn", content_type=content_type).status == 200
        assert sagemaker.requests[-1].headers["Content-Type"] == content_type


@row("C3")
def test_other_content_type(gateway, sagemaker, seen):
    """A type that the model does not take is refused; the problem says what it takes."""
    for content_type in NOT_TAKEN:
        received = gateway.predict("churn", content_type=content_type)

        problem = assert_problem(received, 415, "unsupported-media-type")
        assert "This model takes application/json;" in problem["detail"], content_type
        named = f"The Content-Type is '{media_type_of(content_type)}'."
        assert problem["detail"].startswith((named, "There is no media type."))
    assert sagemaker.requests == []
    seen("415 unsupported-media-type")


@row("C3")
def test_no_content_type(gateway, sagemaker):
    """A request without a Content-Type is refused; the gateway does not guess."""
    received = gateway.post("/predict/churn", b"{}", {})

    problem = assert_problem(received, 415, "unsupported-media-type")
    assert problem["detail"].startswith("There is no media type.")
    assert sagemaker.requests == []


@row("C7")
def test_strange_name(sagemaker, seen):
    """A name must be exactly as in the table; the gateway decodes and folds nothing."""
    gateway = sagemaker.behind(LambdaClient)
    for what, name in STRANGE_NAMES.items():
        problem = assert_problem(named(gateway, name), 404, "unknown-model")
        assert len(problem["detail"]) < 300, what
    assert sagemaker.requests == []
    seen("404 unknown-model")


@row("C7")
@pytest.mark.parametrize("decoded", [False, True], ids=["as-it-came", "decoded"])
def test_strange_name_through_api_gateway(sagemaker, decoded):
    """Whether API Gateway decodes path parameters is unverified; both ways the name is unknown."""
    gateway = sagemaker.behind(partial(UnverifiedClient, path_parameters_are_decoded=decoded))

    for name in STRANGE_NAMES.values():
        received = gateway.predict(quote(name, safe="%"))

        if len(name) > 10_000:
            assert received.status == 414  # API Gateway's own
        else:
            assert_problem(received, 404, "unknown-model")
    assert sagemaker.requests == []


@row("C7")
@pytest.mark.parametrize(("decoded", "status"), [(False, 404), (True, 200)])
def test_encoded_letter(sagemaker, decoded, status):
    """The gateway decodes nothing; if API Gateway does, the decoded name counts."""
    gateway = sagemaker.behind(partial(UnverifiedClient, path_parameters_are_decoded=decoded))

    assert gateway.predict("%63hurn").status == status
    assert len(sagemaker.requests) == (status == 200)


@row("C7")
@pytest.mark.parametrize("path", ["churn/", "churn//", "churn?x=/", "churn?/../iris"])
def test_what_is_not_in_the_name(sagemaker, path):
    """A slash at the end and a query are not part of the name."""
    assert sagemaker.behind(SimulatorClient).predict(path).status == 200
    assert [request.path for request in sagemaker.requests] == ["/endpoints/churn-prod/invocations"]


@row("C7")
def test_naughty_names(sagemaker, seen):
    """Of the naughty strings only legal model names reach a model."""
    naughty = vectors("blns.json")
    legal = {text for text in naughty if LEGAL.fullmatch(text)}
    models = ", ".join(f"{json.dumps(text)}: {{kind: single, endpoint: e}}" for text in legal)
    named_so = FixedTable(table(f"version: 1\nmodels: {{{models}}}"))
    gateway = sagemaker.behind(LambdaClient, source=named_so)

    statuses = {text: named(gateway, text).status for text in naughty}

    assert {text for text, status in statuses.items() if status == 200} == legal
    assert {statuses[text] for text in set(naughty) - legal} == {404}
    assert len(sagemaker.requests) == sum(text in legal for text in naughty)
    seen(f"naughty strings: {len(legal)} legal names taken, all others 404")


def targeting_headers():
    """Return every header of InvokeEndpoint that botocore's service model has."""
    shape = Session().get_service_model("sagemaker-runtime").operation_model("InvokeEndpoint")
    members = shape.input_shape.members.values()
    headers = {one.serialization["name"] for one in members if one.serialization.get("location")}
    return {name: "other" for name in headers if name.lower().startswith("x-amzn-sagemaker-")}


@row("C9")
def test_targeting_headers(gateway, sagemaker, seen):
    """Targeting headers of a caller change nothing about the call."""
    headers = targeting_headers()
    assert len(headers) > 6

    for path in KINDS:
        answers = [
            gateway.predict(path),
            gateway.post(f"/predict/{path}", b"{}", {**JSON, **headers}),
        ]

        plain, other = sagemaker.requests[-2:]
        assert [answer.status for answer in answers] == [200, 200]
        sent = [request.sagemaker_headers for request in (plain, other)]
        assert [one.pop("x-amzn-sagemaker-inference-id") for one in sent] == [
            [answer.headers["x-request-id"]] for answer in answers
        ]
        assert (other.path, sent[1]) == (plain.path, sent[0])
    seen(f"200, {len(headers)} headers ignored")


@row("C11")
@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("GET /predict/churn", "POST"),
        ("PUT /predict/house-price/houston", "POST"),
        ("PATCH /predict/nothing", "POST"),
        ("PUT /health", "GET, HEAD"),
        ("DELETE /models", "GET, HEAD"),
        ("TRACE /models/churn", "GET, HEAD"),
    ],
)
def test_wrong_method(unlimited, sagemaker, seen, line, allowed):
    """A wrong method is a 405 with Allow, where API Gateway does not refuse it first."""
    received = unlimited.client.send(*line.split(), JSON, b"{}")

    assert_problem(received, 405, "method-not-allowed")
    assert received.headers["allow"] == allowed
    assert sagemaker.requests == []
    seen("405 with Allow")


@row("C11")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/predict/churn"),
        ("OPTIONS", "/predict/churn"),
        ("HEAD", "/predict/churn"),
        ("DELETE", "/models"),
        ("POST", "/"),
        ("POST", "/predict"),
        ("POST", "/predict/a/b/c/d"),
        ("POST", "/PREDICT/churn"),
        ("POST", "/%70redict/churn"),
        ("POST", "/api/predict/churn"),
    ],
)
def test_what_api_gateway_does_not_know(sagemaker, seen, method, path):
    """API Gateway refuses unknown paths and methods itself; without CORS, preflights too."""
    gateway = sagemaker.behind(SimulatorClient)

    received = gateway.client.send(method, path, JSON, b"{}")

    assert received.status == 403
    assert sagemaker.requests == []
    assert gateway.log.requests == []
    seen("403 of API Gateway's")


@row("C11")
def test_query(gateway, sagemaker):
    """A query does not change a prediction."""
    queries = ["limit=x", "a=1&a=2", "%00=%0d%0a", "model=iris", "&&&=", "%zz", "a" * 5_000]
    for query in queries:
        received = gateway.predict(f"churn?{query}")
        assert (received.status, received.body) == (200, b"{}")

    assert {request.path for request in sagemaker.requests} == {"/endpoints/churn-prod/invocations"}
