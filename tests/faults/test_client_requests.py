"""Names, types, methods and targets: what a caller may ask for, and what comes of it."""

import json
import re
from functools import partial
from urllib.parse import quote

import pytest
from botocore.session import Session

from tests.api_gateway.door import SimulatorDoor
from tests.faults.rows import row
from tests.faults.ways import WAYS, WITHOUT_LIMITS, SageMaker, UncertainDoor
from tests.support.doors import ApiGatewayDoor
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
# A model is called `churn`, and these are not its name.
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


@pytest.fixture(name="gateway", params=WAYS)
def _gateway(request, sagemaker):
    return sagemaker.behind(request.param)


@pytest.fixture(name="unlimited", params=WITHOUT_LIMITS)
def _unlimited(request, sagemaker):
    return sagemaker.behind(request.param)


def named(gateway, name):
    """The answer to a path parameter that API Gateway hands over just so."""
    event = gateway.door.event("POST", "/predict/{model}", JSON, b"{}")
    return gateway.door.deliver({**event, "pathParameters": {"model": name}})


@row("C3")
@pytest.mark.parametrize("content_type", TAKEN)
def test_content_type(gateway, sagemaker, content_type):
    """Type and subtype decide, in any case; the rest is the model's, which gets it as it came."""
    assert gateway.predict("churn", content_type=content_type).status == 200
    (arrived,) = sagemaker.arrived
    assert arrived.headers["Content-Type"] == content_type


@row("C3")
@pytest.mark.parametrize("content_type", NOT_TAKEN)
def test_other_content_type(gateway, sagemaker, seen, content_type):
    """What the model does not take is refused, and the answer says what it takes."""
    answer = gateway.predict("churn", content_type=content_type)

    problem = assert_problem(answer, 415, "unsupported-media-type")
    assert "This model takes application/json;" in problem["detail"]
    assert sagemaker.arrived == []
    seen("415 unsupported-media-type")


@row("C3")
def test_no_content_type(gateway, sagemaker):
    """Nothing is guessed from the body."""
    assert_problem(gateway.post("/predict/churn", b"{}", {}), 415, "unsupported-media-type")
    assert sagemaker.arrived == []


@row("C7")
@pytest.mark.parametrize("name", STRANGE_NAMES.values(), ids=STRANGE_NAMES)
def test_strange_name(sagemaker, seen, name):
    """A name is found as it stands in the table, or not at all: no decoding, no folding."""
    answer = named(sagemaker.behind(ApiGatewayDoor), name)

    problem = assert_problem(answer, 404, "unknown-model")
    assert len(problem["detail"]) < 300
    assert sagemaker.arrived == []
    seen("404 unknown-model")


@row("C7")
@pytest.mark.parametrize("decoded", [False, True], ids=["as-it-came", "decoded"])
@pytest.mark.parametrize("name", STRANGE_NAMES.values(), ids=STRANGE_NAMES)
def test_strange_name_through_api_gateway(sagemaker, name, decoded):
    """Nobody has tried whether it decodes path parameters; either way it is no model's name."""
    gateway = sagemaker.behind(partial(UncertainDoor, path_parameters_are_decoded=decoded))

    answer = gateway.predict(quote(name, safe="%"))

    if len(name) > 10_000:
        assert answer.status == 414  # API Gateway's own
    else:
        assert_problem(answer, 404, "unknown-model")
    assert sagemaker.arrived == []


@row("C7")
@pytest.mark.parametrize(("decoded", "status"), [(False, 404), (True, 200)])
def test_encoded_letter(sagemaker, decoded, status):
    """We decode nothing; if API Gateway should, the name that we get is the model's."""
    gateway = sagemaker.behind(partial(UncertainDoor, path_parameters_are_decoded=decoded))

    assert gateway.predict("%63hurn").status == status
    assert len(sagemaker.arrived) == (status == 200)


@row("C7")
@pytest.mark.parametrize("path", ["churn/", "churn//", "churn?x=/", "churn?/../iris"])
def test_what_is_not_in_the_name(sagemaker, path):
    """A slash at the end does not count with API Gateway, and a query is no part of a name."""
    assert sagemaker.behind(SimulatorDoor).predict(path).status == 200
    assert [arrived.path for arrived in sagemaker.arrived] == ["/endpoints/churn-prod/invocations"]


