"""The changes from one table to another, as `gatewayctl publish` prints them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.routing.reading import file
from gatewayctl.publishing.changes import changes, counted
from tests.support.profile import LONG
from tests.support.random_tables import TABLES

CHURN = "  churn: {kind: single, endpoint: churn-prod}\n"
IRIS = "  iris: {kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz}\n"
HOUSES = (
    "  house-price/{city}: {kind: mme, endpoint: housing, target_model: '{city}/v3.tar.gz', "
    "parameters: {city: {one_of: [houston, austin]}}}\n"
)
ALL = CHURN + HOUSES + IRIS


def table(models, more=""):
    return file.parse(f"version: 1\n{more}models:\n{models}".encode(), "routing.yaml")


def texts(old, new):
    return [str(change) for change in changes(old, new)]


ONE = {
    "artifact": (
        ("iris-v1", "iris-v2"),
        "models.iris.target_model: iris-v1.tar.gz → iris-v2.tar.gz",
    ),
    "new-key": (
        ("endpoint: churn-prod", "endpoint: churn-prod, target_variant: green"),
        "models.churn.target_variant: nothing → green",
    ),
    "in-place-of-a-default": (
        ("churn-prod", "churn-prod, timeout_seconds: 2.5"),
        "models.churn.timeout_seconds: 25 (default) → 2.5",
    ),
    "default-that-follows-another-key": (
        ("churn-prod", "churn-prod, accepts: [text/csv]"),
        "models.churn.accepts: [application/json] (default) → [text/csv]",
    ),
    "switch": (
        ("churn-prod", "churn-prod, expose_model_errors: true"),
        "models.churn.expose_model_errors: false (default) → true",
    ),
    "parameter": (
        ("[houston, austin]", "[houston, dallas]"),
        "models.house-price/{city}.parameters.city.one_of: [houston, austin] → [houston, dallas]",
    ),
    "not-on-one-line": (
        ("churn-prod", 'churn-prod, description: "two\\nlines"'),
        "models.churn.description: nothing → 'two\\nlines'",
    ),
    "example": (
        ("churn-prod", "churn-prod, example: {a: [1, null]}"),
        'models.churn.example: nothing → {"a": [1, null]}',
    ),
    "removed": (
        (CHURN, ""),
        "models.churn: removed, kind single, endpoint churn-prod",
    ),
    "added": (
        (IRIS, IRIS + IRIS.replace("iris", "wine")),
        "models.wine: added, kind mme, endpoint tabular, target_model wine-v1.tar.gz",
    ),
}


SEVERAL = """\
  iris:
    kind: mme
    endpoint: tabular
    targets:
      v1: {target_model: iris-v1.tar.gz, weight: 95}
      v2: {target_model: iris-v2.tar.gz, weight: 5}
      backup: {kind: single, endpoint: iris, region: eu-west-1}
    fallback: [v1, backup]
