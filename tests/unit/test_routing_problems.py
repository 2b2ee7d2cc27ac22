"""The problems of a broken routing table: all of them are reported, each with its line."""

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
from tests.support.profile import LONG

PROJECT = Path(__file__).parents[2]
DEMO = (PROJECT / "routing.yaml").read_bytes()
BROKEN = yaml.safe_load(Path(__file__).with_name("broken_tables.yaml").read_text(encoding="utf-8"))

ONE = b"version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n"
PROBLEM = re.compile(r"routing\.yaml:[1-9][0-9]*: .+")


def problems(data):
    """Return each problem as `line: key path: text`."""
    try:
        table = parse(data, "routing.yaml")
    except InvalidTable as error:
        return [str(problem).removeprefix("routing.yaml:") for problem in error.problems]
    assert isinstance(table, RoutingTable)
    return []


@pytest.fixture(name="python_loader")
def _python_loader(monkeypatch):
    """Use the loader of a PyYAML that was built without libyaml."""
    monkeypatch.setattr(nodes, "LOADER", yaml.SafeLoader)


def test_broken_tables():
    """Each problem of a broken table has its line, its key path and a remedy."""
    assert len({case["rule"] for case in BROKEN}) == len(BROKEN) >= 100
    for case in BROKEN:
        assert problems(case["table"].encode()) == case["problems"].splitlines(), case["rule"]


@pytest.mark.usefixtures("python_loader")
def test_broken_tables_without_libyaml():
    """PyYAML's own loader finds the same problems; only the text about broken YAML differs."""
    for case in BROKEN:
        found = problems(case["table"].encode())
        expected = case["problems"].splitlines()
        assert len(found) == len(expected), case["rule"]
        assert found == expected or "this is not YAML" in found[0], case["rule"]


class TestBytes:
    """Files that are no UTF-8 text, or too large."""

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
        ],
    )
    def test_bytes(self, data, expected):
        """A file that cannot be parsed at all is one problem with a line."""
        assert problems(data)[0] == expected

    @pytest.mark.parametrize(
        "data", [ONE.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + ONE], ids=["crlf", "bom"]
    )
    def test_windows(self, data):
        """Windows line ends and a byte order mark are allowed."""
        assert problems(data) == []

    @pytest.mark.usefixtures("python_loader")
    def test_deep_nesting_without_libyaml(self):
        """Nesting is limited without libyaml too."""
        assert problems(b"[" * 1_000) == ["1: nested deeper than 100 levels"]

    def test_binary_file(self):
        """At most twenty problems of a file are reported."""
        assert len(problems(b"\x00\n" * 100_000)) == 20

    def test_long_example(self):
        """An example has at most 100,000 characters."""
        data = ONE + b"    example: " + b"x" * 100_001 + b"\n"

        assert problems(data) == ["6: models.a.example: is longer than 100,000 characters as JSON"]


class TestPatterns:
    """Patterns of parameters: those that could take too long are refused."""

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
        """Usual patterns for names, years and versions are allowed."""
        assert refusal(pattern) is None

    @pytest.mark.parametrize("pattern", ["(a|a)" * 30, "(a?){30}", "((((((a+)+)+)+)+)+)+"])
    def test_refused(self, pattern):
        """A pattern that could take exponential time is refused."""
        assert refusal(pattern) is not None

    @given(
        st.text("ab*+?|(){}[]^,-.\\1234567890d", max_size=LONGEST_PATTERN),
        st.text("ab1.-", min_size=1, max_size=63),
    )
    @settings(deadline=1_000, max_examples=500 if LONG else 200)
    def test_any_pattern(self, pattern, value):
        """Any text can be checked, and a pattern that is allowed matches within the deadline."""
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


@given(MUTATIONS)
@settings(deadline=None, max_examples=500 if LONG else 200)
def test_mutations(mutations):
    """A table that was changed at random is a set of problems, or holds what its YAML says."""
    assert_problems_or_models(mutate(DEMO, mutations))


def test_truncations():
    """A table that is cut off is a set of problems, or holds the models before the cut."""
    for end in range(0, len(DEMO), 1 if LONG else 5):
        assert_problems_or_models(DEMO[:end])


def assert_problems_or_models(data):
    try:
        table = parse(data, "routing.yaml")
    except InvalidTable as error:
        assert error.problems
        for problem in error.problems:
            assert PROBLEM.fullmatch(str(problem))
            assert 1 <= problem.line <= data.count(b"\n") + 2
    else:
        assert_holds(table, data)


def assert_holds(table, data):
    """Compare the table with what PyYAML reads."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    written = yaml.load(data, Loader=loader)["models"]

    assert {model.name for model in table.models()} == set(written)
    for model in table.models():
        entry = written[model.name]
        assert model.target.endpoint == entry["endpoint"]
        assert model.target.kind == entry["kind"]
        assert getattr(model.target, "target_model", None) == entry.get("target_model")
