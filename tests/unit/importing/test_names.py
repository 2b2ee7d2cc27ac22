"""The names of imported models."""

import pytest

from chalicelib.routing.reading.entry import read_name
from gatewayctl.commands.import_ import Hosted, Section
from gatewayctl.commands.import_artifacts import Entry, Parameter
from gatewayctl.commands.import_text import legal, name_entries


def names(*entries):
    """Name entries, each given as its candidates; a set stands for an entry with a parameter."""
    hosted = Hosted(
        tuple(
            Entry(tuple(one), "single", {}, Parameter("x", ("1",), None) if is_set else None)
            for one in entries
            for is_set in [isinstance(one, frozenset)]
        )
    )
    ((_, found),) = name_entries([Section("e", "", hosted)])
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
    """A text becomes the legal name that resembles it most."""
    assert legal(text) == expected
    assert read_name(expected)


def test_the_next_best():
    """If a name is taken, the next candidate is used."""
    assert names(["iris"], ["iris", "flowers-iris"]) == [("iris", None), ("flowers-iris", "iris")]


def test_numbers():
    """If all candidates are taken, the last one gets a number."""
    assert names(["a"], ["a-2"], ["A"], ["a"], ["a-2"]) == [
        ("a", None),
        ("a-2", None),
        ("a-3", "a"),
        ("a-4", "a"),
        ("a-2-2", "a-2"),
    ]


def test_numbers_of_long_names():
    """A numbered name has at most 63 characters."""
    assert names(["a" * 80], ["a" * 80]) == [("a" * 63, None), ("a" * 61 + "-2", "a" * 63)]


def test_parameters():
    """Models with different numbers of parameters may share the first segment."""
    assert names(["a"], frozenset(["a"]), frozenset(["a"])) == [
        ("a", None),
        ("a/{x}", None),
        ("a-2/{x}", "a"),
    ]


def test_ten_thousand_of_a_name():
    """Ten thousand models with one candidate have different names."""
    found = {name for name, _ in names(*[["model"]] * 10_000)}

    assert len(found) == 10_000