"""
OF_TARGETS = {
    "weights": (
        [("weight: 95", "weight: 80"), ("weight: 5}", "weight: 20}")],
        ["models.iris.targets: v1=95 v2=5 → v1=80 v2=20"],
    ),
    "artifact": (
        [("iris-v2", "iris-v3")],
        ["models.iris.targets.v2.target_model: iris-v2.tar.gz → iris-v3.tar.gz"],
    ),
    "region": (
        [(", region: eu-west-1", "")],
        ["models.iris.targets.backup.region: eu-west-1 → nothing"],
    ),
    "fallback": (
        [("[v1, backup]", "[backup, v1]")],
        ["models.iris.fallback: [v1, backup] → [backup, v1]"],
    ),
    "added": (
        [("      backup", "      v3: {target_model: iris-v3.tar.gz, weight: 1}\n      backup")],
        [
            "models.iris.targets: v1=95 v2=5 → v1=95 v2=5 v3=1",
            "models.iris.targets.v3: added, kind mme, endpoint tabular, target_model "
            "iris-v3.tar.gz",
        ],
    ),
    "removed-without-weight": (
        [
            ("      backup: {kind: single, endpoint: iris, region: eu-west-1}\n", ""),
            (", backup]", "]"),
        ],
        [
            "models.iris.targets.backup: removed, kind single, endpoint iris, region eu-west-1",
            "models.iris.fallback: [v1, backup] → [v1]",
        ],
    ),
    "in-place-of-an-only-one": (
        [(SEVERAL, IRIS)],
        [
            "models.iris.targets: v1=95 v2=5 → kind mme, endpoint tabular, target_model "
            "iris-v1.tar.gz",
            "models.iris.targets.backup: removed, kind single, endpoint iris, region eu-west-1",
            "models.iris.targets.v1: removed, kind mme, endpoint tabular, target_model "
            "iris-v1.tar.gz",
            "models.iris.targets.v2: removed, kind mme, endpoint tabular, target_model "
            "iris-v2.tar.gz",
            "models.iris.fallback: [v1, backup] → nothing",
        ],
    ),
    "whole-entry": (
        [(SEVERAL, "")],
        ["models.iris: removed, targets v1=95 v2=5"],
    ),
    "order-in-the-file": (
        [
            ("      v1: {target_model: iris-v1.tar.gz, weight: 95}\n", ""),
            ("    fallback", "      v1: {target_model: iris-v1.tar.gz, weight: 95}\n    fallback"),
        ],
        [],
    ),
}


@pytest.mark.parametrize(("edits", "lines"), OF_TARGETS.values(), ids=OF_TARGETS)
def test_targets(edits, lines):
    """What changes in the targets of a name is said by target, and all weights on one line."""
    text = SEVERAL
    for edit in edits:
        text = text.replace(*edit)
    old, new = table(CHURN + SEVERAL), table(CHURN + text)

    assert texts(old, new) == lines
    assert [change.path for change in changes(new, old)] == [
        change.path for change in changes(old, new)
    ]
    assert {change.kind for change in changes(new, old)} <= {"added", "removed", "changed"}
    assert counted(changes(old, new)).startswith("1 " if lines else "none")


@pytest.mark.parametrize(("edit", "text"), ONE.values(), ids=ONE)
def test_one_change(edit, text):
    """A change is one line with key path, old value and new value, in both directions."""
    old, new = table(ALL), table(ALL.replace(*edit))
    path, _, values = text.partition(": ")

    assert texts(old, new) == [text]
    (back,) = texts(new, old)
    assert back.startswith(f"{path}: ")
    if " → " in values:
        old_value, new_value = values.split(" → ")
        assert back == f"{path}: {new_value} → {old_value}"


def test_kind():
    """A model that moves to another kind of endpoint changes key by key, in the table's order."""
    moved = "  iris: {kind: mce, endpoint: nlp, target_container_hostname: iris}\n"
    assert texts(table(ALL), table(ALL.replace(IRIS, moved))) == [
        "models.iris.kind: mme → mce",
        "models.iris.endpoint: tabular → nlp",
        "models.iris.target_model: iris-v1.tar.gz → nothing",
        "models.iris.target_container_hostname: nothing → iris",
    ]


def test_renamed_parameter():
    """A renamed parameter is a changed model, because callers see the same path."""
    assert texts(table(ALL), table(ALL.replace("city", "town"))) == [
        "models.house-price/{town}: was house-price/{city}",
        "models.house-price/{town}.target_model: {city}/v3.tar.gz → {town}/v3.tar.gz",
        "models.house-price/{town}.parameters.city.one_of: [houston, austin] → nothing",
        "models.house-price/{town}.parameters.town.one_of: nothing → [houston, austin]",
    ]


class TestDefaults:
    """A changed default names the models that get another value through it."""

    OWN = CHURN.replace("churn-prod", "churn-prod, timeout_seconds: 3")

    @pytest.mark.parametrize(
        ("old", "new", "text"),
        [
            pytest.param(
                "", "timeout_seconds: 9", "timeout_seconds: 25 (built in) → 9", id="from-built-in"
            ),
            pytest.param(
                "timeout_seconds: 9", "", "timeout_seconds: 9 → 25 (built in)", id="to-built-in"
            ),
            pytest.param(
                "timeout_seconds: 9", "timeout_seconds: 8", "timeout_seconds: 9 → 8", id="other"
            ),
        ],
    )
    def test_affected(self, old, new, text):
        """Only models without an own value are named and counted."""
        one, other = (
            table(self.OWN + HOUSES + IRIS, f"defaults: {{{option}}}\n") for option in (old, new)
        )

        assert texts(one, other) == [
            f"defaults.{text}, for 2 of 3 models: house-price/{{city}}, iris"
        ]
        assert changes(one, other)[0].affected == ("house-price/{city}", "iris")

    def test_same_as_built_in(self):
        """A default that equals the built-in value changes no model."""
        assert texts(table(ALL), table(ALL, "defaults: {max_attempts: 2}\n")) == [
            "defaults.max_attempts: 2 (built in) → 2, for 0 of 3 models"
        ]

    def test_own_value_dropped(self):
        """A model that drops its own value changes to the default, on a line of its own."""
        new = table(ALL, "defaults: {timeout_seconds: 7}\n")

        assert texts(table(self.OWN + HOUSES + IRIS), new) == [
            "defaults.timeout_seconds: 25 (built in) → 7, for 2 of 3 models: "
            "house-price/{city}, iris",
            "models.churn.timeout_seconds: 3 → 7 (default)",
        ]

    def test_accepts(self):
        """Without `accepts`, a model's responses have its content types."""
        new = table(ALL, "defaults: {accepts: [text/csv]}\n")

        assert texts(table(ALL), new) == [
            "defaults.accepts: as content_types → [text/csv], for 3 of 3 models: "
            "churn, house-price/{city}, iris"
        ]

    def test_many(self):
        """If many models are affected, the first five are named."""
        models = "".join(CHURN.replace("churn:", f"churn-{n}:") for n in range(7))
        new = table(models, "defaults: {max_attempts: 1}\n")

        (line,) = texts(table(models), new)
        assert line.endswith("for 7 of 7 models: churn-0, churn-1, churn-2, churn-3, churn-4, …")


