"""The JSON Schema of a routing table: it takes what the parser takes, and sees what it can."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from chalicelib.routing.reading import values
from chalicelib.routing.reading.document import TABLE, parse
from chalicelib.routing.reading.entry import read_name
from chalicelib.routing.reading.keys import RULE, WEIGHT, TargetText, model_keys, target_keys
from chalicelib.routing.reading.nodes import ScalarNode
from chalicelib.routing.reading.problems import Findings, InvalidTable
from chalicelib.routing.targets import NAME, TARGET_MODEL
from gatewayctl.commands.schema import DESCRIPTIONS, GRAMMARS, table_schema
from tests.support import gateway, key_desk
from tests.support.command_line import gatewayctl
from tests.support.editor_yaml import load
from tests.support.random_tables import TABLES

PROJECT = Path(__file__).parents[2]
DOCUMENTED = re.findall(
    r"```yaml\n(version: 1\n.*?)```",
    "".join(path.read_text(encoding="utf-8") for path in sorted(PROJECT.glob("docs/*.md"))),
    re.DOTALL,
)
TABLES_OF_OURS = [
    *DOCUMENTED,
    (PROJECT / "routing.yaml").read_text(encoding="utf-8"),
    gateway.TABLE,
    key_desk.TABLE,
]
BROKEN = yaml.safe_load(Path(__file__).with_name("broken_tables.yaml").read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(table_schema())

# Only who knows the text that was written, or more than one place of the table, can say these.
OUT_OF_SIGHT = re.compile(
    r"\.pattern: the pattern|duplicate|anchor|alias|the tag|directive|in the list twice|deeper than"
    r"|declared|is not used|is none of the targets|has one parameter twice"
    r"|must be 1, .* not 1\.0|not True|not 007|not 1e1|not 2\.0|is 1e999|write null|U\+0007|aaaaa…"
)
# No line end: `$` of Python's `re` also matches before one, and that of JSON Schema does not.
ALPHABET = st.text(st.sampled_from("aZ09-._~/{}!'()+=@,:% é$^&#*?\\"), max_size=9)
LONG = st.integers(60, 66).map(lambda length: "a" * length)


def refusals(text):
    """What an editor with this schema says about a table."""
    try:
        said = load(text)
    except yaml.YAMLError as error:
        return [str(error)]
    return [error.message for error in VALIDATOR.iter_errors(said)]


def is_seen(case):
    return not all(map(OUT_OF_SIGHT.search, case["problems"].splitlines()))


def takes(check, text):
    """Whether the parser does."""
    findings = Findings("")
    check(ScalarNode(text, False, 1, None), findings)
    return not findings.problems


class TestSchema:
    """What it is."""

    def test_draft(self):
        """It is a JSON Schema of draft 7, the newest that yaml-language-server knows."""
        assert table_schema()["$schema"] == "http://json-schema.org/draft-07/schema#"
        Draft7Validator.check_schema(table_schema())

    def test_every_key_is_described(self):
        """An editor shows a line for every key that there is."""
        keys = TABLE.keys() | model_keys().keys() | RULE.keys() | WEIGHT.keys()

        assert DESCRIPTIONS.keys() == keys - target_keys().keys()


class TestSoundTables:
    """What the parser takes."""

    def test_there_are_examples(self):
        """The documentation has some."""
        assert len(DOCUMENTED) >= 3

    @pytest.mark.parametrize("text", TABLES_OF_OURS)
    def test_ours(self, text):
        """Every table of this repository and its documentation."""
        assert parse(text.encode(), "routing.yaml")
        assert refusals(text) == []

    @pytest.mark.parametrize(
        "rule",
        ["{one_of: [7, 007, no, true, 1.5, ~, null]}", "{pattern: 7}", '{pattern: "[a-z]+"}'],
    )
    def test_texts_that_look_like_something_else(self, rule):
        """Editors take some texts for numbers, booleans or nothing at all."""
        text = (
            "version: 1\nmodels:\n  9/{a}:\n    kind: mme\n    endpoint: 3\n"
            "    description: false\n"
            f'    target_model: "{{a}}/007"\n    parameters: {{a: {rule}}}\n'
        )

        assert parse(text.encode(), "routing.yaml")
        assert refusals(text) == []

    @given(text=TABLES)
    def test_random(self, text):
        """Whatever the parser takes, the schema takes."""
        assert parse(text.encode(), "routing.yaml")
        assert refusals(text) == []


class TestBrokenTables:
    """What somebody broke."""

    def test_most_are_seen(self):
        """Three of four at least, so that an editor is worth asking."""
        assert sum(map(is_seen, BROKEN)) >= 0.75 * len(BROKEN)

    @pytest.mark.parametrize("case", [*filter(is_seen, BROKEN)], ids=lambda case: case["rule"])
    def test_refused(self, case):
        """What can be seen in one place of a table is seen."""
        with pytest.raises(InvalidTable):
            parse(case["table"].encode(), "routing.yaml")
        assert refusals(case["table"])

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("    endpont: e", "'endpont' was unexpected"),
            ("    target_model: a.tar.gz", "False schema does not allow 'a.tar.gz'"),
            ("    timeout_seconds: 60", "60 is greater than the maximum of 28"),
            ("    cold_start: never", "'never' is not one of ['refuse', 'wait']"),
            ("    parameters: {a: {one_of: [b]}}", "expected to be empty"),
            ("    description:", "None is not of type 'string', 'number', 'boolean'"),
        ],
    )
    def test_once(self, line, said):
        """An editor shows one thing, and shows it where it is."""
        (refusal,) = refusals(
            f"version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n{line}\n"
        )

        assert said in refusal


class TestGrammars:
    """Regular expressions of JSON Schema that stand beside the parser's own."""

    @pytest.mark.parametrize(
        "check",
        [
            TargetText(NAME),
            values.parameter_value,
            TargetText(TARGET_MODEL),
            values.media_type,
            values.region,
            values.role_arn,
        ],
        ids=["name", "parameter_value", "target_model", "media_type", "region", "role_arn"],
    )
    @given(data=st.data())
    def test_same_language(self, check, data):
        """They agree about every text."""
        text = data.draw(ALPHABET | LONG)

        assert Draft7Validator(GRAMMARS[check]).is_valid(text) == takes(check, text)

    @given(
        name=ALPHABET | LONG | st.from_regex(r"[ab-]{1,3}(/\{[a-z_]{1,2}\}){0,3}", fullmatch=True)
    )
    def test_names_of_models(self, name):
        """They agree about what can be a model's name."""
        patterns = table_schema()["properties"]["models"]["patternProperties"]

        assert any(re.search(pattern, name) for pattern in patterns) == (
            read_name(name) is not None
        )


class TestCommand:
    """`gatewayctl schema`."""

    def run(self, project, *arguments):
        return gatewayctl("schema", *arguments, project=project)

    def test_stdout(self, tmp_path):
        """The schema is printed; with --format json the same."""
        code, out, err = self.run(tmp_path)

        assert (code, json.loads(out), err) == (0, table_schema(), "")
        assert self.run(tmp_path, "--format", "json") == (code, out, err)

    def test_out(self, tmp_path):
        """With --out, the schema is in the file, whose name is printed."""
        target = tmp_path / "routing.schema.json"

        assert self.run(tmp_path, "--out", str(target)) == (0, f"{target}\n", "")
        assert target.read_text() == self.run(tmp_path)[1]

    def test_no_place_to_write(self, tmp_path):
        """A file that cannot be written is wrong use."""
        assert self.run(tmp_path, "--out", str(tmp_path)) == (
            2,
            "",
            f"gatewayctl schema: {tmp_path} cannot be written: Is a directory\n",
        )
