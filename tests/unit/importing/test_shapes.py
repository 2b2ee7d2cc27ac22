"""Which artifacts become one entry."""

import pytest

from gatewayctl.commands.import_artifacts import grouped, words

ALONE = None


def templates(artifacts):
    """From each group's template, or lone artifact, to the values of its part that differs."""
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
    """Artifacts that differ in one part only, if that part is not all that tells them apart."""
    expected = {f"{template}.tar.gz": values for template, values in expected.items()}

    assert templates(archives(artifacts)) == expected
    assert templates(archives(artifacts)[::-1]) == expected


@pytest.mark.parametrize("artifacts", APART)
def test_apart(artifacts):
    """Whatever may be models that have nothing to do with each other."""
    assert templates(archives(artifacts)) == dict.fromkeys(archives(artifacts), ALONE)


def test_order():
    """Groups stand where their first artifact would."""
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
    """A model is called by what tells it from others."""
    assert words(literal) == expected