class TestLongValues:
    """A line about a long value stays short."""

    def described(self, text):
        return table(CHURN.replace("churn-prod", f"churn-prod, description: {text}"))

    def test_text(self):
        """Of a long text, the part around the difference is printed."""
        text = "x" * 200 + " here and there " + "y" * 200
        (line,) = texts(
            self.described(text), self.described(text.replace("here and", "nowhere and"))
        )

        assert line == (
            "models.churn.description: …xxxxxxxxxxx here and the… → …xxxxxxxxxxx nowhere and the…"
        )

    def test_other_text(self):
        """Of two long texts without anything in common, the beginnings are printed."""
        (line,) = texts(self.described("x" * 500), self.described("y" * 500))

        assert len(line) < 200
        assert line.count("…") == 2

    def test_list(self):
        """Of a long list, the added and the removed items are printed."""
        cities = [f"city-{n}" for n in range(40)]
        old, new = (
            table(HOUSES.replace("houston, austin", ", ".join(some)))
            for some in (cities[:30], cities[2:])
        )

        assert texts(old, new) == [
            "models.house-price/{city}.parameters.city.one_of: 30 → 38 values: "
            "10 added (city-30, city-31, city-32, city-33, city-34, …), "
            "2 removed (city-0, city-1)"
        ]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(IRIS + HOUSES + CHURN, id="order"),
        pytest.param(ALL.replace("endpoint: tabular", "endpoint: 'tabular'"), id="quotes"),
        pytest.param(ALL.replace("\n", "  # a remark\n"), id="comments"),
        pytest.param(
            ALL.replace(CHURN, "  churn:\n    kind: single\n    endpoint: churn-prod\n"),
            id="layout",
        ),
    ],
)
def test_no_change(other):
    """Order, quotes, comments and layout make no change."""
    assert changes(table(ALL), table(other)) == []


def test_allow_shrink():
    """A change of allow_shrink is printed."""
    assert texts(table(ALL), table(ALL, "allow_shrink: true\n")) == ["allow_shrink: false → true"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        pytest.param(ALL, CHURN + HOUSES, "1 removed", id="removed"),
        pytest.param(CHURN, ALL, "2 added", id="added"),
        pytest.param(
            ALL, ALL.replace("city", "town").replace(CHURN, ""), "1 removed, 1 changed", id="both"
        ),
        pytest.param(ALL, ALL, "none of them changed", id="none"),
    ],
)
def test_counted(old, new, text):
    """A model counts once, however many of its keys change."""
    assert counted(changes(table(old), table(new))) == text


def content(one):
    """Return everything that a table says, in the form of changes."""
    names = (model.name for model in one.models())
    empty = table(CHURN.replace("churn", "not-in-any-table"))
    models = {change.model: change.new for change in changes(empty, one) if change.old is None}
    return one.allow_shrink, dict(one.defaults), {name: models[name] for name in names}


@settings(max_examples=400 if LONG else 40, deadline=None)
@given(old=TABLES, new=TABLES, with_defaults=st.booleans())
def test_complete(old, new, with_defaults):
    """The old table with all changes is the new table, and no change has equal values."""
    more = (
        {"defaults": {"timeout_seconds": 3, "content_types": ["text/csv"]}} if with_defaults else {}
    )
    new = json.dumps({**json.loads(new), **more}, ensure_ascii=False)
    one, other = (file.parse(text.encode(), "") for text in (old, new))
    shrink, defaults, models = content(one)
    for change in changes(one, other):
        assert change.old != change.new
        section, _, key = change.path.partition(".")
        if section == "defaults":
            defaults[key] = change.new
        elif change.path == f"models.{change.model}" and isinstance(change.old, str):
            models[change.new] = models.pop(change.old)
        elif change.path == f"models.{change.model}":
            models[change.model] = change.new
        else:
            models[change.model][key.removeprefix(f"{change.model}.")] = change.new

    assert (shrink, *(without_none(some) for some in (defaults, models))) == content(other)


def without_none(values):
    if not isinstance(values, dict):
        return values
    return {key: without_none(value) for key, value in values.items() if value is not None}
