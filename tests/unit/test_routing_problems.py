"""The problems of a broken routing table: all of them are reported, each with its line."""

import re
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.routing.reading import nodes
from chalicelib.routing.reading.document import MAX_FILE_BYTES, parse
from chalicelib.routing.reading.patterns import LONGEST_PATTERN, _Reader, refusal
from chalicelib.routing.reading.problems import MOST_PROBLEMS, Findings, InvalidTable
from chalicelib.routing.reading.values import ListOf
from chalicelib.routing.table import RoutingTable
from tests.faults.rows import row
from tests.support.profile import LONG
from tests.support.steps import calls

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


RULE = "{kind: mme, endpoint: e, target_model: '{x}', parameters: {x: {one_of: "


def entries(lines):
    return "version: 1\nmodels:\n" + "".join(lines)


SHAPES = {
    "models": lambda n: entries(f"  m{i}: {{kind: single, endpoint: e}}\n" for i in range(n)),
    "values": lambda n: entries([f"  m/{{x}}: {RULE}[{', '.join(map(str, range(n)))}]}}}}}}\n"]),
    "bad values": lambda n: entries([f"  m/{{x}}: {RULE}[{'$, ' * n}]}}}}}}\n"]),
    "same values": lambda n: entries([f"  m/{{x}}: {RULE}[{'x, ' * n}]}}}}}}\n"]),
    "same keys": lambda n: entries("  m: {kind: single, endpoint: e}\n" for _ in range(n)),
    "unknown keys": lambda n: entries(["  m: {", *(f"k{i}: x, " for i in range(n)), "}\n"]),
    "aliases": lambda n: entries([f"  m: [{'*a, ' * n}]\n"]),
    "parameters": lambda n: entries([f"  ? m{'/{x}' * n}\n  : {{kind: single}}\n"]),
    "braces": lambda n: entries([f"  m: {{kind: mme, target_model: '{'{x}' * n}'}}\n"]),
}


class TestSize:
    """Tables that are large, or costly to read."""

    @row("R11")
    def test_many_problems(self):
        """After twenty thousand problems the rest of the file is not read."""
        found = problems(b"version: 1\nmodels: {a: [" + b"*x," * 30_000 + b"]}\n")

        assert len(found) == MOST_PROBLEMS + 1
        assert found[-1] == " has 20,000 problems; the rest of the file was not read"

    @row("R11")
    def test_many_values(self):
        """An entry is refused if no answer of GET /models could carry it."""
        values = ", ".join(f"v{n:058}" for n in range(70_000))
        data = entries([f"  m/{{x}}: {RULE}[{values}]}}}}}}\n"]).encode()

        assert problems(data) == [
            "3: models.m/{x}: its name and the values of its parameters are too long; "
            "at most 4,000,000 characters fit into an answer of GET /models"
        ]

    @row("R11")
    def test_many_media_types(self):
        """A list of media types has at most 100 of them."""
        types = ", ".join(f"a/{n}" for n in range(101))

        assert problems(ONE + f"    accepts: [{types}]\n".encode()) == [
            "6: models.a.accepts: has 101 items; at most 100 will do"
        ]

    @row("R11")
    @pytest.mark.parametrize("shape", SHAPES)
    def test_steps(self, shape):
        """A table of twice the size takes at most about twice the steps."""
        small, large = (
            calls(partial(problems, SHAPES[shape](size).encode())) for size in (400, 800)
        )

        assert large < 2.2 * small

    @row("R11")
    def test_comparisons(self):
        """Each item of a list is compared with no more than a few others."""
        items = [nodes.ScalarNode(str(n), True, 1, None) for n in range(5_000)]
        check = ListOf(lambda node, findings: Compared(node.text), example="[x]")
        check(nodes.SequenceNode(items, 1, None), Findings(""))

        assert Compared.comparisons < len(items)

    @row("R11")
    def test_long_key_above_a_long_list(self):
        """The memory for a table is a multiple of its size, not of key times list."""
        data = entries([f"  ? {'k' * 50_000}\n  : [{'a, ' * 5_000}]\n"]).encode()
        tracemalloc.start()
        try:
            assert len(problems(data)) == 2
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert peak < 100 * len(data)


class Compared(str):
    """A text that counts its comparisons."""

    comparisons = 0

    def __eq__(self, other):
        Compared.comparisons += 1
        return super().__eq__(other)

    __hash__ = str.__hash__


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

    @row("R11")
    @pytest.mark.parametrize(
        "pattern",
        [
            *("(a|a)" * 30, "(a?){30}", "((((((a+)+)+)+)+)+)+", "a*a*a*a*", "[ab]+[bc]+[cd]+[de]+"),
            # Few ways, but each of them is long.
            r".a(\w?){18}(.{3}){9}",
            r"(?:a?){18}a{3}a{3}(\w){18}",
            r"(?:.{3}|a){18}[ab](a){9}\w",
            *("(a?){17}", "(|a)" * 17, "(ab?|a)" * 11 + "a{20}"),
        ],
    )
    def test_refused(self, pattern):
        """A pattern that could take more than a million steps is refused."""
        assert refusal(pattern) == (
            "can take too long: bound its repeats, as in {1,20}, and do not nest them"
        )

    @pytest.mark.parametrize("pattern", ["[a--b]", "v[^.]{2}[ab--9]", "[a~~b]"])
    def test_future_operators(self, pattern):
        """A class that Python warns about is refused, because its meaning may change."""
        assert str(refusal(pattern)).startswith("has '[")

    @row("R11")
    @pytest.mark.parametrize(
        ("pattern", "steps"),
        [
            ("abc", 3),
            ("a{3}", 12),  # a repeat of one character is 4, whatever follows it
            ("(a)", 13),
            ("a|b", 14),
            ("(a|b)c", 28),  # two ways reach the c
            ("a?b", 6),
            ("(a|b){2}", 2 * 38 + 38),  # two ways reach the second repeat
            ("a{40}a{40}", 40 * 4 + 24 * 4),  # a value ends after 63 characters
        ],
    )
    def test_steps(self, pattern, steps):
        """Each way is counted with all of its steps, up to the length of a value."""
        counts = _Reader(pattern).read().steps

        assert sum(counts >> 64 * length & (1 << 64) - 1 for length in range(64)) == steps

    @given(
        st.text("ab*+?|(){}[]^,-~.\\1234567890d", max_size=LONGEST_PATTERN),
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
        for one in model.targets:
            own = {**entry, **entry.get("targets", {}).get(one.name, {})}
            assert one.target.endpoint == own["endpoint"]
            assert one.target.kind == own["kind"]
            assert getattr(one.target, "target_model", None) == own.get("target_model")
            assert one.name is None or str(one.weight) == own.get("weight", "0")
