"""The API of a table in the words of OpenAPI, for those who call it."""

import json
import re
from http import HTTPMethod
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.errors import (
    GatewayError,
    InvalidHeader,
    MethodNotAllowed,
    ModelRejectedInput,
    RateLimited,
)
from chalicelib.payload.admission import ClientRequest
from chalicelib.routing.headers import TIMEOUT
from chalicelib.routing.parameters import Pattern, is_value
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.patterns import refusal
from gatewayctl.http_api import bodies, parameters
from gatewayctl.http_api.document import document
from gatewayctl.http_api.operation_ids import operation_id
from gatewayctl.http_api.operations import ANY_VALUE
from gatewayctl.http_api.problems import FAMILY, URN, statuses
from tests.support.clients import LocalClient
from tests.support.gateway import TABLE, build_gateway
from tests.support.paths import ROOT
from tests.support.problems import MEMBERS
from tests.support.problems import family as every_error
from tests.support.profile import LONG
from tests.support.random_tables import NOT_FOR_CALLERS, TABLES

DEMO = (ROOT / "routing.yaml").read_text(encoding="utf-8")
METHODS = {method.lower() for method in HTTPMethod}


def api(text, server=None):
    return document(table_file.parse(text.encode(), "routing.yaml"), server)


def operations(described):
    """Every operation, by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def problems(described, operation):
    """The slugs of an operation's problems, by status."""
    return {
        int(status): slugs(described, answer)
        for status, answer in operation["responses"].items()
        if status != "200"
    }


def slugs(described, answer):
    *_, name = answer["$ref"].split("/")
    content = described["components"]["responses"][name]["content"]
    schema = content["application/problem+json"]["schema"]
    return [urn.removeprefix(URN) for urn in schema["properties"]["type"]["enum"]]


@pytest.fixture(name="described", scope="module")
def _described():
    return api(TABLE)


class TestAnyTable:
    """What holds whatever the table says."""

    @given(TABLES)
    @settings(deadline=None, max_examples=300 if LONG else 20)
    def test_valid(self, text):
        """It is OpenAPI 3.1, with a path for each model and an operation id for each operation."""
        described = api(text)

        OpenAPIV31SpecValidator(described).validate()
        models = json.loads(text)["models"]
        assert described["paths"].keys() >= {f"/predict/{name}" for name in models}
        ids = [operation["operationId"] for operation in operations(described).values()]
        assert len(ids) == len(set(ids)) == len(described["paths"])

    @given(TABLES)
    @settings(deadline=None)
    def test_nothing_of_where_a_model_lives(self, text):
        """No endpoint, variant, container, component or artifact."""
        assert NOT_FOR_CALLERS in text
        assert NOT_FOR_CALLERS not in json.dumps(api(text))

    @given(TABLES)
    @settings(deadline=None)
    def test_stable(self, text):
        """The same table makes the same text, from YAML and from what it was compiled to."""
        table = table_file.parse(text.encode(), "routing.yaml")
        compiled = table_file.from_compiled(table_file.compiled(table), table.digest)

        assert json.dumps(document(compiled, None)) == json.dumps(document(table, None))

    @given(TABLES)
    @settings(deadline=None)
    def test_problems_are_those_of_the_family(self, text):
        """Every status is one that the errors documented for it can have."""
        described = api(text)
        can_have = {
            error.slug: set(statuses(error))
            for error in every_error(GatewayError)
            if hasattr(error, "slug")
        }

        for operation in operations(described).values():
            for status, possible in problems(described, operation).items():
                assert possible
                assert all(status in can_have[slug] for slug in possible)

    def test_operation_ids_do_not_meet(self):
        """No two names make one id: all short ones, of the characters that could make it so."""
        written = ("".join(some) for n in range(1, 7) for some in product("aby1-", repeat=n))
        firsts = [first for first in written if re.fullmatch("[a-z0-9](-*[a-z0-9])*", first)]
        lists = [some for n in range(3) for some in product(["{a}", "{a_b}", "{by_a}"], repeat=n)]
        names = ["/".join([first, *some]) for first in firsts for some in lists]

        ids = {operation_id("predict", name) for name in names}
        assert len(ids) == len(names) > 100_000
        assert all(one.isidentifier() for one in ids)


