"""The routing table: the models of a table, the meaning of a path, and the compiled form."""

import dataclasses
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import InvalidParameter, RoutingUnavailable, UnknownModel
from chalicelib.routing.named_targets import NamedTarget
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.sources import RETRY_SECONDS, FileSource
from chalicelib.routing.table import RoutingTable
from chalicelib.routing.targets import MultiModelTarget, SingleModelTarget
from chalicelib.settings import FileLocation
from tests.faults.rows import row
from tests.support.clock import Clock
from tests.support.gateway import Log
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
    """The model that an entry of the table defines."""

    def test_built_in_defaults(self):
        """An entry with an endpoint alone gets the built-in defaults."""
        (model,) = parse("version: 1\nmodels: {a: {kind: single, endpoint: e}}").models()

        assert {one.name: getattr(model, one.name) for one in dataclasses.fields(model)} == {
            "name": "a",
            "targets": (NamedTarget.of(SingleModelTarget("e")),),
            "sticky": None,
            "fallback": (),
            "parameters": (),
            "description": None,
            "content_types": ("application/json",),
            "accepts": ("application/json",),
            "example": None,
            "timeout_seconds": 25,
            "max_attempts": 2,
            "cold_start": "refuse",
            "cold_seconds": 2,
            "pass_headers": (),
            "return_headers": (),
            "expose_model_errors": False,
            "metrics": True,
        }

    def test_defaults_of_the_table(self, table):
        """The table's defaults replace the built-in ones."""
        model = table.find("churn").model

        assert model.timeout_seconds == 10
        assert model.pass_headers == ("inference-id",)
        assert model.content_types == ("application/json",)
        assert model.accepts == ("text/csv",)

    def test_own_options(self, table):
        """A model's own options replace all defaults."""
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
        assert model.content_types == ("application/json", "text/csv")  # in lower case

    def test_default_of_accepts(self):
        """A model without `accepts` answers in the media types that it takes."""
        text = "version: 1\nmodels: {a: {kind: single, endpoint: e, content_types: [image/png]}}"

        assert parse(text).find("a").model.accepts == ("image/png",)

    def test_example(self, table):
        """An example has JSON's numbers, true, false and null; other plain scalars are texts."""
        example = {"instances": [[5.1, 3, True, None, "no", "007", 1000.0]], "2": "3"}

        assert json.loads(table.find("iris").model.example) == example

    @pytest.mark.parametrize(
        "text", ["no", "007", "1:30", "0x1F", "null", "1e3", "true", "2026-01-01"]
    )
    def test_plain_scalars(self, text):
        """A plain scalar stays the text that was written, whatever YAML makes of it."""
        example = f"version: 1\nmodels: {{a: {{kind: single, endpoint: e, description: {text}}}}}"

        assert parse(example).find("a").model.description == text

    def test_model_is_frozen(self, table):
        """A model cannot be changed, and is built once."""
        model = table.find("iris").model

        with pytest.raises(dataclasses.FrozenInstanceError):
            model.max_attempts = 1
        assert table.find("iris").model is model
        assert isinstance(hash(model), int)


