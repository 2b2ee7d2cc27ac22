"""A principal is made from an authorizer's `ok`, and from nothing else."""

import pytest

from chalicelib.auth.principal import Principal
from chalicelib.errors import AuthUnavailable, Unauthorized
from tests.support.doors import CONTEXT
from tests.support.gateway import table

NOW = 1_800_000_000.5


def principal(*grants):
    return Principal({**CONTEXT, "grants": " ".join(grants)}, now=NOW)


def visible(path, *grants):
    """What such a caller sees of the parameters of the model at a path."""
    return principal(*grants).visible(table().find(path).model)


def test_who_it_is():
    """The name and the key, for the log."""
    caller = Principal({**CONTEXT, "principal": "web-shop", "key_id": "abcd1234"}, now=NOW)

    assert (caller.name, caller.key_id) == ("web-shop", "abcd1234")


@pytest.mark.parametrize("key_id", [{"key_id": ""}, {}], ids=["empty", "missing"])
def test_no_key(key_id):
    """Who comes with a JWT has none."""
    context = {name: value for name, value in CONTEXT.items() if name != "key_id"}

    assert Principal({**context, **key_id}, now=NOW).key_id is None


@pytest.mark.parametrize(
    "context",
    [
        pytest.param({}, id="no-context"),
        pytest.param({"outcome": "unauthorized"}, id="unauthorized"),
        pytest.param({**CONTEXT, "outcome": "unauthorized"}, id="unauthorized-with-grants"),
        pytest.param({**CONTEXT, "outcome": ""}, id="no-word"),
        pytest.param({**CONTEXT, "outcome": None}, id="null"),
        pytest.param({**CONTEXT, "outcome": True}, id="no-text"),
        pytest.param({**CONTEXT, "outcome": "OK"}, id="upper-case"),
        pytest.param({**CONTEXT, "outcome": "ok "}, id="space"),
        pytest.param({**CONTEXT, "outcome": "okay"}, id="longer-word"),
        pytest.param({**CONTEXT, "outcome": "allow"}, id="other-word"),
        pytest.param({"principalId": "web-shop", "grants": "*"}, id="another-authorizers"),
    ],
)
def test_not_ok(context):
    """One word lets in; every other word, and none, does not."""
    with pytest.raises(Unauthorized):
        Principal(context, now=NOW)


def test_unavailable():
    """Not the caller's fault, whatever else is said."""
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
    """Good until the second that it names."""
    assert Principal({**CONTEXT, "expires": expires}, now=now).name == "tests"


@pytest.mark.parametrize(
    ("expires", "now"),
    [
        pytest.param("1800000001", 1_800_000_001.0, id="exactly"),
        pytest.param("1800000001", 1_800_000_001.5, id="after"),
        pytest.param("0", NOW, id="the-epoch"),
        pytest.param("-1", NOW, id="before-the-epoch"),
    ],
)
def test_expired(expires, now):
    """From that second on it is as if it had never been good."""
    with pytest.raises(Unauthorized):
        Principal({**CONTEXT, "expires": expires}, now=now)


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
    """A model shows what may be given to it; one that cannot be called does not show."""
    assert visible(path, *grants) == parameters
