"""On which line a table says something."""

import pytest

from gatewayctl.tables import Lines

TABLE = """\
# a comment
version: 1
defaults: {timeout_seconds: 3}

models:
  house-price/{city}:
    kind: mme
    endpoint: housing
    target_model: "{city}.tar.gz"
    parameters:
      city:
        one_of:
          - houston
          - austin
  churn: {kind: single, endpoint: e}
"""


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param((), (1, ""), id="the table"),
        pytest.param(("version",), (2, "version"), id="a key"),
        pytest.param(("models",), (5, "models"), id="a key of lines"),
        pytest.param(("models", "churn"), (15, "models.churn"), id="an entry"),
        pytest.param(
            ("models", "house-price/{city}", "endpoint"),
            (8, "models.house-price/{city}.endpoint"),
            id="a key of an entry",
        ),
        pytest.param(
            ("models", "house-price/{city}", "parameters", "city", "one_of", 1),
            (14, "models.house-price/{city}.parameters.city.one_of[1]"),
            id="an item",
        ),
        pytest.param(
            ("models", "churn", "target_variant"),
            (15, "models.churn.target_variant"),
            id="a key that is not there",
        ),
        pytest.param(("allow_shrink",), (2, "allow_shrink"), id="nothing above it"),
    ],
)
@pytest.mark.parametrize("change", ["", "\ufeff"], ids=["plain", "bom"])
def test_lines(keys, expected, change):
    """The line of the key or item; of what would hold it, if it is not there."""
    assert Lines(f"{change}{TABLE}".encode()).of(keys) == expected