class TestResolving:
    """The model, parameters and target that a path means."""

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
        """A path names a model, and the path's parameters complete the target."""
        resolved = table.resolve(path)

        assert resolved.model.name == name
        assert resolved.target == target

    def test_parameters(self, table):
        """Parameters are in the order of the path."""
        resolved = table.resolve("house-price/fr/paris")

        assert list(resolved.parameters.items()) == [("country", "fr"), ("city", "paris")]

    @pytest.mark.parametrize(
        "path",
        ["", "/", "/churn", "churn/", "churn ", "house-price/{city}/{x}/y", "*", "*/*", "churn%2f"],
    )
    def test_unknown_model(self, table, path):
        """A path that the table does not name is an unknown model."""
        with pytest.raises(UnknownModel, match=r"^No model named .* GET /models lists"):
            table.find(path)

    @pytest.mark.parametrize(
        ("path", "parameter"),
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
    def test_invalid_parameter(self, table, path, parameter):
        """A value that breaks its rule, or leaves the endpoint's prefix, is refused by name."""
        match = table.find(path)

        with pytest.raises(InvalidParameter, match=f"^The parameter {parameter} is '"):
            match.resolve()

    def test_order(self, table):
        """Models are in the order of their names, and a listing can start after any name."""
        names = ["churn", "house-price/{city}", "house-price/{country}/{city}", "iris"]

        assert [model.name for model in table.models()] == names
        assert [model.name for model in table.models(after="house-price/{city}")] == names[2:]
        assert [model.name for model in table.models(after="d")] == names[1:]
        assert list(table.models(after="iris")) == []
        assert len(table) == 4


class CountingRows(dict[str, Any]):
    """Rows that count the look-ups, and cannot be iterated."""

    lookups = 0

    def __getitem__(self, key):
        self.lookups += 1
        return super().__getitem__(key)

    def __contains__(self, key):
        self.lookups += 1
        return super().__contains__(key)

    def __iter__(self):
        raise AssertionError("resolving walks through the table")

    items = keys = values = __iter__


@pytest.mark.parametrize("count", [10, 10_000])
def test_number_of_lookups(count):
    """Finding a model takes the same number of look-ups in a small and in a large table."""
    entries = "".join(f"  model-{n}: {{kind: single, endpoint: e}}\n" for n in range(count))
    table = parse(f"version: 1\nmodels:\n{entries}")
    rows = CountingRows(table.rows)
    table = dataclasses.replace(table, rows=rows)

    table.resolve(f"model-{count - 1}")
    assert rows.lookups == 2
    table.resolve(f"model-{count - 1}")
    assert rows.lookups == 3
    with pytest.raises(UnknownModel):
        table.resolve("nothing")
    assert rows.lookups == 4


class TestFile:
    """A table's file, and the compiled form that spares the start from parsing YAML."""

    @pytest.fixture(name="path")
    def _path(self, tmp_path):
        path = tmp_path / "routing-dev.yaml"
        path.write_bytes(TABLE)
        return path

    @pytest.fixture(name="compiled")
    def _compiled(self, path):
        """Write a compiled form whose model has another endpoint than the YAML's model."""
        other = parse(TABLE.replace(b"churn-prod", b"other"))
        forged = dataclasses.replace(other, digest=hashlib.sha256(TABLE).hexdigest())
        compiled = table_file.compiled_path(path)
        compiled.write_bytes(table_file.compiled(forged))
        return compiled

    def endpoint(self, path):
        return table_file.load(path).resolve("churn").target.endpoint

    def test_round_trip(self, table):
        """A table that was compiled and read again is the same table."""
        compiled = recompiled(table)

        assert compiled == table
        assert list(compiled.models()) == list(table.models())
        assert table.allow_shrink is True

    def test_is_json(self, table):
        """The compiled form is one JSON document, for whoever wants to look into it."""
        document = json.loads(table_file.compiled(table))

        assert list(document) == [
            "content",
            "format",
            "sha256",
            "allow_shrink",
            "defaults",
            "models",
        ]
        assert document["models"] == table.rows

    def test_digest(self, table):
        """A table's digest is the SHA-256 of its YAML."""
        assert table.digest == hashlib.sha256(TABLE).hexdigest()

    def test_name_of_compiled_form(self, path):
        """The compiled form lies beside its table and has the table's name."""
        assert table_file.compiled_path(path) == path.with_name("routing-dev.json")

    def test_compiled_is_used(self, path, compiled):
        """A compiled form that was made from this YAML is used."""
        assert compiled.exists()
        assert self.endpoint(path) == "other"

    def reason(self, path):
        """Return why the compiled form was not used, after the YAML was."""
        reasons = []
        assert table_file.load(path, reasons.append) == parse(path.read_bytes())
        (reason,) = reasons
        return reason

    def test_stale_compiled_is_not_used(self, path, compiled):
        """A compiled form that was made from another YAML is not used."""
        path.write_bytes(TABLE.replace(b"churn-prod", b"churn-next"))

        assert compiled.exists()
        assert self.reason(path) == "it was made from another table"

    def test_no_compiled(self, path):
        """A missing compiled form is a reason too."""
        assert self.reason(path) == "it cannot be read: No such file or directory"

    @row("R9")
    @pytest.mark.parametrize(
        "content",
        [
            *(b"", b"{", b"null", b"[]", b"7", b'"x"', b"{}", b"\xff", b"[" * 100_000),
            b'{"format": 1, "sha256": "0"}',
            b'{"content":"',
            b'{"content":"\xff\xff',
        ],
    )
    def test_unusable_compiled_is_not_used(self, path, content):
        """A file that is no compiled form is not used."""
        table_file.compiled_path(path).write_bytes(content)

        assert self.reason(path) in {NOT_WRITTEN, CHANGED}

    @row("R9")
    def test_changed_compiled_is_not_used(self, path, compiled):
        """A compiled form that was changed is not used, because its own digest tells it."""
        data = compiled.read_bytes()
        for changed in (data.replace(b"other", b"evil!"), data + b" ", data[:-1], data.upper()):
            compiled.write_bytes(changed)
            assert self.reason(path) in {NOT_WRITTEN, CHANGED}

    @row("R9")
    @pytest.mark.parametrize(
        "change",
        [
            *({"format": other} for other in (1, 0, None, True, "2")),
            *({"models": other} for other in ({}, None, [], 7, "x")),
            *({"defaults": other} for other in (None, [], 7, "x")),
            *({"allow_shrink": other} for other in (None, 0, 1, "true", [])),
            {"sha256": None},
            {"more": 1},
        ],
    )
    def test_other_shape_is_not_used(self, path, compiled, change):
        """A document of another shape is not used, even if its own digest is right."""
        document = json.loads(compiled.read_bytes())
        compiled.write_bytes(sealed({**document, **change}))

        assert self.reason(path) in {NOT_WRITTEN, "it was made from another table"}

    @pytest.mark.parametrize("key", ["format", "models", "defaults", "allow_shrink", "sha256"])
    def test_incomplete_compiled_is_not_used(self, path, compiled, key):
        """A compiled form without one of its parts is not used."""
        document = json.loads(compiled.read_bytes())
        del document[key]
        compiled.write_bytes(sealed(document))

        assert self.reason(path) == NOT_WRITTEN

    def test_bad_table_beside_good_compiled(self, path, compiled):
        """A table that was broken after it had been compiled is refused."""
        assert compiled.exists()
        path.write_bytes(b"version: 1\n")

        with pytest.raises(InvalidTable, match="models: missing"):
            table_file.load(path)

    def test_no_file(self, tmp_path):
        """A missing file is reported as a problem of the table."""
        path = tmp_path / "routing.yaml"
        path.symlink_to("../nowhere.yaml")

        with pytest.raises(InvalidTable) as caught:
            table_file.load(path)
        assert str(caught.value) == f"{path}: the file cannot be read: No such file or directory"

    def test_compiled_needs_no_yaml(self, path, compiled):
        """Loading the compiled form imports neither YAML nor the checks."""
        script = (
            "import sys; from pathlib import Path;"
            "from chalicelib.routing.reading.file import load;"
            f"assert len(load(Path({str(path)!r}))) == 4;"
            "bad = {'yaml', 'difflib', 'chalicelib.routing.reading.document'} & set(sys.modules);"
            "sys.exit(str(bad) if bad else 0)"
        )

        assert compiled.exists()
        assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", script]) == 0


NOT_WRITTEN = "it is not what this version of gatewayctl writes"
CHANGED = "it is not complete, or was changed after it was written"


def sealed(document):
    """Write a document as a compiled form that has the right digest of itself."""
    content = {key: value for key, value in document.items() if key != "content"}
    models = content.get("models")
    text = json.dumps(content, separators=(",", ":"))[1:]
    if isinstance(models, dict) and list(content)[-1] == "models":
        rows = ",\n".join(f"{json.dumps(key)}:{json.dumps(row)}" for key, row in models.items())
        text = (
            json.dumps({**content, "models": {}}, separators=(",", ":"))[1:-2] + f"\n{rows}\n}}}}"
        )
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{{"content":"{digest}",{text}'.encode()


V1 = {"kind": "mme", "target": {"endpoint": "e", "target_model": "{city}"}, "weight": 1}
ROW = {"kind": "mme", "target": {"endpoint": "e", "target_model": "{city}/x"}}
CITY = {"city": {"one_of": ["houston"]}}
MISFITS = [
    *(None, [], 7, "x", True, {}),
    *({**ROW, "kind": kind} for kind in (None, 7, [], {}, "other", "single")),
    *({**ROW, "target": target} for target in (None, [], {}, "e", {"endpoint": "e"})),
    *({**ROW, "target": {**ROW["target"], "endpoint": value}} for value in (None, 7, [], {})),
    {key: value for key, value in ROW.items() if key != "kind"},
    {key: value for key, value in ROW.items() if key != "target"},
    *({**ROW, "parameters": rules} for rules in (None, [], 7, "city", {}, {"city": None})),
    *({**ROW, "parameters": {"city": rule}} for rule in ({}, [], {"one_of": None}, {"other": "x"})),
    *({**ROW, "parameters": {"city": {"one_of": values}}} for values in ("houston", [7], [None])),
    *({**ROW, "parameters": {"city": {"pattern": value}}} for value in (None, 7, ["x"])),
    {**ROW, "parameters": {"city": {"one_of": ["houston"], "pattern": "x"}}},
    {**ROW, "parameters": {**CITY, "more": CITY["city"]}},
    *({**ROW, "parameters": CITY, "timeout_seconds": value} for value in (None, "5", [], True)),
    *({**ROW, "parameters": CITY, "max_attempts": value} for value in (None, "2", 1.5, True)),
    *({**ROW, "parameters": CITY, "accepts": value} for value in (None, "x/y", {}, [7], [["x"]])),
    *({**ROW, "parameters": CITY, "description": value} for value in (7, [], {}, True)),
    {**ROW, "parameters": CITY, "expose_model_errors": "yes"},
    {**ROW, "parameters": CITY, "metrics": 0},
    {**ROW, "parameters": CITY, "other": "x"},
    *({"targets": targets, "parameters": CITY} for targets in (None, [], {}, "v1", {"v1": None})),
    *(
        {"targets": {"v1": {**V1, key: value}}, "parameters": CITY}
        for key, values in {
            "kind": (None, 7, "other", "single"),
            "target": (None, [], {}, {"endpoint": 7}),
            "weight": (None, 0, "1", 1.0, True, -1, 1001, 10**400),
            "place": (None, [], "x", {"region": 7}, {"zone": "x"}),
            "other": ("x",),
        }.items()
        for value in values
    ),
    *(
        {"targets": {"v1": V1}, "parameters": CITY, key: value}
        for key, value in {"fallback": ["v2"], "sticky": 7}.items()
    ),
    {"targets": {"v1": {key: V1[key] for key in ("kind", "target")}}, "parameters": CITY},
]


class TestFileSource:
    """A table that ships with the code, read again where the first reading says nothing of it."""

    @pytest.fixture(name="path")
    def _path(self, tmp_path):
        path = tmp_path / "routing.yaml"
        path.write_bytes(TABLE)
        return path

    @row("R9")
    @pytest.mark.parametrize("misfit", MISFITS)
    def test_row_that_does_not_fit(self, path, misfit):
        """The row is refused once with a 503; then the YAML is read, and the log says why."""
        document = json.loads(table_file.compiled(parse(TABLE)))
        document["models"]["house-price/*"] = misfit
        table_file.compiled_path(path).write_bytes(sealed(document))
        log = Log()
        source = FileSource(FileLocation(path), log.telemetry)
        assert source.table().resolve("churn").model.name == "churn"
        with pytest.raises(RoutingUnavailable):
            source.table().resolve("house-price/houston")

        assert source.table().resolve("house-price/houston").target.endpoint == "housing"
        assert source.table() is source.table() == parse(TABLE)
        (line,) = log.lines
        assert (line["message"], line["reason"]) == ("compiled table not used", table_file.MISFIT)

    @row("R9")
    def test_list_with_a_row_that_does_not_fit(self, path):
        """A list of the models is refused once too."""
        document = json.loads(table_file.compiled(parse(TABLE)))
        document["models"]["house-price/*"]["parameters"] = None
        table_file.compiled_path(path).write_bytes(sealed(document))
        source = FileSource(FileLocation(path), Log().telemetry)
        with pytest.raises(RoutingUnavailable):
            list(source.table().models())

        assert len(list(source.table().models())) == 4

    @row("R10")
    def test_crash(self, path):
        """A bug while the file is read is logged; after a pause, the file is read again."""
        log, clock = Log(), Clock()
        path.with_suffix(".crash").touch()
        source = FileSource(FileLocation(CrashingPath(path)), log.telemetry, clock)
        for later in (0, RETRY_SECONDS - 1, 1):
            clock.now += later
            with pytest.raises(RoutingUnavailable):
                source.table()
        assert [line["message"] for line in log.lines] == ["bug", "bug"]

        path.with_suffix(".crash").unlink()
        clock.now += RETRY_SECONDS
        assert source.table() == parse(TABLE)

    def test_bad_table_is_read_once(self, path):
        """A bad table is not read again, because it ships with the code."""
        log, clock = Log(), Clock()
        path.write_bytes(b"version: 2\n")
        source = FileSource(FileLocation(path), log.telemetry, clock)
        path.write_bytes(TABLE)
        clock.now += 1_000_000

        with pytest.raises(RoutingUnavailable):
            source.table()
        assert [line["message"] for line in log.lines] == ["routing table refused"]


class CrashingPath(type(Path())):
    """A path whose file cannot be read while another file lies beside it."""

    def read_bytes(self):
        if self.with_suffix(".crash").exists():
            raise MemoryError
        return super().read_bytes()


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
    "cold_seconds": st.sampled_from([0.1, 2, 28]),
    "pass_headers": HEADERS,
    "return_headers": HEADERS,
    "expose_model_errors": st.booleans(),
    "metrics": st.booleans(),
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
PLACES = st.fixed_dictionaries(
    {},
    optional={
        "region": st.sampled_from(["eu-west-1", "us-gov-east-1"]),
        "role_arn": st.just("arn:aws:iam::111122223333:role/path/name"),
    },
)
SOME_TARGETS = st.builds(
    lambda target, place, weight: {**target, **place, "weight": weight},
    TARGETS,
    PLACES,
    st.integers(1, 1000),
)
SEVERAL = st.builds(
    lambda targets, sticky: {"targets": targets, "fallback": list(targets), "sticky": sticky},
    st.dictionaries(NAMES, SOME_TARGETS, min_size=1, max_size=3),
    st.sampled_from(["routing-key", "principal", "session-id"]),
)
ENTRIES = st.builds(
    lambda target, options: {**target, **options},
    st.builds(lambda target, place: {**target, **place}, TARGETS, PLACES) | SEVERAL,
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
def test_any_table(written):
    """Every value of a valid table is in the parsed table and in the compiled one."""
    table = parse(json.dumps(written, ensure_ascii=False))
    compiled = recompiled(table)

    assert compiled == table
    assert list(compiled.models()) == list(table.models())
    for model in table.models():
        values = {**written.get("defaults", {}), **written["models"][model.name]}
        for key, value in values.items():
            assert_has(model, key, value)


def assert_has(model, key, value):
    if key == "example":
        assert json.loads(model.example) == value
    elif key == "targets":
        assert {one.name for one in model.targets} == set(value)
        for one in model.targets:
            assert one.invoke_args == one.target.invoke_args()
            for own, written in value[one.name].items():
                assert written == (one.weight if own == "weight" else has(one.target, own))
    elif isinstance(value, list):
        assert getattr(model, key) == tuple(value)
    else:
        assert (getattr(model, key) if hasattr(model, key) else has(model.target, key)) == value


def has(target, key):
    return getattr(target if hasattr(target, key) else target.place, key)


class TestNaughtyStrings:
    """The Big List of Naughty Strings in a table; as paths they are in tests/functional."""

    def test_as_names(self):
        """A text is a valid name of a model, or a problem with its line."""
        valid = 0
        for text in vectors("blns.json"):
            name = json.dumps(text)
            try:
                table = parse(f"version: 1\nmodels: {{{name}: {{kind: single, endpoint: e}}}}")
            except InvalidTable as error:
                assert {problem.line for problem in error.problems} <= {1, 2}
            else:
                valid += 1
                assert re.fullmatch(r"[a-z0-9](-*[a-z0-9]){0,62}", text)
                assert isinstance(table, RoutingTable)
                assert table.find(text).model.name == text
        assert valid > 0

    def test_as_artifacts(self):
        """A text is an artifact below the endpoint's prefix, or a problem."""
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
