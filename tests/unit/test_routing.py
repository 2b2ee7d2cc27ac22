"""The routing table: what a path means, and how a table comes from its file."""

import dataclasses
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import InvalidParameter, UnknownModel
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.table import RoutingTable
from chalicelib.routing.targets import MultiModelTarget, SingleModelTarget
from tests.support.vectors import vectors

PROJECT = Path(__file__).parents[2]

TABLE = b"""\
version: 1
defaults: {timeout_seconds: 10, pass_headers: [inference-id], accepts: [text/csv]}
allow_shrink: true
models:
  churn:
    kind: single
    endpoint: churn-prod
  iris:
    kind: mme
    endpoint: tabular
    target_model: iris-v1.tar.gz
    target_variant: green
    description: Iris species
    content_types: [application/json, Text/CSV]
    accepts: [application/json]
    example: {instances: [[5.1, 3, true, null, no, 007, 1e3]], "2": "3"}
    timeout_seconds: 2.5
    max_attempts: 3
    cold_start: wait
    pass_headers: []
    return_headers: [session-id]
    expose_model_errors: true
  house-price/{city}:
    kind: mme
    endpoint: housing
    target_model: "{city}/v3.tar.gz"
    parameters:
      city: {one_of: [houston, no, 007, a.b]}
  house-price/{country}/{city}:
    kind: mme
    endpoint: housing
    target_model: "{city}/{country}/{city}"
    parameters:
      city: {pattern: "[a-z.]+"}
      country: {pattern: "[a-z.]{1,20}"}
"""


def parse(text):
    return table_file.parse(text if isinstance(text, bytes) else text.encode(), "routing.yaml")


def recompiled(table):
    return table_file.from_compiled(table_file.compiled(table), table.digest)


@pytest.fixture(name="table", scope="module")
def _table():
    return parse(TABLE)


class TestModels:
    """What an entry of the table becomes."""

    def test_built_in_defaults(self):
        """A model that says only where it lives is called carefully."""
        (model,) = parse("version: 1\nmodels: {a: {kind: single, endpoint: e}}").models()

        assert dataclasses.asdict(model) == {
            "name": "a",
            "target": {"endpoint": "e", "target_variant": None},
            "parameters": (),
            "description": None,
            "content_types": ("application/json",),
            "accepts": ("application/json",),
            "example": None,
            "timeout_seconds": 25,
            "max_attempts": 2,
            "cold_start": "refuse",
            "pass_headers": (),
            "return_headers": (),
            "expose_model_errors": False,
        }

    def test_defaults_of_the_table(self, table):
        """The table's defaults win over the built-in ones."""
        model = table.find("churn").model

        assert model.timeout_seconds == 10
        assert model.pass_headers == ("inference-id",)
        assert model.content_types == ("application/json",)
        assert model.accepts == ("text/csv",)

    def test_own_options(self, table):
        """A model's own options win over everything."""
        model = table.find("iris").model

        assert model.timeout_seconds == 2.5
        assert model.max_attempts == 3
        assert model.cold_start == "wait"
        assert model.pass_headers == ()
        assert model.return_headers == ("session-id",)
        assert model.expose_model_errors is True
        assert model.description == "Iris species"
        assert model.accepts == ("application/json",)
        assert model.target == MultiModelTarget("tabular", "iris-v1.tar.gz", target_variant="green")

    def test_media_types_have_one_spelling(self, table):
        """Media types are compared without regard to case, so they are kept in one."""
        assert table.find("iris").model.content_types == ("application/json", "text/csv")

    def test_accepts_follow_content_types(self):
        """What a model can answer is what it takes, unless somebody says otherwise."""
        text = "version: 1\nmodels: {a: {kind: single, endpoint: e, content_types: [image/png]}}"

        assert parse(text).find("a").model.accepts == ("image/png",)

    def test_example_is_what_was_written(self, table):
        """Numbers, true, false and null are JSON's; all else stays the text that was written."""
        example = {"instances": [[5.1, 3, True, None, "no", "007", 1000.0]], "2": "3"}

        assert json.loads(table.find("iris").model.example) == example

    @pytest.mark.parametrize(
        "text", ["no", "007", "1:30", "0x1F", "null", "1e3", "true", "2026-01-01"]
    )
    def test_scalars_stay_text(self, text):
        """YAML's guesses about plain scalars do not reach a name."""
        example = f"version: 1\nmodels: {{a: {{kind: single, endpoint: e, description: {text}}}}}"

        assert parse(example).find("a").model.description == text

    def test_models_are_values(self, table):
        """A model cannot be changed, and is made once."""
        model = table.find("iris").model

        with pytest.raises(dataclasses.FrozenInstanceError):
            model.max_attempts = 1
        assert table.find("iris").model is model
        assert isinstance(hash(model), int)


