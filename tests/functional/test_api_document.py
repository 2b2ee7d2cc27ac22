"""`GET /openapi.json`: the API of one caller as an OpenAPI document."""

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.api.openapi.document import document
from chalicelib.api.openapi.view import MOST_MODELS
from chalicelib.auth.credentials import Identity
from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import file
from chalicelib.sagemaker.answers import MAX_RESPONSE_BYTES
from tests.support.clients import TOKEN
from tests.support.gateway import FakeScheme, FixedTable, table
from tests.support.problems import assert_problem

PATH = "/openapi.json"
SHORTEST = "  m{:05}:\n    kind: single\n    endpoint: e\n"


class NoTable:
    """A source whose table could not be loaded."""

    def table(self):
        raise RoutingUnavailable


def of(*grants):
    """Return a scheme that gives the tests' credential these grants."""
    return FakeScheme({TOKEN: Identity("caller", grants, None)})


def models_of(described):
    """Return the models that the document describes, as in their names."""
    return [
        path.removeprefix("/predict/") for path in described["paths"] if path.startswith("/predict")
    ]


def many(count):
    entries = "".join(map(SHORTEST.format, range(count)))
    return FixedTable(file.parse(f"version: 1\nmodels:\n{entries}".encode(), "many.yaml"))


def test_as_the_command_writes_it(gateway):
    """For a caller of everything, it is the document of `gatewayctl openapi`."""
    response = gateway.get(PATH)

    everything = table()
    written = document(list(everything.models()), everything.digest, server=None)
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    described = response.json()
    described.pop("servers", None)
    assert described == json.loads(json.dumps(written))
    assert gateway.log.requests[0]["table"] == everything.digest[:12]


@pytest.mark.parametrize(
    ("grants", "models", "enums"),
    [
        pytest.param(["iris"], ["iris"], {}, id="one"),
        pytest.param(
            ["house-price/austin", "house-price/paris"],
            ["house-price/{city}"],
            {"city": ["austin"]},
            id="one-value",
        ),
        pytest.param(
            ["translate/de/*", "wine-grade"],
            ["translate/{source}/{target}", "wine-grade"],
            {"source": ["de"]},
            id="one-of-two-parameters",
        ),
        pytest.param(["nothing"], [], {}, id="none"),
    ],
)
def test_what_the_caller_may_call(build, grants, models, enums):
    """The document has the models, and the values of their parameters, that a grant covers."""
    response = build(scheme=of(*grants)).get(PATH, {"Authorization": f"Bearer {TOKEN}"})

    described = response.json()
    OpenAPIV31SpecValidator(described).validate()
    assert models_of(described) == models
    shown = {
        parameter["name"]: parameter["schema"]["enum"]
        for name in models
        for parameter in described["paths"][f"/predict/{name}"]["post"]["parameters"]
        if "enum" in parameter.get("schema", {})
    }
    assert shown == enums
    others = {model.name for model in table().models()} - {*models, "summary"}  # a word of OpenAPI
    listed = f"{described['paths']}"
    assert not [name for name in others if f"'{name.partition('/')[0]}'" in listed]


def test_it_describes_itself_and_not_the_page(gateway):
    """The document is a part of the API; the page is none."""
    paths = gateway.get(PATH).json()["paths"]

    assert PATH in paths
    assert not [path for path in paths if path == "/" or path.startswith("/page")]


@pytest.mark.parametrize(
    ("path", "servers"),
    [
        pytest.param("/dev/openapi.json", [{"url": "/dev"}], id="stage"),
        pytest.param("/models/v1/openapi.json", [{"url": "/models/v1"}], id="base-path"),
        pytest.param("/dev/openapi.json/", [{"url": "/dev"}], id="slash-at-the-end"),
        pytest.param("/openapi.json", None, id="root"),
        pytest.param(None, None, id="not-known"),
    ],
)
def test_server(deployed, path, servers):
    """The server is the part of the address before the document's own."""
    event = deployed.client.event("GET", PATH)
    event["requestContext"]["path"] = path

    assert deployed.client.deliver(event).json().get("servers") == servers


def test_parts(build):
    """`limit` and `after` ask for a part; `x-next` leads to the next one, and the last has none."""
    gateway = build(source=many(5))
    ends = ["m00001", "m00003", None]
    parts = [gateway.get(f"{PATH}?limit=2&after={after}").json() for after in ("", *ends[:2])]

    names = [f"m{number:05}" for number in range(5)]
    assert [models_of(part) for part in parts] == [names[:2], names[2:4], names[4:]]
    assert [part.get("x-next") for part in parts] == ends
    for part in parts:
        OpenAPIV31SpecValidator(part).validate()


def test_bad_limit(gateway):
    """A limit follows the rule of the list of models."""
    problem = assert_problem(gateway.get(f"{PATH}?limit=0"), 400, "invalid-parameter")

    assert "a whole number from 1 to 1000" in problem["detail"]


def test_too_large(build):
    """A document that no response can carry is refused, and the problem says how to get parts."""
    gateway = build(source=many(MOST_MODELS + 1))
    problem = assert_problem(gateway.get(PATH), 400, "invalid-parameter")

    assert "larger than the 4,650,000 bytes" in problem["detail"]
    assert "/openapi.json?limit=500" in problem["detail"]
    part = gateway.get(f"{PATH}?limit=1000")
    assert (part.status, part.json()["x-next"]) == (200, "m00999")


def test_most_that_are_described():
    """The document of more models than are looked at would be too large whatever they are."""
    described = [document(list(many(count).table().models()), "0" * 64, None) for count in (1, 2)]
    one, two = (len(json.dumps(content, separators=(",", ":"))) for content in described)

    assert (two - one) * MOST_MODELS > MAX_RESPONSE_BYTES


def test_refusals(build):
    """It is a protected route, and needs a table."""
    nobody = build(scheme=FakeScheme({})).get(PATH, {"Authorization": "Bearer x"})
    no_table = build(source=NoTable()).get(PATH)

    assert_problem(nobody, 401, "unauthorized")
    assert_problem(no_table, 503, "routing-unavailable")
