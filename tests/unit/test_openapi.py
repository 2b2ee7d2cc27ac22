"""`gatewayctl openapi`: the OpenAPI document of a table, and the command that writes it."""

import json
import re
from http import HTTPMethod
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.api.openapi.components import (
    OF_JOBS,
    OF_NO_OPERATION,
    PROBLEMS,
    schema_of,
    statuses,
)
from chalicelib.api.openapi.document import ANY_VALUE, document, operation_id
from chalicelib.api.openapi.named_types import type_name
from chalicelib.api.openapi.parameters import list_schema, pattern_schema
from chalicelib.errors import (
    GatewayError,
    InvalidHeader,
    MethodNotAllowed,
    ModelRejectedInput,
    TooManyRequests,
)
from chalicelib.payload.admission import ClientRequest
from chalicelib.routing.headers import TIMEOUT
from chalicelib.routing.parameters import Pattern, is_value
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.patterns import refusal
from tests.support.clients import LocalClient
from tests.support.command_line import gatewayctl
from tests.support.gateway import TABLE, StaleTable, build_gateway, table
from tests.support.paths import ROOT
from tests.support.problems import MEMBERS
from tests.support.problems import family as every_error
from tests.support.profile import LONG
from tests.support.random_tables import EXAMPLES, NOT_FOR_CALLERS, TABLES

DEMO = (ROOT / "routing.yaml").read_text(encoding="utf-8")
PROBLEM = {"$ref": "#/components/schemas/Problem"}
BYTES = {"type": "string", "format": "binary"}
# Names whose words could run together in the name of a type.
MEMBER_NAMES = st.lists(
    st.sampled_from(["ab", "aB", "a", "string", "number", "list", "any"]), min_size=1, max_size=3
).map("_".join)
METHODS = {method.lower() for method in HTTPMethod}


def api(text, server=None, *, has_jobs=False):
    return api_of(table_file.parse(text.encode(), "routing.yaml"), server, has_jobs=has_jobs)


def api_of(table, server=None, *, has_jobs=False):
    return document(list(table.models()), table.digest, server, has_jobs=has_jobs)


def operations(described):
    """Return every operation, by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def problems(described, operation):
    """Return the slugs of an operation's problems, by status."""
    return {
        int(status): slugs(described, answer)
        for status, answer in operation["responses"].items()
        if status >= "300"
    }


def slugs(described, answer):
    *_, name = answer["$ref"].split("/")
    response = described["components"]["responses"][name]
    assert response["content"] == {"application/problem+json": {"schema": PROBLEM}}
    return re.findall("^- `(.+?)`: ", response["description"], re.MULTILINE)


def nodes(value):
    """Return every object in a JSON value."""
    match value:
        case dict():
            return [value, *(node for member in value.values() for node in nodes(member))]
        case list():
            return [node for item in value for node in nodes(item)]
        case _:
            return []


@pytest.fixture(name="described", scope="module")
def _described():
    return api(TABLE)


@pytest.fixture(name="with_jobs", scope="module")
def _with_jobs():
    return api(f"{TABLE}  film: {{kind: async, endpoint: films}}\n", has_jobs=True)