class TestResolving:
    """From a path to a target."""

    @pytest.mark.parametrize(
        ("path", "name", "target"),
        [
            ("churn", "churn", SingleModelTarget("churn-prod")),
            (
                "house-price/houston",
                "house-price/{city}",
                MultiModelTarget("housing", "houston/v3.tar.gz"),
            ),
            ("house-price/007", "house-price/{city}", MultiModelTarget("housing", "007/v3.tar.gz")),
            (
                "house-price/fr/paris",
                "house-price/{country}/{city}",
                MultiModelTarget("housing", "paris/fr/paris"),
            ),
        ],
    )
    def test_resolve(self, table, path, name, target):
        """A path leads to its model, and its parameters into the target."""
        resolved = table.resolve(path)

        assert resolved.model.name == name
        assert resolved.target == target

    def test_parameters(self, table):
        """Parameters come by name, in the order of the path."""
        resolved = table.resolve("house-price/fr/paris")

        assert list(resolved.parameters.items()) == [("country", "fr"), ("city", "paris")]

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "chrun",
            "Churn",
            "churn/",
            "churn/x",
            "/churn",
            "churn ",
            "house-price",
            "house-price/*/*/*",
            "house-price/a/b/c",
            "house-price/{city}/{x}/y",
            "*",
            "*/*",
            "churn%2f",
            "/",
        ],
    )
    def test_unknown_model(self, table, path):
        """What the table does not name does not exist."""
        with pytest.raises(UnknownModel, match=r"^No model named .* GET /models lists"):
            table.find(path)

    @pytest.mark.parametrize(
        ("path", "blamed"),
        [
            ("house-price/paris", "city"),
            ("house-price/", "city"),
            ("house-price/*", "city"),
            ("house-price/{city}", "city"),
            ("house-price/%68ouston", "city"),
            ("house-price/houston\n", "city"),
            ("house-price/" + "a" * 64, "city"),
            ("house-price/FR/paris", "country"),
            ("house-price/fr/Paris", "city"),
            ("house-price/fr/", "city"),
            ("house-price/fr/paris\n", "city"),
            ("house-price/fr/..", "country and city"),
            ("house-price/./paris", "country and city"),
        ],
    )
    def test_invalid_parameter(self, table, path, blamed):
        """A value that breaks its rule, or leads out of the prefix, is the caller's mistake."""
        found = table.find(path)

        with pytest.raises(InvalidParameter, match=f"^The parameter {blamed} is '"):
            found.resolve()

    def test_the_name_is_known_before_the_parameters_are(self, table):
        """Between finding a model and checking its parameters there is room for a grant."""
        assert table.find("house-price/no-such-city").model.name == "house-price/{city}"

    def test_the_list_is_not_told(self, table):
        """Who guesses a value is not told all the others."""
        with pytest.raises(InvalidParameter) as caught:
            table.resolve("house-price/paris")

        assert "houston" not in caught.value.detail

    def test_rules_describe_themselves(self, table):
        """A catalogue can show what values there are."""
        one, two = (table.find(f"house-price/{rest}").model for rest in ("x", "x/y"))

        assert [parameter.rule.described() for parameter in one.parameters] == [
            {"one_of": ["007", "a.b", "houston", "no"]}
        ]
        assert [parameter.rule.described() for parameter in two.parameters] == [
            {"pattern": "[a-z.]{1,20}"},
            {"pattern": "[a-z.]+"},
        ]

    def test_models_come_in_the_order_of_their_names(self, table):
        """A listing can go on where it stopped."""
        names = ["churn", "house-price/{city}", "house-price/{country}/{city}", "iris"]

        assert [model.name for model in table.models()] == names
        assert [model.name for model in table.models(after="house-price/{city}")] == names[2:]
        assert [model.name for model in table.models(after="d")] == names[1:]
        assert list(table.models(after="iris")) == []
        assert len(table) == 4


