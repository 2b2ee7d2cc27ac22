"""How artifacts become entries: their versions, their common shape, the rule of a parameter."""

import re

import pytest

from chalicelib.routing.reading.patterns import refusal
from gatewayctl.account.artifacts import latest
from gatewayctl.commands.import_artifacts import LONGEST_LIST, grouped, parameter, words


@pytest.mark.parametrize(
    ("artifacts", "newest"),
    [
        pytest.param(
            ["iris-v1.tar.gz", "iris-v10.tar.gz", "iris-v9.tar.gz"],
            {"iris-v10.tar.gz": ("iris-v9.tar.gz", "iris-v1.tar.gz")},
            id="by number, not by spelling",
        ),
        pytest.param(
            ["m_v1.2.tar.gz", "m_v1.10.tar.gz", "m_v1.tar.gz"],
            {"m_v1.10.tar.gz": ("m_v1.2.tar.gz", "m_v1.tar.gz")},
            id="several numbers",
        ),
        pytest.param(
            ["houston/v1.tar.gz", "houston/v2.tar.gz", "austin/v1.tar.gz"],
            {"houston/v2.tar.gz": ("houston/v1.tar.gz",), "austin/v1.tar.gz": ()},
            id="each folder has its own",
        ),
        pytest.param(
            ["v1/iris.tar.gz", "v2/iris.tar.gz"],
            {"v2/iris.tar.gz": ("v1/iris.tar.gz",)},
            id="a folder as a version",
        ),
        pytest.param(
            ["v1.tar.gz", "V2.tar.gz"], {"V2.tar.gz": ("v1.tar.gz",)}, id="nothing but a version"
        ),
        pytest.param(
            ["m-v03.tar.gz", "m-v3.tar.gz"],
            {"m-v3.tar.gz": ("m-v03.tar.gz",)},
            id="one number in two spellings",
        ),
        pytest.param(
            ["is-1.tar.gz", "is-2.tar.gz"],
            {"is-1.tar.gz": (), "is-2.tar.gz": ()},
            id="a number is no version",
        ),
        pytest.param(
            ["rev1.tar.gz", "rev2.tar.gz", "v1a.tar.gz", "v2a.tar.gz"],
            dict.fromkeys(["rev1.tar.gz", "rev2.tar.gz", "v1a.tar.gz", "v2a.tar.gz"], ()),
            id="nor part of a word",
        ),
        pytest.param(
            ["v1/m-v2.tar.gz", "v2/m-v1.tar.gz"],
            {"v1/m-v2.tar.gz": (), "v2/m-v1.tar.gz": ()},
            id="two versions say nothing",
        ),
        pytest.param(
            ["m.v1.tar.gz", "m-v2.tar.gz", "m-v2-eu.tar.gz"],
            {"m.v1.tar.gz": (), "m-v2.tar.gz": (), "m-v2-eu.tar.gz": ()},
            id="all the rest has to be the same",
        ),
    ],
)
def test_newest(artifacts, newest):
    """Of each model there is the newest version, and the older ones, newest first."""
    assert dict(latest(artifacts)) == newest
    assert latest(reversed(artifacts)) == latest(artifacts)


ALONE = None


def templates(artifacts):
    """Return the values of the differing part, by template or by lone artifact."""
    return {
        group.artifacts[0] if group.shape is None else group.shape.template("x"): (
            ALONE
            if group.shape is None
            else " ".join(group.shape.value(artifact) for artifact in group.artifacts)
        )
        for group in grouped(artifacts)
    }


def archives(text):
    return [f"{stem}.tar.gz" for stem in text.split()]


TOGETHER = [
    pytest.param("houston/v3 austin/v3", {"{x}/v3": "austin houston"}, id="two folders"),
    pytest.param(
        "us/new-york/v3 us/austin/v3", {"us/{x}/v3": "austin new-york"}, id="an inner folder"
    ),
    pytest.param(
        "eu/a/m us/a/m", {"{x}/a/m": "eu us"}, id="a folder above, with the rest the same"
    ),
    pytest.param(
        "houston-v3/model austin-v3/model",
        {"{x}-v3/model": "austin houston"},
        id="a folder without its version",
    ),
    pytest.param(
        "is-0-v1 is-1-v1 is-2-v1", {"is-{x}-v1": "0 1 2"}, id="three that begin with a word"
    ),
    pytest.param("customer1 customer2 customer30", {"customer{x}": "1 2 30"}, id="and a number"),
    pytest.param(
        "churn-new-york churn-austin churn-la",
        {"churn-{x}": "austin la new-york"},
        id="of several words",
    ),
    pytest.param(
        "eu/churn-a eu/churn-b eu/churn-c us/churn-a",
        {"eu/churn-{x}": "a b c", "us/churn-a": ALONE},
        id="the larger group first",
    ),
    pytest.param(
        "de/churn de/fraud fr/churn fr/fraud",
        {"{x}/churn": "de fr", "{x}/fraud": "de fr"},
        id="folders before files",
    ),
    pytest.param(
        " ".join(f"m{n}a" for n in range(10)),
        {"{x}": " ".join(f"m{n}a" for n in range(10))},
        id="ten with nothing in common",
    ),
    pytest.param(
        " ".join(["other", *(f"is-{n}" for n in range(9))]),
        {"is-{x}": "0 1 2 3 4 5 6 7 8", "other": ALONE},
        id="a common word before mere number",
    ),
]
APART = [
    pytest.param("iris-v1 wine-v1 breast-cancer-v1", id="a version in common"),
    pytest.param("iris-model wine-model cancer-model", id="'model' in common"),
    pytest.param("model-iris model-wine model-cancer", id="'model' in common, in front"),
    pytest.param("churn-eu churn-us", id="two in one folder"),
    pytest.param("7-a 7-b 7-c", id="a number in common"),
    pytest.param("eu/iris eu/wine eu/cancer", id="a folder in common"),
    pytest.param("houston/v3 austin/v2", id="two versions"),
    pytest.param("it's/m that's/m", id="what cannot be a parameter"),
    pytest.param(f"{'a' * 64}/m {'b' * 64}/m", id="what is too long for one"),
]