class TestAnyTable:
    """Rules that hold for any table."""

    @given(TABLES, st.booleans())
    @settings(deadline=None, max_examples=300 if LONG else 20)
    def test_valid(self, text, has_jobs):
        """The document is OpenAPI 3.1; every model has a path, every operation an id of its own."""
        described = api(text, has_jobs=has_jobs)

        OpenAPIV31SpecValidator(described).validate()
        models = json.loads(text)["models"]
        assert described["paths"].keys() >= {f"/predict/{name}" for name in models}
        ids = [operation["operationId"] for operation in operations(described).values()]
        assert len(ids) == len(set(ids)) == len(described["paths"])

    @given(TABLES)
    @settings(deadline=None)
    def test_nothing_of_where_a_model_lives(self, text):
        """The document names no endpoint, variant, container, component or artifact."""
        assert NOT_FOR_CALLERS in text
        assert NOT_FOR_CALLERS not in json.dumps(api(text))

    @given(TABLES)
    @settings(deadline=None)
    def test_stable(self, text):
        """A table and its compiled form make the same text."""
        table = table_file.parse(text.encode(), "routing.yaml")
        compiled = table_file.from_compiled(table_file.compiled(table), table.digest)

        assert json.dumps(api_of(compiled)) == json.dumps(api_of(table))

    @given(TABLES, st.booleans())
    @settings(deadline=None)
    def test_references_stand_alone(self, text, has_jobs):
        """No reference has other members beside it, and every schema is referred to."""
        described = api(text, has_jobs=has_jobs)
        references = [
            node
            for node in nodes(described)
            if str(node.get("$ref", "")).startswith("#/components/")
        ]

        assert all(node.keys() == {"$ref"} for node in references)
        schemas = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
        assert schemas <= {node["$ref"] for node in references}

    @given(TABLES, st.booleans())
    @settings(deadline=None)
    def test_no_objects_without_a_name(self, text, has_jobs):
        """An object with members is a component; generators would name it after one operation."""
        described = api(text, has_jobs=has_jobs)

        inside = nodes([described["paths"], described["components"]["responses"]])
        assert [
            node for node in inside if node.get("type") == "object" and node.get("properties")
        ] == []

    @given(TABLES)
    @settings(deadline=None)
    def test_problems_are_those_of_the_family(self, text):
        """Each problem is documented only for statuses that it can have."""
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
        """No two models have the same operation id, for all short names of these characters."""
        written = ("".join(some) for n in range(1, 7) for some in product("aby1-", repeat=n))
        firsts = [first for first in written if re.fullmatch("[a-z0-9](-*[a-z0-9])*", first)]
        lists = [some for n in range(3) for some in product(["{a}", "{a_b}", "{by_a}"], repeat=n)]
        names = ["/".join([first, *some]) for first in firsts for some in lists]

        ids = {operation_id("predict", name) for name in names}
        assert len(ids) == len(names) > 100_000
        assert all(one.isidentifier() for one in ids)