class CountingRows(dict[str, Any]):
    """Rows that count how often they are looked at."""

    looks = 0

    def __getitem__(self, key):
        self.looks += 1
        return super().__getitem__(key)

    def __contains__(self, key):
        self.looks += 1
        return super().__contains__(key)

    def __iter__(self):
        raise AssertionError("resolving walks through the table")

    items = keys = values = __iter__


def many(count):
    """A table as people write them, with this many models."""
    models = "".join(
        f"  model-{number}:\n"
        f"    kind: mme\n"
        f"    endpoint: tabular-{number % 50}\n"
        f"    target_model: model-{number}/v3.tar.gz\n"
        f"    description: What model number {number} is about\n"
        f"    content_types: [application/json, text/csv]\n"
        for number in range(count)
    )
    return f"version: 1\nmodels:\n{models}".encode()


class TestSize:
    """Thousands of models are normal."""

    @pytest.mark.parametrize("count", [10, 1_000, 10_000])
    def test_resolving_does_not_depend_on_it(self, count):
        """Finding a model takes the same few look-ups in any table, and never a walk."""
        table = parse(many(count))
        rows = CountingRows(table.rows)
        table = dataclasses.replace(table, rows=rows)

        table.resolve(f"model-{count - 1}")
        assert rows.looks == 2
        table.resolve(f"model-{count - 1}")
        assert rows.looks == 3
        with pytest.raises(UnknownModel):
            table.resolve("nothing")
        assert rows.looks == 4

    @pytest.mark.parametrize("count", [10, 1_000, 10_000])
    def test_load_time(self, count, tmp_path, capsys):
        """The compiled form is what a cold start can afford; the figures are printed."""
        path = tmp_path / "routing.yaml"
        path.write_bytes(many(count))
        yaml_seconds, table = timed(lambda: table_file.load(path))
        table_file.compiled_path(path).write_bytes(table_file.compiled(table))
        compiled_seconds, compiled = min(
            (timed(lambda: table_file.load(path)) for _ in range(3)), key=lambda pair: pair[0]
        )
        with capsys.disabled():
            sys.stdout.write(
                f"\n{count:6,} models: YAML {yaml_seconds * 1e3:7.1f} ms, "
                f"compiled {compiled_seconds * 1e3:6.1f} ms\n"
            )

        assert compiled == table


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


