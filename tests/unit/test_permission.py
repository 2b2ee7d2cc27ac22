"""Who may call what: a grant against a path, segment by segment."""

import pytest

from chalicelib.auth.principal import Principal
from tests.support.doors import CONTEXT


def may_call(grants, path):
    return Principal({**CONTEXT, "grants": grants}, now=0).may_call(path)


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
def test_grant(grant, path, covered):
    """`*` is one segment, and alone it is everything; nothing else is special."""
    assert may_call(grant, path) is covered


@pytest.mark.parametrize("path", ["iris", "house-price/houston", "translate/de/en", "*", ""])
@pytest.mark.parametrize("grants", ["", " ", "   "])
def test_no_grant(grants, path):
    """No grant, no access; there is no default."""
    assert not may_call(grants, path)


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
    """One that covers the path is enough; two that each cover a part of it are not."""
    assert may_call(grants, path) is covered