@pytest.mark.parametrize(("artifacts", "expected"), TOGETHER)
def test_together(artifacts, expected):
    """Artifacts that differ in one part only are one group."""
    expected = {f"{template}.tar.gz": values for template, values in expected.items()}

    assert templates(archives(artifacts)) == expected
    assert templates(archives(artifacts)[::-1]) == expected


@pytest.mark.parametrize("artifacts", APART)
def test_apart(artifacts):
    """Artifacts that may be unrelated models stay apart."""
    assert templates(archives(artifacts)) == dict.fromkeys(archives(artifacts), ALONE)


def test_order_of_groups():
    """Groups are in the order of their first artifacts."""
    groups = grouped(archives("z b/m c/m a"))

    assert [group.artifacts[0] for group in groups] == archives("a b/m z")


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        pytest.param("iris-v1.tar.gz", ["iris"], id="without version"),
        pytest.param("eu/breast_cancer.tar.gz", ["eu", "breast", "cancer"], id="all the words"),
        pytest.param("houston/model.tar.gz", ["houston"], id="what is called model"),
        pytest.param("model-v1.2.tar.gz", [], id="nothing left"),
    ],
)
def test_words(literal, expected):
    """A name has the words that distinguish models."""
    assert words(literal) == expected


MANY = LONGEST_LIST + 1


def test_list_rule():
    """Up to a hundred values are listed."""
    values = [f"{number:04}" for number in range(LONGEST_LIST)]

    assert parameter(values).rule == {"one_of": tuple(values)}


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        pytest.param([f"{n:04}" for n in range(MANY)], "[0-9]{4}", id="numbers"),
        pytest.param([str(n) for n in range(MANY)], "[0-9]{1,3}", id="of any length"),
        pytest.param(
            [f"customer-{n}.v1" for n in range(MANY)], "customer-[0-9]{1,3}[.]v1", id="with words"
        ),
        pytest.param([f"{n:08x}" for n in range(2**30, 2**30 + MANY)], "[0-9a-f]{8}", id="codes"),
        pytest.param([f"EU-{n:03X}~{n % 7}" for n in range(MANY)], "EU-[A-Z0-9]{3}~[0-9]{1}"),
        pytest.param(
            [chr(97 + n % 26) + chr(97 + n // 26) for n in range(MANY)], "[a-z]{2}", id="letters"
        ),
    ],
)
def test_pattern(values, pattern):
    """Very many similar values become a pattern that admits all of them."""
    made = parameter(sorted(values))

    assert made.rule == {"pattern": pattern}
    assert refusal(pattern) is None
    assert all(re.fullmatch(pattern, value) for value in values)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["a" * n for n in range(1, 64)] + ["b"] * MANY, id="words"),
        pytest.param([*map(str, range(MANY)), "x"], id="one exception"),
        pytest.param([f"{n}-{'long' if n % 2 else 'b'}" for n in range(MANY)], id="words inside"),
        pytest.param([f"{n}{'-_'[n % 2]}{n}" for n in range(MANY)], id="marks that differ"),
        pytest.param(
            ["-".join(str(n * i % 10) for i in range(32)) for n in range(MANY)],
            id="a pattern longer than a table takes",
        ),
    ],
)
def test_no_pattern(values):
    """Values that are not similar stay a list, however long."""
    assert parameter(values).rule == {"one_of": tuple(values)}


def test_no_pattern_over_others():
    """A pattern that another object under the prefix fits would not be the entry's alone."""
    values = [f"customer-{number:04}" for number in range(101)]

    assert parameter(values, ["customer-x", "0101"]).rule == {"pattern": "customer-[0-9]{4}"}
    assert parameter(values, ["customer-0101"]).rule == {"one_of": tuple(values)}


@pytest.mark.parametrize(
    ("values", "name"), [(["7", "10"], "number"), (["7", "a"], "name"), (["v7"], "name")]
)
def test_parameter_name(values, name):
    """A parameter is called `number` or `name`."""
    assert parameter(values).name == name