class TestFile:
    """A table's file and its compiled form."""

    @pytest.fixture(name="path")
    def _path(self, tmp_path):
        path = tmp_path / "routing-dev.yaml"
        path.write_bytes(TABLE)
        return path

    @pytest.fixture(name="compiled")
    def _compiled(self, path):
        """A compiled form that gives itself away: its model has another endpoint."""
        content = table_file.compiled(table_file.load(path))
        compiled = table_file.compiled_path(path)
        compiled.write_bytes(content.replace(b"churn-prod", b"other"))
        return compiled

    def endpoint(self, path):
        return table_file.load(path).resolve("churn").target.endpoint

    def test_round_trip(self, table):
        """A table is the same after being compiled."""
        compiled = recompiled(table)

        assert compiled == table
        assert list(compiled.models()) == list(table.models())
        assert table.allow_shrink is True

    def test_digest(self, table):
        """A table is known by the SHA-256 of its YAML."""
        assert re.fullmatch("[0-9a-f]{64}", table.digest)
        assert parse(TABLE + b"# changed\n").digest != table.digest

    def test_each_table_has_its_own(self, path):
        """The compiled form lies beside its table and has its name."""
        assert table_file.compiled_path(path) == path.with_name("routing-dev.json")

    def test_compiled_is_used(self, path, compiled):
        """The compiled form of this very YAML is taken."""
        assert compiled.exists()
        assert self.endpoint(path) == "other"

    def test_stale_compiled_is_not_used(self, path, compiled):
        """After an edit the YAML is parsed until somebody compiles it."""
        path.write_bytes(TABLE.replace(b"churn-prod", b"churn-next"))

        assert compiled.exists()
        assert self.endpoint(path) == "churn-next"

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"null",
            b"[]",
            b"7",
            b'"x"',
            b"{}",
            b"\xff",
            b"[" * 100_000,
            b'{"format": 1, "sha256": "0"}',
        ],
    )
    def test_unusable_compiled_is_not_used(self, path, content):
        """Whatever else lies there, the YAML counts."""
        table_file.compiled_path(path).write_bytes(content)

        assert self.endpoint(path) == "churn-prod"

    def test_compiled_of_another_format_is_not_used(self, path, compiled):
        """A gateway of another version does not guess what rows mean."""
        document = json.loads(compiled.read_bytes())
        compiled.write_text(json.dumps({**document, "format": 0}))

        assert self.endpoint(path) == "churn-prod"

    @pytest.mark.parametrize("key", ["models", "defaults", "allow_shrink"])
    def test_incomplete_compiled_is_not_used(self, path, compiled, key):
        """A compiled form without one of its parts is none."""
        document = json.loads(compiled.read_bytes())
        del document[key]
        compiled.write_text(json.dumps(document))

        assert self.endpoint(path) == "churn-prod"

    def test_bad_table_beside_good_compiled(self, path, compiled):
        """A table that was broken after it was compiled is refused."""
        assert compiled.exists()
        path.write_bytes(b"version: 1\n")

        with pytest.raises(InvalidTable, match="models: missing"):
            table_file.load(path)

    def test_no_file(self, tmp_path):
        """A table that is not there is a problem like any other."""
        path = tmp_path / "routing.yaml"
        path.symlink_to("../nowhere.yaml")

        with pytest.raises(InvalidTable) as caught:
            table_file.load(path)
        assert str(caught.value) == f"{path}: the file cannot be read: No such file or directory"

    def test_compiled_needs_no_yaml(self, path, compiled):
        """A start from the compiled form imports neither YAML nor the checks."""
        script = (
            "import sys; from pathlib import Path;"
            "from chalicelib.routing.reading.file import load;"
            f"assert len(load(Path({str(path)!r}))) == 4;"
            "bad = {'yaml', 'difflib', 'chalicelib.routing.reading.document'} & set(sys.modules);"
            "sys.exit(str(bad) if bad else 0)"
        )

        assert compiled.exists()
        assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", script]) == 0