class TestModels:
    """What a model's entry becomes."""

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("iris", "predictIris"),
            ("house-price/{city}", "predictHousePriceByCity"),
            ("translate/{source}/{target}", "predictTranslateBySourceByTarget"),
            ("house-price-by-city", "predictHousePrice_byCity"),
            ("a/{b}/{c}", "predictAByBByC"),
            ("a/{b_by_c}", "predictAByB_by_c"),
            ("a-1", "predictA_1"),
            ("a1", "predictA1"),
            ("a--b", "predictA_B"),
            ("3d", "predict_3d"),
        ],
    )
    def test_operation_id(self, name, expected):
        """Names that can be read, and that differ where models do."""
        assert operation_id("predict", name) == expected

    def test_everything_that_a_table_says(self, described):
        """Description, example, tag and content types."""
        iris = described["paths"]["/predict/iris"]["post"]

        assert iris["description"] == "Iris species from four measurements"
        assert iris["tags"] == ["mme"]
        content = iris["requestBody"]["content"]
        assert list(content) == ["application/json", "text/csv"]
        assert content["application/json"]["example"] == {"instances": [[5.1, 3.5, 1.4, 0.2]]}
        assert "example" not in content["text/csv"]
        assert list(iris["responses"]["200"]["content"]) == ["application/json", "text/csv"]
        assert iris["responses"]["200"]["headers"]["X-Model"]["schema"] == {"const": "iris"}

    def test_bodies(self, described):
        """JSON may be anything, text is a string, and bytes have no type."""
        picture = described["paths"]["/predict/picture"]["post"]

        assert picture["requestBody"]["content"] == {
            "image/png": {"schema": {"contentMediaType": "image/png"}},
            "application/x-npy": {"schema": {"contentMediaType": "application/x-npy"}},
        }
        assert picture["responses"]["200"]["content"] == {
            "application/json": {"schema": {}},
            "text/csv": {"schema": {"type": "string"}},
            "image/png": {"schema": {"contentMediaType": "image/png"}},
        }

    @pytest.mark.parametrize(
        ("example", "schema"),
        [
            (True, {"type": "boolean"}),
            (1, {"type": "number"}),
            (0.5, {"type": "number"}),
            ("a", {"type": "string"}),
            (None, {}),
            ([], {"type": "array", "items": {}}),
            ([1, 0.5], {"type": "array", "items": {"type": "number"}}),
            ([1, "a"], {"type": "array", "items": {}}),
            ([None, 1], {"type": "array", "items": {}}),
            ({}, {"type": "object", "properties": {}}),
            ({"a": 1}, {"type": "object", "properties": {"a": {"type": "number"}}}),
        ],
    )
    def test_types_of_an_example(self, example, schema):
        """What an example shows, and nothing that it does not; nothing is mandatory."""
        assert bodies.schema_of(example) == schema

    def test_values_from_a_list(self, described):
        """A parameter with a list of values has an enum."""
        (city, _) = described["paths"]["/predict/house-price/{city}"]["post"]["parameters"]

        assert (city["name"], city["in"], city["required"]) == ("city", "path", True)
        assert city["schema"] == {"type": "string", "enum": ["austin", "houston"]}

    def test_values_of_a_pattern(self, described):
        """A parameter with a pattern has it from end to end."""
        path = described["paths"]["/predict/translate/{source}/{target}"]["post"]
        source, target, _ = path["parameters"]

        assert (source["name"], target["name"]) == ("source", "target")
        assert (
            source["schema"]
            == target["schema"]
            == {
                "type": "string",
                "pattern": "^(?:[a-z]{2})$",
                "minLength": 1,
                "maxLength": 63,
            }
        )

    @pytest.mark.parametrize(
        ("pattern", "in_javascript"),
        [
            ("a|b", "^(?:a|b)$"),
            (r"a\-b", "^(?:a-b)$"),
            (r"[a\-z]\-", r"^(?:[a\-z]-)$"),
            (r"\d\.[^\-]\-\w", r"^(?:\d\.[^\-]-\w)$"),
        ],
    )
    def test_patterns_in_javascript(self, pattern, in_javascript):
        """Where it reads a pattern otherwise than Python, the pattern is written otherwise."""
        assert refusal(pattern) is None
        assert parameters.matching(Pattern(pattern))["pattern"] == in_javascript

    @given(st.text("ab-.z9_", max_size=5))
    def test_patterns_mean_the_same(self, value):
        """A value fits the document when the gateway takes it."""
        for pattern in (r"a\-b|z", r"[a\-z]{2}\-?", r"\w+(\.\d)?", "[^a]*"):
            schema = parameters.matching(Pattern(pattern))
            fits = 1 <= len(value) <= 63 and re.search(schema["pattern"], value) is not None

            assert fits == (is_value(value) and Pattern(pattern).admits(value))

    @given(st.text("aZ9._~-%/é", max_size=70))
    def test_any_value(self, value):
        """Where a path may have any value, it is what the gateway takes for one."""
        schema = parameters.matching(ANY_VALUE)

        fits = len(value) <= schema["maxLength"] and re.search(schema["pattern"], value) is not None
        assert fits == is_value(value)

    def test_time_limit(self, described):
        """Its bounds are those that the gateway has."""
        schema = described["components"]["parameters"][TIMEOUT]["schema"]

        for bound in (schema["minimum"], schema["maximum"]):
            assert waiting(bound).timeout_seconds == bound / 1000
        for beyond in (schema["minimum"] - 1, schema["maximum"] + 1):
            with pytest.raises(InvalidHeader):
                _ = waiting(beyond).timeout_seconds

    def test_headers(self, described):
        """Those that the model is passed and gives back, and a time limit for all."""
        attributes = described["paths"]["/predict/attributes"]["post"]
        half_open = described["paths"]["/predict/half-open"]["post"]

        assert named(attributes["parameters"]) == [
            "X-Request-Timeout-Ms",
            "X-Amzn-SageMaker-Custom-Attributes",
            "X-Amzn-SageMaker-Inference-Id",
            "X-Amzn-SageMaker-Session-Id",
        ]
        assert named(half_open["parameters"]) == [
            "X-Request-Timeout-Ms",
            "X-Amzn-SageMaker-Inference-Id",
        ]
        assert list(half_open["responses"]["200"]["headers"]) == [
            "X-Request-Id",
            "Server-Timing",
            "X-Model",
            "X-Invoked-Variant",
            "X-Amzn-SageMaker-New-Session-Id",
            "X-Amzn-SageMaker-Closed-Session-Id",
        ]

    def test_another_model_moves_nothing(self, described):
        """What is said of a model does not depend on its neighbours."""
        more = api(
            f"{TABLE}  zoo/{{animal}}:\n    kind: mme\n    endpoint: zoo\n"
            "    target_model: '{animal}'\n    parameters: {animal: {one_of: [a]}}\n"
        )

        for name, operation in operations(described).items():
            if name.startswith("POST"):
                assert operations(more)[name] == operation