@row("C7")
def test_naughty_names(sagemaker, seen):
    """Of all naughty strings only those reach a model that a table can have as a name."""
    naughty = vectors("blns.json")
    legal = {text for text in naughty if LEGAL.fullmatch(text)}
    models = ", ".join(f"{json.dumps(text)}: {{kind: single, endpoint: e}}" for text in legal)
    named_so = FixedTable(table(f"version: 1\nmodels: {{{models}}}"))
    gateway = sagemaker.behind(ApiGatewayDoor, source=named_so)

    statuses = {text: named(gateway, text).status for text in naughty}

    assert {text for text, status in statuses.items() if status == 200} == legal
    assert {statuses[text] for text in set(naughty) - legal} == {404}
    assert len(sagemaker.arrived) == sum(text in legal for text in naughty)
    seen(f"naughty strings: {len(legal)} legal names taken, all others 404")


def targeting_headers():
    """Every header that InvokeEndpoint knows, as botocore's service model has them."""
    shape = Session().get_service_model("sagemaker-runtime").operation_model("InvokeEndpoint")
    members = shape.input_shape.members.values()
    headers = {one.serialization["name"] for one in members if one.serialization.get("location")}
    return {name: "other" for name in headers if name.lower().startswith("x-amzn-sagemaker-")}


@row("C9")
@pytest.mark.parametrize("path", KINDS)
def test_targeting_headers(gateway, sagemaker, seen, path):
    """With every header that SageMaker knows, a call is the same as without any."""
    said = targeting_headers()
    assert len(said) > 6

    assert gateway.predict(path).status == 200
    assert gateway.post(f"/predict/{path}", b"{}", {**JSON, **said}).status == 200

    plain, other = sagemaker.arrived
    assert (other.path, other.sagemaker_headers) == (plain.path, plain.sagemaker_headers)
    seen(f"200, {len(said)} headers ignored")


@row("C11")
@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("GET /predict/churn", "POST"),
        ("PUT /predict/house-price/houston", "POST"),
        ("PATCH /predict/nothing", "POST"),
        ("HEAD /health", "GET"),
        ("DELETE /models", "GET"),
        ("TRACE /models/churn", "GET"),
    ],
)
def test_wrong_method(unlimited, sagemaker, seen, line, allowed):
    """405 with what is allowed; API Gateway itself does not let it come that far."""
    answer = unlimited.door.send(*line.split(), JSON, b"{}")

    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == allowed
    assert sagemaker.arrived == []
    seen("405 with Allow")


@row("C11")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/predict/churn"),
        ("OPTIONS", "/predict/churn"),
        ("HEAD", "/models"),
        ("POST", "/"),
        ("POST", "/predict"),
        ("POST", "/predict/a/b/c/d"),
        ("POST", "/PREDICT/churn"),
        ("POST", "/%70redict/churn"),
        ("POST", "/api/predict/churn"),
    ],
)
def test_what_api_gateway_does_not_know(sagemaker, seen, method, path):
    """Without CORS it has no preflight either; its 403 is of its own making."""
    gateway = sagemaker.behind(SimulatorDoor)

    answer = gateway.door.send(method, path, JSON, b"{}")

    assert answer.status == 403
    assert sagemaker.arrived == []
    assert gateway.log.requests == []
    seen("403 of API Gateway's")


@row("C11")
@pytest.mark.parametrize(
    "query", ["limit=x", "a=1&a=2", "%00=%0d%0a", "model=iris", "&&&=", "%zz", "a" * 5_000]
)
def test_query(gateway, sagemaker, query):
    """A prediction has no query: whatever is there does not matter."""
    answer = gateway.predict(f"churn?{query}")

    assert (answer.status, answer.body) == (200, b"{}")
    assert [arrived.path for arrived in sagemaker.arrived] == ["/endpoints/churn-prod/invocations"]


@row("C11")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "churn", b"{}"), ("POST", "churn", b"{"), ("POST", "nothing", b"{}")],
)
def test_no_cors(gateway, method, path, body):
    """Unless an origin is set, no answer is for a browser of another one."""
    headers = {**JSON, "Origin": "https://shop.example.com"}

    answer = gateway.door.send(method, f"/predict/{path}", headers, body)

    assert not [name for name in answer.headers if name.startswith("access-control")]