class TestModels:
    """The operation of a model."""

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
        """An operation id is the model's name as an identifier."""
        assert operation_id("predict", name) == expected

    def test_everything_that_a_table_says(self, described):
        """Description, example, kind and media types come from the table."""
        iris = described["paths"]["/predict/iris"]["post"]

        assert iris["description"] == "Iris species from four measurements"
        assert iris["tags"] == ["predict"]
        content = iris["requestBody"]["content"]
        assert list(content) == ["application/json", "text/csv"]
        assert content["application/json"]["example"] == {"instances": [[5.1, 3.5, 1.4, 0.2]]}
        assert "example" not in content["text/csv"]
        assert list(iris["responses"]["200"]["content"]) == ["application/json", "text/csv"]
        assert iris["responses"]["200"]["headers"]["X-Model"]["schema"] == {
            "type": "string",
            "const": "iris",
        }

    def test_bodies(self, described):
        """The schema of JSON allows anything, text is a string, and the rest is bytes."""
        picture = described["paths"]["/predict/picture"]["post"]

        assert picture["requestBody"]["content"] == {
            "image/png": {"schema": BYTES},
            "application/x-npy": {"schema": BYTES},
        }
        assert picture["responses"]["200"]["content"] == {
            "application/json": {"schema": {}},
            "text/csv": {"schema": {"type": "string"}},
            "image/png": {"schema": BYTES},
        }

    def test_text_as_an_example(self):
        """A text is the body of the first type if that is not JSON."""
        options = "content_types: [text/csv, application/json]\n    example: '5.1,3.5'"
        text = f"version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n    {options}\n"

        assert api(text)["paths"]["/predict/a"]["post"]["requestBody"]["content"] == {
            "text/csv": {"schema": {"type": "string"}, "example": "5.1,3.5"},
            "application/json": {"schema": {}},
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
        """The schema has the types of the example, and makes no member mandatory."""
        assert schema_of(example) == schema

    @pytest.mark.parametrize(
        ("example", "name"),
        [
            ({"instances": [[5.1, 3.5]]}, "InstancesNumberListList"),
            ({"instances": [[1]]}, "InstancesNumberListList"),
            ({"instances": ["a"]}, "InstancesStringList"),
            ({"inputs": "a", "seed": None}, "InputsStringSeedAny"),
            ({"max_new_tokens": 5}, "MaxNewTokensNumber"),
            ({"inputs": {"text": "a"}}, r"InputsObject_\w{8}"),
            ({"inputs": {"text": 1}}, r"InputsObject_\w{8}"),
            ({"sepal length (cm)": 5.1}, r"SepalLengthCmNumber_\w{8}"),
            ({"größe": 1}, r"GrENumber_\w{8}"),
            ({"": 1}, r"Number_\w{8}"),
            ({"1": 1}, r"Number_\w{8}"),
            ({f"feature_{letter * 9}": 1 for letter in "abcde"}, r"Feature\w{41}_\w{8}"),
        ],
    )
    def test_type_name(self, example, name):
        """The type of an object is named after its members."""
        assert re.fullmatch(name, type_name(schema_of(example)))

    @given(*[st.dictionaries(MEMBER_NAMES, EXAMPLES, min_size=1, max_size=3)] * 2)
    @settings(max_examples=2000 if LONG else 200)
    def test_two_types_have_two_names(self, one, other):
        """Two types of objects have the same name if and only if they have the same members."""
        one, other = schema_of(one), schema_of(other)

        assert (type_name(one) == type_name(other)) is (one == other)

    def test_models_share_types(self):
        """Models with examples of one shape have one type, which is not named after a model."""
        model = "kind: single, endpoint: e, content_types: [text/csv, application/json]"
        shapes = {"iris": "[[1]]", "wine": "[[2, 3]]", "words": "[a]"}
        described = api(
            "version: 1\nmodels:\n"
            + "".join(
                f"  {name}: {{{model}, example: {{instances: {shape}}}}}\n"
                for name, shape in shapes.items()
            )
        )

        bodies = {
            name: described["paths"][f"/predict/{name}"]["post"]["requestBody"]["content"]
            for name in shapes
        }
        assert {
            name: body["application/json"]["schema"]["$ref"] for name, body in bodies.items()
        } == {
            "iris": "#/components/schemas/InstancesNumberListList",
            "wine": "#/components/schemas/InstancesNumberListList",
            "words": "#/components/schemas/InstancesStringList",
        }
        assert all(list(body) == ["application/json", "text/csv"] for body in bodies.values())

    def test_values_from_a_list(self, described):
        """A parameter with a list of values has an enum."""
        (city, _) = described["paths"]["/predict/house-price/{city}"]["post"]["parameters"]

        assert (city["name"], city["in"], city["required"]) == ("city", "path", True)
        assert city["schema"] == {"type": "string", "enum": ["austin", "houston"]}

    @pytest.mark.parametrize("values", [("a-b", "a_b"), ("x", "X"), ("1.0", "1-0", "2")])
    def test_values_without_constants_of_their_own(self, values):
        """Values that would be the same constant in a client are a pattern, and no enum."""
        schema = list_schema(frozenset(values))

        assert "enum" not in schema
        assert all(re.search(schema["pattern"], value) for value in values)
        assert not any(re.search(schema["pattern"], value) for value in ("1x0", "a", "xX", "22"))

    def test_values_of_a_pattern(self, described):
        """The pattern of a parameter has to match the whole value."""
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
        """A pattern is rewritten where JavaScript reads it differently from Python."""
        assert refusal(pattern) is None
        assert pattern_schema(Pattern(pattern))["pattern"] == in_javascript

    @given(st.text("ab-.z9_", max_size=5))
    def test_patterns_mean_the_same(self, value):
        """A value matches the schema if and only if the gateway accepts it."""
        for pattern in (r"a\-b|z", r"[a\-z]{2}\-?", r"\w+(\.\d)?", "[^a]*"):
            schema = pattern_schema(Pattern(pattern))
            fits = 1 <= len(value) <= 63 and re.search(schema["pattern"], value) is not None

            assert fits == (is_value(value) and Pattern(pattern).admits(value))

    @given(st.text("aZ9._~-%/é", max_size=70))
    def test_any_value(self, value):
        """The schema for any value accepts exactly the values that the gateway accepts."""
        schema = pattern_schema(ANY_VALUE)

        fits = len(value) <= schema["maxLength"] and re.search(schema["pattern"], value) is not None
        assert fits == is_value(value)

    def test_time_limit(self, described):
        """The bounds of the time limit are the gateway's."""
        schema = described["components"]["parameters"][TIMEOUT]["schema"]

        for bound in (schema["minimum"], schema["maximum"]):
            assert waiting(bound).timeout_seconds == bound / 1000
        for beyond in (schema["minimum"] - 1, schema["maximum"] + 1):
            with pytest.raises(InvalidHeader):
                _ = waiting(beyond).timeout_seconds

    def test_headers(self, described):
        """An operation has the headers that its model takes and returns, and the time limit."""
        attributes = described["paths"]["/predict/attributes"]["post"]
        half_open = described["paths"]["/predict/half-open"]["post"]

        assert named(attributes["parameters"]) == [
            "X-Request-Timeout-Ms",
            "X-Amzn-SageMaker-Custom-Attributes",
            "X-Amzn-SageMaker-Inference-Id",
            "X-Amzn-SageMaker-Session-Id",
            "X-Amzn-SageMaker-Enable-Explanations",
            "X-Amzn-SageMaker-Prefix-Aware-Id",
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
        """The operation of a model does not depend on the other models."""
        more = api(
            f"{TABLE}  zoo/{{animal}}:\n    kind: mme\n    endpoint: zoo\n"
            "    target_model: '{animal}'\n    parameters: {animal: {one_of: [a]}}\n"
            "    example: {instances: [a]}\n"
        )

        for name, operation in operations(described).items():
            if name.startswith("POST"):
                assert operations(more)[name] == operation
        for section, parts in described["components"].items():
            assert more["components"][section].items() >= parts.items()


def named(nodes):
    return [node["$ref"].split("/")[-1] for node in nodes]


def waiting(milliseconds):
    return ClientRequest({TIMEOUT.lower(): str(milliseconds)}, b"", 0)


class TestProblems:
    """The problems of an operation."""

    def test_every_error_is_somewhere(self, described):
        """Every error is documented, except those for a path or a form of another request."""
        documented = {
            slug
            for operation in operations(described).values()
            for possible in problems(described, operation).values()
            for slug in possible
        }

        of_no_operation = {error.slug for error in (MethodNotAllowed, *OF_NO_OPERATION)}
        of_jobs = {error.slug for error in OF_JOBS}
        assert documented == {error.slug for error in PROBLEMS} - of_no_operation - of_jobs

    def test_every_error_is_listed(self):
        """The list of problems has every error that a caller can get."""
        ours = {error for error in every_error() if error.__module__ == GatewayError.__module__}

        assert set(PROBLEMS) == {error for error in ours if hasattr(error, "slug")}

    @pytest.mark.parametrize(
        ("operation", "slug"),
        [
            ("POST /predict/iris", "invalid-parameter"),
            ("POST /predict/picture", "invalid-json"),
            ("POST /predict/churn", "invalid-parameter"),
            ("POST /predict/iris", "no-such-artifact"),
            ("POST /predict/house-price/{city}", "no-such-artifact"),
            ("GET /models", "unknown-model"),
            ("GET /models", "model-error"),
            ("GET /models/{model}", "invalid-parameter"),
            ("GET /health", "unauthorized"),
            ("GET /health", "auth-unavailable"),
        ],
    )
    def test_impossible(self, described, operation, slug):
        """An error that an operation cannot cause is not documented for it."""
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
            ("GET /health", 429, ["too-many-requests"]),
        ],
    )
    def test_possible(self, described, operation, status, expected):
        """The errors of a status are listed in the order of `chalicelib.errors`."""
        assert problems(described, operations(described)[operation])[status] == expected

    def test_problem(self, described):
        """The schema of a problem has the members of a real problem."""
        problem = described["components"]["schemas"]["Problem"]

        real = TooManyRequests().problem("some-id")
        exposed = ModelRejectedInput(400, model_message="no").problem("some-id")
        assert set(problem["required"]) == real.keys() == MEMBERS
        assert problem["properties"].keys() == exposed.keys()
        assert real["type"] in problem["properties"]["type"]["examples"]

    def test_what_a_later_gateway_may_add(self, described):
        """A client reads problems and models of kinds that its document does not know."""
        schemas = described["components"]["schemas"]

        assert "enum" not in schemas["Problem"]["properties"]["type"]
        assert "enum" not in schemas["Model"]["properties"]["kind"]

    def test_when_to_come_back(self, described):
        """Retry-After is promised for 429 and 503 only."""
        promised = {
            name[-3:]
            for name, response in described["components"]["responses"].items()
            if "Retry-After" in response["headers"]
        }

        assert promised == {"429", "503"}
        assert described["components"]["headers"]["Retry-After"]["required"] is True


