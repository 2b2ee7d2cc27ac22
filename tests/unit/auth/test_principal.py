"""Principals: who is made one, what is a grant, and which models a grant covers."""

import dataclasses
from typing import ClassVar

import pytest

from chalicelib.auth.principal import Principal, is_grant
from chalicelib.errors import AuthUnavailable, Unauthorized
from chalicelib.routing.named_targets import NamedTarget
from chalicelib.routing.parameters import OneOf, Parameter
from chalicelib.routing.table import Model
from chalicelib.routing.targets import SingleModelTarget
from tests.faults.rows import row
from tests.support.events import CONTEXT
from tests.support.gateway import table
from tests.support.steps import calls

NOW = 1_800_000_000.5


def principal(*grants):
    return Principal({**CONTEXT, "grants": " ".join(grants)}, now=NOW)


def visible(path, *grants):
    """Return what a caller with these grants sees of the parameters of the model at a path."""
    return principal(*grants).granted_models().values(table().find(path).model)


def test_name_and_key():
    """The name and the key id come from the context; they are for the log."""
    caller = Principal({**CONTEXT, "principal": "web-shop", "key_id": "abcd1234"}, now=NOW)

    assert (caller.name, caller.key_id) == ("web-shop", "abcd1234")


@pytest.mark.parametrize("key_id", [{"key_id": ""}, {}], ids=["empty", "missing"])
def test_no_key(key_id):
    """A caller with a JWT has no key id."""
    context = {name: value for name, value in CONTEXT.items() if name != "key_id"}

    assert Principal({**context, **key_id}, now=NOW).key_id is None


@pytest.mark.parametrize(
    "context",
    [
        pytest.param({}, id="no-context"),
        pytest.param({"outcome": "unauthorized"}, id="unauthorized"),
        pytest.param({**CONTEXT, "outcome": "unauthorized"}, id="unauthorized-with-grants"),
        pytest.param({**CONTEXT, "outcome": ""}, id="empty"),
        pytest.param({**CONTEXT, "outcome": None}, id="null"),
        pytest.param({**CONTEXT, "outcome": True}, id="no-string"),
        pytest.param({**CONTEXT, "outcome": "OK"}, id="upper-case"),
        pytest.param({**CONTEXT, "outcome": "ok "}, id="space"),
        pytest.param({**CONTEXT, "outcome": "okay"}, id="longer-word"),
        pytest.param({**CONTEXT, "outcome": "allow"}, id="other-word"),
        pytest.param({"principalId": "web-shop", "grants": "*"}, id="another-authorizers"),
    ],
)
def test_not_ok(context):
    """Every outcome but `ok` is refused, and a missing outcome too."""
    with pytest.raises(Unauthorized):
        Principal(context, now=NOW)


def test_unavailable():
    """If the credential could not be checked, the error is 503 and not 401."""
    with pytest.raises(AuthUnavailable):
        Principal({**CONTEXT, "outcome": "unavailable", "expires": "1"}, now=NOW)


@pytest.mark.parametrize(
    ("expires", "now"),
    [
        pytest.param("", NOW, id="never"),
        pytest.param(None, NOW, id="null"),
        pytest.param("1800000001", 1_800_000_000.999, id="until-then"),
        pytest.param("99999999999", NOW, id="far"),
    ],
)
def test_not_expired(expires, now):
    """A credential is good until the second in `expires`."""
    assert Principal({**CONTEXT, "expires": expires}, now=now).name == "tests"


@pytest.mark.parametrize(
    ("expires", "now"),
    [
        pytest.param("1800000001", 1_800_000_001.0, id="exactly"),
        pytest.param("1800000001", 1_800_000_001.5, id="after"),
        pytest.param("0", NOW, id="the-epoch"),
    ],
)
def test_expired(expires, now):
    """From the second in `expires` on, the credential is refused."""
    with pytest.raises(Unauthorized):
        Principal({**CONTEXT, "expires": expires}, now=now)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "iris",
        "is-digit/7",
        "house-price/*",
        "*/houston",
        "translate/*/de",
        "a/b.c/D_~-",
        "x" * 63,
    ],
)
def test_is_grant(text):
    """A grant is a path after `/predict/` in which each segment may be `*`."""
    assert is_grant(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "iris/",
        "/iris",
        "a//b",
        "Iris",
        "ir*",
        "**",
        "?",
        "iris wine",
        "iris\n",
        "house-price/%2e",
        "house-price/{city}",
        "a/b/c/d",
        "-iris",
        "x" * 64,
        "a/" + "x" * 64,
        "ïris",
        "a/٣",
    ],
)
def test_is_not_a_grant(text):
    """A text that could cover no model's path is not a grant."""
    assert not is_grant(text)