NAMES = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,9}", fullmatch=True)
SAGEMAKER_NAMES = st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,9}", fullmatch=True)
VALUES = st.from_regex(r"[A-Za-z0-9_~-]{1,10}", fullmatch=True)
HEADERS = st.lists(st.sampled_from(["custom-attributes", "session-id"]), unique=True)
MEDIA_TYPES = st.lists(
    st.sampled_from(["application/json", "text/csv", "image/png"]), min_size=1, unique=True
)
OPTIONS = {
    "timeout_seconds": st.sampled_from([0.1, 1, 2.5, 28]),
    "max_attempts": st.integers(1, 3),
    "content_types": MEDIA_TYPES,
    "accepts": MEDIA_TYPES,
    "cold_start": st.sampled_from(["refuse", "wait"]),
    "pass_headers": HEADERS,
    "return_headers": HEADERS,
    "expose_model_errors": st.booleans(),
}
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | PRINTABLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PRINTABLE, inner, max_size=3),
    max_leaves=8,
)
TARGETS = st.one_of(
    st.fixed_dictionaries({"kind": st.just("single"), "endpoint": SAGEMAKER_NAMES}),
    st.fixed_dictionaries(
        {"kind": st.just("mme"), "endpoint": SAGEMAKER_NAMES, "target_model": VALUES}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("mce"),
            "endpoint": SAGEMAKER_NAMES,
            "target_container_hostname": SAGEMAKER_NAMES,
        }
    ),
    st.fixed_dictionaries(
        {"kind": st.just("pipeline"), "endpoint": SAGEMAKER_NAMES},
        optional={"target_model": VALUES, "target_variant": SAGEMAKER_NAMES},
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("component"),
            "endpoint": SAGEMAKER_NAMES,
            "inference_component": SAGEMAKER_NAMES,
        }
    ),
)
ENTRIES = st.builds(
    lambda target, options: {**target, **options},
    TARGETS,
    st.fixed_dictionaries({}, optional={**OPTIONS, "example": JSON_VALUES}),
)
TABLES = st.fixed_dictionaries(
    {"version": st.just(1), "models": st.dictionaries(NAMES, ENTRIES, min_size=1, max_size=5)},
    optional={
        "defaults": st.fixed_dictionaries({}, optional=OPTIONS),
        "allow_shrink": st.booleans(),
    },
)


@given(TABLES)
@settings(deadline=None)
def test_any_table_means_what_it_says(written):
    """Every key of a legal table arrives, in the parsed table and in the compiled one."""
    table = parse(json.dumps(written, ensure_ascii=False))
    compiled = recompiled(table)

    assert compiled == table
    assert list(compiled.models()) == list(table.models())
    for model in table.models():
        said = {**written.get("defaults", {}), **written["models"][model.name]}
        for key, value in said.items():
            assert_arrived(model, key, value)


def assert_arrived(model, key, value):
    if key == "example":
        assert json.loads(model.example) == value
    elif isinstance(value, list):
        assert getattr(model, key) == tuple(value)
    else:
        assert getattr(model if hasattr(model, key) else model.target, key) == value


class TestNaughtyStrings:
    """The Big List of Naughty Strings, wherever a table meets the world."""

    def test_as_paths(self, table):
        """A path is a known model, an unknown one, or one with a wrong parameter."""
        permissive = parse(
            "version: 1\nmodels:\n  x/{a}:\n    kind: mme\n    endpoint: e\n"
            "    target_model: 'p/{a}'\n    parameters: {a: {pattern: '.*'}}\n"
        )
        for text in vectors("blns.json"):
            for tried, path in ((table, text), (permissive, f"x/{text}"), (permissive, text)):
                try:
                    target = tried.resolve(path).target
                except (UnknownModel, InvalidParameter) as error:
                    assert error.detail.isprintable()
                else:
                    assert re.fullmatch(r"p/[A-Za-z0-9._~-]{1,63}", target.target_model)

    def test_as_names(self):
        """A name in a table is a legal one or a problem with its line."""
        legal = 0
        for text in vectors("blns.json"):
            name = json.dumps(text)
            try:
                table = parse(f"version: 1\nmodels: {{{name}: {{kind: single, endpoint: e}}}}")
            except InvalidTable as error:
                assert {problem.line for problem in error.problems} <= {1, 2}
            else:
                legal += 1
                assert re.fullmatch(r"[a-z0-9](-*[a-z0-9]){0,62}", text)
                assert isinstance(table, RoutingTable)
                assert table.find(text).model.name == text
        assert legal > 0

    def test_as_artifacts(self):
        """What names an artifact stays below the endpoint's prefix."""
        for text in vectors("blns.json"):
            artifact = json.dumps(text)
            try:
                table = parse(
                    "version: 1\nmodels: "
                    f"{{a: {{kind: mme, endpoint: e, target_model: {artifact}}}}}"
                )
            except InvalidTable:
                continue
            assert table.resolve("a").target.target_model == text
            assert not {"", ".", ".."} & set(text.split("/"))
