"""What is wrong with a table: all of it, each with its line, and nothing taken in part."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.routing.reading import nodes
from chalicelib.routing.reading.document import MAX_FILE_BYTES, parse
from chalicelib.routing.reading.patterns import LONGEST_PATTERN, refusal
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.table import RoutingTable

PROJECT = Path(__file__).parents[2]
DEMO = (PROJECT / "routing.yaml").read_bytes()
BROKEN = yaml.safe_load(Path(__file__).with_name("broken_tables.yaml").read_text(encoding="utf-8"))

ONE = b"version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n"
PROBLEM = re.compile(r"routing\.yaml:[1-9][0-9]*: .+")


def problems(data):
    """Each problem as `line: key path: text`."""
    try:
        table = parse(data, "routing.yaml")
    except InvalidTable as error:
        return [str(problem).removeprefix("routing.yaml:") for problem in error.problems]
    assert isinstance(table, RoutingTable)
    return []


@pytest.fixture(name="python_loader")
def _python_loader(monkeypatch):
    """PyYAML where it was built without libyaml."""
    monkeypatch.setattr(nodes, "LOADER", yaml.SafeLoader)


class TestBrokenTables:
    """Tables that somebody broke by hand."""

    def test_there_are_many(self):
        """A hundred at least, each for a reason of its own."""
        assert len({case["rule"] for case in BROKEN}) == len(BROKEN)
        assert len(BROKEN) >= 100

    @pytest.mark.parametrize("case", BROKEN, ids=lambda case: case["rule"])
    def test_each_problem_is_found(self, case):
        """Every problem comes with its line, its key path and the way out, and no other does."""
        assert problems(case["table"].encode()) == case["problems"].splitlines()

    @pytest.mark.usefixtures("python_loader")
    @pytest.mark.parametrize("case", BROKEN, ids=lambda case: case["rule"])
    def test_without_libyaml(self, case):
        """PyYAML's own loader words broken YAML differently, and finds the same all the same."""
        found = problems(case["table"].encode())
        expected = case["problems"].splitlines()

        assert len(found) == len(expected)
        assert found == expected or "this is not YAML" in found[0]

    @pytest.mark.parametrize("case", BROKEN, ids=lambda case: case["rule"])
    def test_nothing_is_taken_in_part(self, case):
        """One bad model keeps out the good ones beside it."""
        with pytest.raises(InvalidTable):
            parse(case["table"].encode(), "routing.yaml")


class TestBytes:
    """Files that are not even text, or too much of it."""

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            pytest.param(
                ONE + b"# caf\xe9\n",
                "6: the byte 0xe9 is not UTF-8; save the file as UTF-8",
                id="latin-1",
            ),
            pytest.param(
                ONE.decode().encode("utf-16"),
                "1: the byte 0xff is not UTF-8; save the file as UTF-8",
                id="utf-16",
            ),
            pytest.param(
                ONE + b"# \x00\n", "6: the character U+0000 is not allowed; remove it", id="nul"
            ),
            pytest.param(
                ONE + b"# \x1b[31m\n", "6: the character U+001B is not allowed; remove it", id="esc"
            ),
            pytest.param(
                ONE.replace(b"\n", b"\r"),
                "1: the character U+000D is not allowed; remove it",
                id="old-line-ends",
            ),
            pytest.param(
                ONE + "# a\u2028b\n".encode(),
                "6: the character U+2028 is not allowed; remove it",
                id="invisible-line-end",
            ),
            pytest.param(
                b"# " + b"x" * MAX_FILE_BYTES,
                "1: the file has 10,000,002 bytes; at most 10,000,000 are read",
                id="huge",
            ),
            pytest.param(b"\n" * 5 + b"[" * 100_000, "6: nested deeper than 100 levels", id="deep"),
            pytest.param(
                b"a: " * 1,
                "1: a: unknown key; known here: version, defaults, models, allow_shrink",
                id="colon",
            ),
        ],
    )
    def test_no_text(self, data, expected):
        """Broken bytes are a problem with a line, never an exception of their own."""
        assert problems(data)[0] == expected

    @pytest.mark.parametrize(
        "data", [ONE.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + ONE], ids=["crlf", "bom"]
    )
    def test_what_editors_add(self, data):
        """Line ends and a mark at the start, as editors on Windows write them, do no harm."""
        assert problems(data) == []

    @pytest.mark.usefixtures("python_loader")
    def test_deep_nesting_without_libyaml(self):
        """The limit is ours, whoever reads the YAML."""
        assert problems(b"[" * 1_000) == ["1: nested deeper than 100 levels"]

    def test_binary(self):
        """A file that is no text at all is told so briefly."""
        assert len(problems(b"\x00\n" * 100_000)) == 20

    def test_long_example(self):
        """An example is for reading."""
        data = ONE + b"    example: " + b"x" * 100_001 + b"\n"

        assert problems(data) == ["6: models.a.example: is longer than 100,000 characters as JSON"]