@pytest.mark.parametrize(
    ("grant", "path", "covered"),
    [
        pytest.param("iris", "iris", True, id="name"),
        pytest.param("iris", "wine", False, id="other-name"),
        pytest.param("iris", "iris2", False, id="name-is-no-prefix"),
        pytest.param("iris2", "iris", False, id="nor-the-other-way-round"),
        pytest.param("iris", "iris-green", False, id="nor-up-to-a-hyphen"),
        pytest.param("iris", "Iris", False, id="case"),
        pytest.param("m/Houston", "m/houston", False, id="case-of-a-value"),
        pytest.param("house-price", "house-price/houston", False, id="nothing-deeper"),
        pytest.param("house-price/houston", "house-price/houston", True, id="one-value"),
        pytest.param("house-price/houston", "house-price/austin", False, id="another-value"),
        pytest.param("house-price/houston", "house-price", False, id="nothing-shallower"),
        pytest.param("house-price/*", "house-price/austin", True, id="any-value"),
        pytest.param("house-price/*", "house-price", False, id="a-segment-must-be-there"),
        pytest.param("house-price/*", "house-price/", True, id="an-empty-segment-is-one"),
        pytest.param("house-price/*", "house-price/a/b", False, id="one-segment-only"),
        pytest.param("house-price/*/*", "house-price/a/b", True, id="two-of-two"),
        pytest.param("translate/*/en", "translate/de/en", True, id="in-the-middle"),
        pytest.param("translate/*/en", "translate/de/fr", False, id="and-the-rest-counts"),
        pytest.param("*/houston", "house-price/houston", True, id="any-model"),
        pytest.param("*/*", "house-price/houston", True, id="any-of-two-segments"),
        pytest.param("*/*", "iris", False, id="two-segments-are-not-one"),
        pytest.param("*/*", "translate/de/en", False, id="two-segments-are-not-three"),
        pytest.param("*", "iris", True, id="everything"),
        pytest.param("*", "translate/de/en", True, id="everything-however-deep"),
        pytest.param("**", "iris", False, id="two-stars-are-nothing"),
        pytest.param("*/**", "house-price/houston", False, id="nor-at-the-end"),
        pytest.param("house-*", "house-price", False, id="no-part-of-a-segment"),
        pytest.param("house-price/h*", "house-price/houston", False, id="no-part-of-a-value"),
        pytest.param("iri?", "iris", False, id="no-other-wildcard"),
        pytest.param("[a-z]+", "iris", False, id="no-regular-expression"),
        pytest.param(".*", "iris", False, id="no-regular-expression-of-everything"),
        pytest.param("{model}", "iris", False, id="no-parameter"),
        pytest.param("house-price/{city}", "house-price/houston", False, id="no-entrys-name"),
        pytest.param("iris", "*", False, id="a-path-is-no-pattern"),
        pytest.param("house-price/houston", "house-price/*", False, id="nor-in-a-segment"),
        pytest.param("%69ris", "iris", False, id="no-decoding-of-a-grant"),
        pytest.param("iris", "%69ris", False, id="no-decoding-of-a-path"),
        pytest.param("house-price/houston", "house-price%2Fhouston", False, id="nor-of-a-slash"),
        pytest.param("house-price/*", "house-price%2Fhouston", False, id="one-segment-as-it-is"),
        pytest.param("m/%41", "m/%41", True, id="as-it-stands"),
        pytest.param("iris", "iris/", False, id="slash-at-the-end"),
        pytest.param("iris/", "iris", False, id="slash-at-the-end-of-a-grant"),
        pytest.param("/iris", "iris", False, id="slash-before"),
        pytest.param("predict/iris", "iris", False, id="not-from-the-root"),
        pytest.param("iris", "", False, id="no-path"),
        pytest.param("", "iris", False, id="nothing"),
        pytest.param("", "", False, id="nothing-covers-nothing"),
        pytest.param("iris/../wine", "wine", False, id="no-dots"),
        pytest.param("!iris", "wine", False, id="no-negation"),
        pytest.param("model:iris", "iris", False, id="no-prefix-of-a-scope"),
        pytest.param("iris,wine", "iris", False, id="no-comma"),
    ],
)
def test_one_grant(grant, path, covered):
    """`*` stands for one segment; a lone `*` covers every path; nothing else is special."""
    assert principal(grant).may_call(path) is covered


@pytest.mark.parametrize("path", ["iris", "house-price/houston", "translate/de/en", "*", ""])
@pytest.mark.parametrize("grants", ["", " ", "   "])
def test_without_grants(grants, path):
    """A caller without grants may call no model."""
    assert not principal(grants).may_call(path)


@pytest.mark.parametrize(
    ("grants", "path", "covered"),
    [
        ("wine iris wine", "iris", True),
        ("wine house-price/*", "house-price/austin", True),
        ("wine house-price/*", "iris", False),
        ("house-price/houston house-price/austin", "house-price/austin", True),
        ("house-price houston", "house-price/houston", False),
        ("translate/de/* translate/*/en", "translate/fr/de", False),
        ("wine *", "translate/de/en", True),
    ],
)
def test_several_grants(grants, path, covered):
    """One grant that covers the path is enough; grants are not combined."""
    assert principal(grants).may_call(path) is covered


@pytest.mark.parametrize("path", ["iris", "house-price/houston", "translate/de/en", "a/b/c/d/e/f"])
def test_cost_of_a_decision(path):
    """A decision takes the same steps with one grant and with ten thousand."""
    few, many = (principal(*(f"m{number}/*" for number in range(count))) for count in (1, 10_000))

    assert calls(lambda: few.may_call(path)) == calls(lambda: many.may_call(path)) < 30