def named(nodes):
    return [node["$ref"].split("/")[-1] for node in nodes]


def waiting(milliseconds):
    return ClientRequest({TIMEOUT.lower(): str(milliseconds)}, b"", 0)


class TestProblems:
    """What can go wrong, and where."""

    def test_every_error_is_somewhere(self, described):
        """All of the family but the one that no documented operation gives."""
        documented = {
            slug
            for operation in operations(described).values()
            for possible in problems(described, operation).values()
            for slug in possible
        }

        assert documented == {error.slug for error in FAMILY} - {MethodNotAllowed.slug}

    def test_the_family_is_whole(self):
        """Every class that is ever raised to a caller."""
        ours = {error for error in every_error() if error.__module__ == GatewayError.__module__}

        assert set(FAMILY) == {error for error in ours if hasattr(error, "slug")}

    @pytest.mark.parametrize(
        ("operation", "slug"),
        [
            ("POST /predict/iris", "invalid-json"),
            ("POST /predict/iris", "invalid-parameter"),
            ("POST /predict/picture", "invalid-json"),
            ("POST /predict/churn", "invalid-parameter"),
            ("GET /models", "unknown-model"),
            ("GET /models", "model-error"),
            ("GET /models/{model}", "invalid-parameter"),
            ("GET /health", "unauthorized"),
            ("GET /health", "auth-unavailable"),
        ],
    )
    def test_what_has_no_occasion(self, described, operation, slug):
        """An error that a request cannot get is not documented for it."""
        possible = problems(described, operations(described)[operation])

        assert slug not in {one for some in possible.values() for one in some}

    @pytest.mark.parametrize(
        ("operation", "status", "expected"),
        [
            (
                "POST /predict/house-price/{city}",
                400,
                ["invalid-json", "invalid-header", "invalid-parameter", "model-rejected-input"],
            ),
            ("POST /predict/iris", 422, ["model-rejected-input"]),
            ("POST /predict/iris", 413, ["payload-too-large", "model-rejected-input"]),
            ("GET /models", 400, ["invalid-parameter"]),
            ("GET /models/{model}/{a}", 400, ["invalid-parameter"]),
            ("GET /health", 503, ["routing-unavailable"]),
            ("GET /health", 429, ["rate-limited"]),
        ],
    )
    def test_what_has(self, described, operation, status, expected):
        """By status, in the order of the family."""
        assert problems(described, operations(described)[operation])[status] == expected

    def test_problem(self, described):
        """Its members are those of a real one."""
        problem = described["components"]["schemas"]["Problem"]

        real = RateLimited().problem("some-id")
        exposed = ModelRejectedInput(400, model_message="no").problem("some-id")
        assert set(problem["required"]) == real.keys() == MEMBERS
        assert problem["properties"].keys() == exposed.keys()
        assert real["type"] in problem["properties"]["type"]["enum"]

    def test_when_to_come_back(self, described):
        """Retry-After is promised on 429 and 503, and there alone."""
        promised = {
            name[-3:]
            for name, response in described["components"]["responses"].items()
            if "Retry-After" in response["headers"]
        }

        assert promised == {"429", "503"}
        assert described["components"]["headers"]["Retry-After"]["required"] is True