class TestDocument:
    """The rest of the document."""

    def test_version(self, described):
        """The version has the digest of the table that GET /health shows.

        It is a version for the package managers of Python and of JavaScript, too.
        """
        health = build_gateway(LocalClient).get("/health").json()

        assert described["info"]["version"] == f"1.0.0+{health['table']}"

    @pytest.mark.parametrize("text", [DEMO, TABLE], ids=["demo", "every-kind"])
    def test_valid(self, text):
        """The documents of the demo table and of a table with every kind are valid."""
        OpenAPIV31SpecValidator(api(text, "https://gateway.example.com/api")).validate()

    def test_security(self, described):
        """Every operation but GET /health needs a bearer token."""
        assert described["security"] == [{"bearer": []}]
        open_ones = [name for name, one in operations(described).items() if "security" in one]
        assert open_ones == ["GET /health"]
        assert operations(described)["GET /health"]["security"] == []

    def test_tags(self, described):
        """Every tag has a description, and none depends on where a model runs."""
        tags = {tag["name"]: tag["description"] for tag in described["tags"]}

        assert list(tags) == ["predict", "models", "health"]
        assert all(tags.values())
        assert {tag for one in operations(described).values() for tag in one["tags"]} == set(tags)

    def test_answers_of_our_own(self, described):
        """The schemas of the gateway's own responses have the members of real responses."""
        schemas, gateway = described["components"]["schemas"], build_gateway(LocalClient)
        listing = gateway.get("/models?limit=1").json()

        assert schemas["Models"]["properties"].keys() == listing.keys()
        assert set(schemas["Model"]["required"]) == listing["models"][0].keys()
        one = {
            **gateway.get("/models/iris").json(),
            **gateway.get("/models/translate/de/en").json(),
        }
        assert schemas["Model"]["properties"].keys() == one.keys()
        assert set(schemas["Health"]["required"]) == gateway.get("/health").json().keys()
        stale = build_gateway(LocalClient, source=StaleTable(table())).get("/health").json()
        assert schemas["Health"]["properties"].keys() == stale.keys()

    def test_forms_of_models(self, described):
        """GET /models/… has a path for each number of parameters that a model has."""
        first, a, b = operations(described)["GET /models/{model}/{a}/{b}"]["parameters"]

        assert first["schema"]["enum"] == ["translate"]
        assert (a["name"], b["name"]) == ("a", "b")
        assert "GET /models/{model}/{a}/{b}" not in operations(api(DEMO))