class TestPatterns:
    """Patterns that cannot take long."""

    @pytest.mark.parametrize(
        "pattern",
        [
            "[a-z]{2,20}",
            "[0-9]",
            "v[0-9]+([.][0-9]+)?",
            r"\d{4}-\d{2}",
            "(north|south)-(east|west)",
            "(?:eu|us)-[a-z]+-[0-9]+",
            r"[\w.-]+",
            "[^.]+",
            "a*b*c*",
            "([a-z]{2}){3}",
            "|a",
            ".*",
        ],
    )
    def test_allowed(self, pattern):
        """What people write for names, years and versions is fine."""
        assert refusal(pattern) is None

    @pytest.mark.parametrize("pattern", ["(a|a)" * 30, "(a?){30}", "((((((a+)+)+)+)+)+)+"])
    def test_refused(self, pattern):
        """However it is dressed up, what can take too long is refused at once."""
        assert refusal(pattern) is not None

    @given(
        st.text("ab*+?|(){}[]^,-.\\1234567890d", max_size=LONGEST_PATTERN),
        st.text("ab1.-", min_size=1, max_size=63),
    )
    @settings(deadline=1_000, max_examples=500)
    def test_any_text_is_quick(self, pattern, value):
        """No text breaks the check, and what passes it is quick to match (the deadline)."""
        if refusal(pattern) is None:
            re.fullmatch(pattern, value)


SNIPPETS = [
    *(bytes([sign]) for sign in b":-{}[],#|>%~?<\"'0 \n\t\x00\xff"),
    *(b"&a ", b"*a", b"!!x ", b"<<: ", "\u2028".encode()),
]
MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "insert", "repeat", "swap", "replace"]),
        st.floats(0, 1, exclude_max=True),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(SNIPPETS),
    ),
    min_size=1,
    max_size=4,
)


def mutate(data, mutations):
    for kind, one, other, text in mutations:
        start, end = sorted((int(one * len(data)), int(other * len(data))))
        lines = data.split(b"\n")
        line, another = int(one * len(lines)), int(other * len(lines))
        if kind == "cut":
            data = data[:start] + data[min(end, start + 40) :]
        elif kind == "insert":
            data = data[:start] + text + data[start:]
        elif kind == "replace":
            data = data[:start] + text + data[start + len(text) :]
        elif kind == "repeat":
            data = b"\n".join([*lines[: line + 1], *lines[line:]])
        else:
            lines[line], lines[another] = lines[another], lines[line]
            data = b"\n".join(lines)
    return data


class TestMutations:
    """Tables that chance broke."""

    @given(MUTATIONS)
    @settings(deadline=None, max_examples=500)
    def test_a_table_or_problems(self, mutations):
        """A broken table is problems with lines; a table that is left means what YAML says."""
        data = mutate(DEMO, mutations)
        try:
            table = parse(data, "routing.yaml")
        except InvalidTable as error:
            assert_readable(error, data)
        else:
            assert_says_the_same(table, data)

    def test_truncations(self):
        """A table that broke off is problems, or the models up to there."""
        for end in range(len(DEMO)):
            try:
                table = parse(DEMO[:end], "routing.yaml")
            except InvalidTable as error:
                assert_readable(error, DEMO[:end])
            else:
                assert_says_the_same(table, DEMO[:end])


def assert_readable(error, data):
    assert error.problems
    for problem in error.problems:
        assert PROBLEM.fullmatch(str(problem))
        assert 1 <= problem.line <= data.count(b"\n") + 2


def assert_says_the_same(table, data):
    """By another reader of YAML, the table holds these models and no others."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    written = yaml.load(data, Loader=loader)["models"]

    assert {model.name for model in table.models()} == set(written)
    for model in table.models():
        said = written[model.name]
        assert model.target.endpoint == said["endpoint"]
        assert model.target.kind == said["kind"]
        assert getattr(model.target, "target_model", None) == said.get("target_model")