class TestWhole:
    """What is said once."""

    def test_version(self, described):
        """The table's digest, as GET /health says it."""
        health = build_gateway(LocalClient).get("/health").json()

        assert described["info"]["version"] == health["table"]

    @pytest.mark.parametrize("text", [DEMO, TABLE], ids=["demo", "every-kind"])
    def test_valid(self, text):
        """The demo's table and one of every kind."""
        OpenAPIV31SpecValidator(api(text, "https://gateway.example.com/api")).validate()

    def test_security(self, described):
        """A bearer token for everything but the health."""
        assert described["security"] == [{"bearer": []}]
        open_ones = [name for name, one in operations(described).items() if "security" in one]
        assert open_ones == ["GET /health"]
        assert operations(described)["GET /health"]["security"] == []

    def test_tags(self, described):
        """A tag for each kind that is used, in SageMaker's words."""
        tags = {tag["name"]: tag["description"] for tag in described["tags"]}

        assert list(tags) == ["single", "mme", "mce", "pipeline", "component", "models", "health"]
        assert tags["mme"] == "One artifact of a multi-model endpoint."
        (only, *_) = api(TABLE.split("  iris:")[0])["tags"]
        assert only["name"] == "single"

    def test_answers_of_our_own(self, described):
        """The members of a list, of a model and of the health are those that one gets."""
        schemas, gateway = described["components"]["schemas"], build_gateway(LocalClient)
        listing = gateway.get("/models?limit=1").json()

        assert schemas["Models"]["properties"].keys() == listing.keys()
        assert set(schemas["Model"]["required"]) == listing["models"][0].keys()
        assert schemas["Model"]["properties"].keys() == gateway.get("/models/iris").json().keys()
        assert set(schemas["Health"]["required"]) == gateway.get("/health").json().keys()

    def test_forms_of_models(self, described):
        """Each length of name has its path, with the names of that length."""
        first, a, b = operations(described)["GET /models/{model}/{a}/{b}"]["parameters"]

        assert first["schema"]["enum"] == ["translate"]
        assert (a["name"], b["name"]) == ("a", "b")
        assert "GET /models/{model}/{a}/{b}" not in operations(api(DEMO))