class TestJobs:
    """What a gateway with jobs has more."""

    def test_without_jobs(self, described):
        """A gateway without jobs says nothing of them."""
        assert not re.search("jobs?\\b|upload|async", json.dumps(described), re.IGNORECASE)

    def test_valid(self, with_jobs):
        OpenAPIV31SpecValidator(with_jobs).validate()

    @pytest.mark.parametrize(
        ("model", "answers"), [("iris", {"200", "202"}), ("film", {"202"})], ids=str
    )
    def test_answers(self, with_jobs, model, answers):
        """A prediction is answered, or becomes a job; one of kind `async` is always a job."""
        operation = with_jobs["paths"][f"/predict/{model}"]["post"]

        assert {status for status in operation["responses"] if status < "300"} == answers
        assert named(operation["parameters"])[-3:] == ["Prefer", "X-Upload", "Idempotency-Key"]
        assert operation["requestBody"]["required"] is False
        assert "idempotency-conflict" in problems(with_jobs, operation)[409]
        assert ("model-error" in problems(with_jobs, operation)[502]) == (model == "iris")

    def test_problems(self, with_jobs):
        """Each problem of jobs is one of an operation, except that of a job that failed."""
        documented = {
            slug
            for operation in operations(with_jobs).values()
            for possible in problems(with_jobs, operation).values()
            for slug in possible
        }

        assert {error.slug for error in OF_JOBS} - documented == {"job-lost"}
        types = with_jobs["components"]["schemas"]["Problem"]["properties"]["type"]["examples"]
        assert "urn:inference-gateway:job-lost" in types

    def test_models_keep_their_parts(self, described, with_jobs):
        """The other paths and schemas are those of a gateway without jobs."""
        schemas = with_jobs["components"]["schemas"]
        for name, schema in described["components"]["schemas"].items():
            assert name in {"Model", "Problem"} or schemas[name] == schema
        assert {*with_jobs["paths"]} - {*described["paths"]} == {
            "/jobs/{job}",
            "/uploads",
            "/predict/film",
        }


