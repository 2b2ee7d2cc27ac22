"""Who may call what."""

import pytest

from chalicelib.auth.principal import Principal


@pytest.mark.parametrize(
    ("grant", "path", "covered"),
    [
        pytest.param("iris", "iris", True, id="name"),
        pytest.param("iris", "wine", False, id="other-name"),
        pytest.param("iris", "iris2", False, id="name-is-no-prefix"),
        pytest.param("iris", "Iris", False, id="case"),
        pytest.param("house-price", "house-price/houston", False, id="nothing-deeper"),
        pytest.param("house-price/houston", "house-price/houston", True, id="one-value"),
        pytest.param("house-price/houston", "house-price/austin", False, id="another-value"),
        pytest.param("house-price/houston", "house-price", False, id="nothing-shallower"),
        pytest.param("house-price/*", "house-price/austin", True, id="any-value"),
        pytest.param("house-price/*", "house-price", False, id="a-segment-must-be-there"),
        pytest.param("house-price/*", "house-price/a/b", False, id="one-segment-only"),
        pytest.param("*/houston", "house-price/houston", True, id="any-model"),
        pytest.param("*/*", "house-price/houston", True, id="any-of-two-segments"),
        pytest.param("*/*", "iris", False, id="two-segments-are-not-one"),
        pytest.param("*", "iris", True, id="everything"),
        pytest.param("*", "translate/de/en", True, id="everything-however-deep"),
        pytest.param("house-*", "house-price", False, id="no-part-of-a-segment"),
        pytest.param("iri?", "iris", False, id="no-other-wildcard"),
        pytest.param("[a-z]+", "iris", False, id="no-regular-expression"),
        pytest.param("iris", "*", False, id="a-path-is-no-pattern"),
        pytest.param("iris/", "iris", False, id="slash"),
        pytest.param("", "iris", False, id="nothing"),
    ],
)
def test_grant(grant, path, covered):
    """Segment by segment; `*` is a segment, and alone it is everything."""
    assert Principal("p", (grant,)).may_call(path) is covered


def test_no_grant():
    """No grant, no access; there is no default."""
    assert not Principal("p", ()).may_call("iris")


def test_any_grant():
    """One that covers the path is enough."""
    assert Principal("p", ("wine", "iris", "wine")).may_call("iris")
