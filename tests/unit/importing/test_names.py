"""What the imported models are called."""

import pytest

from chalicelib.routing.reading.entry import read_name
from gatewayctl.commands.import_ import Hosted, Section
from gatewayctl.commands.import_artifacts import Entry, Parameter
from gatewayctl.commands.import_text import legal, named


def names(*entries):
    """The names of entries, each given as its candidates, and as a set if it has a parameter."""
    hosted = Hosted(
        tuple(
            Entry(tuple(one), "single", {}, Parameter("x", ("1",), None) if is_set else None)
            for one in entries
            for is_set in [isinstance(one, frozenset)]
        )
    )
    ((_, found),) = named([Section("e", "", hosted)])
    return [(one.name, one.better_name) for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Breast_Cancer.v2", "breast-cancer-v2", id="lower case, hyphens"),
        pytest.param("a--b", "a--b", id="what is legal stays"),
        pytest.param("-a-", "a", id="nothing around"),
        pytest.param("!'()", "model", id="nothing left"),
        pytest.param("a" * 62 + "-b", "a" * 62, id="63 characters, no hyphen at the end"),
        pytest.param("ü", "model", id="no other letters"),
    ],
)
def test_legal(text, expected):
    """The closest that the table takes."""
    assert legal(text) == expected
    assert read_name(expected)


def test_the_next_best():
    """A name that is another's already gives way, and says which it was."""
    assert names(["iris"], ["iris", "flowers-iris"]) == [("iris", None), ("flowers-iris", "iris")]


def test_numbers():
    """When all are taken they are numbered, around those that are taken too."""
    assert names(["a"], ["a-2"], ["A"], ["a"], ["a-2"]) == [
        ("a", None),
        ("a-2", None),
        ("a-3", "a"),
        ("a-4", "a"),
        ("a-2-2", "a-2"),
    ]


def test_numbers_of_long_names():
    """A number is within the 63 characters."""
    assert names(["a" * 80], ["a" * 80]) == [("a" * 63, None), ("a" * 61 + "-2", "a" * 63)]


def test_parameters():
    """A model with a parameter and one without may share the first segment: paths differ."""
    assert names(["a"], frozenset(["a"]), frozenset(["a"])) == [
        ("a", None),
        ("a/{x}", None),
        ("a-2/{x}", "a"),
    ]


def test_ten_thousand_of_a_name():
    """Each has its own."""
    found = {name for name, _ in names(*[["model"]] * 10_000)}

    assert len(found) == 10_000