class TestCommand:
    """`gatewayctl openapi`."""

    @pytest.mark.parametrize(
        ("arguments", "stage", "has_jobs"),
        [
            ([], "", False),
            ([], "s3://bucket/jobs", True),
            (["--jobs"], "", True),
            (["--no-jobs"], "s3://bucket/jobs", False),
        ],
    )
    def test_jobs(self, run, tmp_path, arguments, stage, has_jobs):
        """The stage says whether there are jobs, or an option does."""
        (tmp_path / ".chalice").mkdir()
        config = {"stages": {"dev": {"environment_variables": {"GATEWAY_JOBS": stage}}}}
        (tmp_path / ".chalice/config.json").write_text(json.dumps(config))

        assert run(*arguments).data == api(TABLE, has_jobs=has_jobs)

    @pytest.fixture(name="run")
    def _run(self, tmp_path, monkeypatch):
        (tmp_path / "routing.yaml").write_text(TABLE)
        monkeypatch.chdir(tmp_path)
        return lambda *arguments: gatewayctl("openapi", *arguments, project=tmp_path)

    def test_stdout(self, run):
        """The document alone goes to stdout, with or without --format json."""
        outcome = run()

        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.data == api(TABLE)
        assert run("--format", "json") == outcome

    @pytest.mark.parametrize("url", ["https://gateway.example.com/api", "http://127.0.0.1:8000/"])
    def test_server(self, run, url):
        """--server is the URL of the gateway; without it the document has none."""
        assert run("--server", url).data["servers"] == [{"url": url.rstrip("/")}]
        assert "servers" not in run().data

    @pytest.mark.parametrize(
        "url", ["", "gateway.example.com", "ftp://a", "https://", "https://a/?b", "https://{a}/"]
    )
    def test_bad_server(self, run, url):
        """A text that is no URL of a gateway is refused."""
        assert run("--server", url) == (
            2,
            "",
            f"gatewayctl openapi: --server is {url!r}; "
            "it must be a URL such as https://gateway.example.com/api\n",
        )

    def test_out(self, run, tmp_path):
        """--out writes the document to a file, whose name goes to stdout."""
        outcome = run("--out", "api.json")

        assert (outcome.code, outcome.out) == (0, "api.json\n")
        assert re.fullmatch(
            r"api\.json: 12 models of routing\.yaml, table [0-9a-f]{12}\n", outcome.err
        )
        assert (tmp_path / "api.json").read_text() == run().out
        assert run("--out", "api.json", "--format", "json").data["models"] == 12

    def test_not_writable(self, run):
        """A file that cannot be written is named, with the reason."""
        assert run("--out", "none/api.json") == (
            2,
            "",
            "gatewayctl openapi: none/api.json cannot be written: No such file or directory\n",
        )

    def test_bad_table(self, run, tmp_path):
        """The findings of a bad table are printed instead."""
        (tmp_path / "bad.yaml").write_text("version: 1\nmodels: {a: {kind: single}}\n")

        assert run("--table", "bad.yaml") == (
            1,
            "bad.yaml:2: models.a.endpoint: missing; kind single needs it\n",
            "",
        )