@dataclasses.dataclass(frozen=True)
class CountingRule:
    """A rule that admits some values, and counts those that it looks at."""

    ends: str
    looked_at: ClassVar[list[str]] = []

    def admitted(self, values):
        self.looked_at.extend(values)
        return [value for value in values if value.endswith(self.ends)]

    def described(self):
        return {"ends": self.ends}


@row("R12")
@pytest.mark.parametrize(
    "grants",
    [
        pytest.param([f"m{n}/v{n}" for n in range(400)], id="one-value-of-each"),
        pytest.param([f"m0/v{n}" for n in range(400)], id="all-of-one-model"),
        pytest.param([f"*/v{n}" for n in range(400)], id="of-any-model"),
        pytest.param([f"{first}/v{n}" for n in range(200) for first in ("*", "m7")], id="both"),
    ],
)
def test_list_costs_models_and_grants(grants):
    """A list of 1,000 models looks at each grant as often as there are different rules."""
    CountingRule.looked_at.clear()
    rules = [CountingRule("1"), CountingRule("7")]
    granted = principal(*grants).granted_models()
    for number in range(1_000):
        rule = Parameter("x", rules[number % 2])
        granted.values(Model(f"m{number}/{{x}}", TARGETS, (rule,)))

    assert len(CountingRule.looked_at) <= len(rules) * len(grants)


TARGETS = (NamedTarget.of(SingleModelTarget("e")),)


class CountingValues(frozenset):
    """Values that count how many of them are looked at."""

    def __new__(cls, count):
        made = super().__new__(cls, map(str, range(count)))
        made.looked_at = 0
        return made

    def __contains__(self, value):
        self.looked_at += 1
        return super().__contains__(value)

    def __iter__(self):
        for value in super().__iter__():
            self.looked_at += 1
            yield value


@row("R12")
@pytest.mark.parametrize(("allowed", "given"), [(3, 10_000), (10_000, 3)])
def test_cost_of_a_list_of_values(allowed, given):
    """Of the values of a rule and of the grants, the fewer ones are looked up in the others."""
    of_rule, of_grants = CountingValues(allowed), CountingValues(given)

    assert sorted(OneOf(of_rule).admitted(of_grants)) == ["0", "1", "2"]
    assert of_rule.looked_at == of_grants.looked_at == 3


CITY = {"one_of": ["austin", "houston"]}
TWO_LETTERS = {"pattern": "[a-z]{2}"}


@pytest.mark.parametrize(
    ("path", "grants", "parameters"),
    [
        pytest.param("iris", ["iris"], {}, id="no-parameters"),
        pytest.param("iris", ["*"], {}, id="everything"),
        pytest.param("iris", ["wine"], None, id="another-model"),
        pytest.param("iris", [], None, id="no-grant"),
        pytest.param("iris", ["iris/*"], None, id="deeper"),
        pytest.param("iris", ["*/*"], None, id="any-of-two-segments"),
        pytest.param("house-price/x", ["house-price"], None, id="shallower"),
        pytest.param("house-price/x", ["*"], {"city": CITY}, id="all-values"),
        pytest.param("house-price/x", ["house-price/*"], {"city": CITY}, id="any-value"),
        pytest.param("house-price/x", ["*/*"], {"city": CITY}, id="any-model-any-value"),
        pytest.param(
            "house-price/x", ["house-price/austin"], {"city": {"one_of": ["austin"]}}, id="one"
        ),
        pytest.param(
            "house-price/x", ["*/austin"], {"city": {"one_of": ["austin"]}}, id="one-of-any-model"
        ),
        pytest.param(
            "house-price/x",
            ["house-price/houston", "iris", "house-price/austin", "house-price/houston"],
            {"city": {"one_of": ["austin", "houston"]}},
            id="two",
        ),
        pytest.param(
            "house-price/x",
            ["house-price/austin", "house-price/*"],
            {"city": CITY},
            id="one-and-any",
        ),
        pytest.param("house-price/x", ["house-price/paris"], None, id="a-value-it-cannot-have"),
        pytest.param(
            "house-price/x",
            ["house-price/paris", "house-price/austin"],
            {"city": {"one_of": ["austin"]}},
            id="only-values-it-can-have",
        ),
        pytest.param(
            "translate/x/y",
            ["translate/de/*"],
            {"source": {"one_of": ["de"]}, "target": TWO_LETTERS},
            id="one-of-two-parameters",
        ),
        pytest.param(
            "translate/x/y",
            ["translate/de/en", "translate/fr/*"],
            {"source": {"one_of": ["de", "fr"]}, "target": TWO_LETTERS},
            id="each-parameter-on-its-own",
        ),
        pytest.param("translate/x/y", ["translate/deu/en"], None, id="breaks-the-pattern"),
    ],
)
def test_visible(path, grants, parameters):
    """The caller sees the values that its grants allow; None if no grant covers the model."""
    assert visible(path, *grants) == parameters
