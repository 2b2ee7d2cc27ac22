"""Where a table may be published."""

import pytest

from chalicelib.settings import S3Location
from gatewayctl.commands.publish import table_location
from gatewayctl.report import WrongUse

NO_OBJECT = "names no object; write s3://<bucket>/<key>.yaml"
NOT_FOUND = (
    "is a key whose compiled form would not be found; "
    "a key is made of names with one '/' between two, and none of them is '.'"
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("s3://tables/routing.yaml", "routing.yaml"),
        ("s3://tables/prod/eu/routing.yml", "prod/eu/routing.yml"),
        ("s3://tables/a.b.c.yaml", "a.b.c.yaml"),
        ("s3://tables/v1.0/routing.yaml", "v1.0/routing.yaml"),
        ("s3://tables/it's;fine.yaml", "it's;fine.yaml"),
    ],
)
def test_good(text, key):
    """Any key that ends in .yaml or .yml is a place for a table."""
    assert table_location(text) == S3Location("tables", key)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("routing.yaml", f"'routing.yaml' {NO_OBJECT}"),
        ("file:routing.yaml", f"'file:routing.yaml' {NO_OBJECT}"),
        ("s3://tables", f"'s3://tables' {NO_OBJECT}"),
        ("s3://tables/", f"'s3://tables/' {NO_OBJECT}"),
        ("s3://Tables/routing.yaml", f"'s3://Tables/routing.yaml' {NO_OBJECT}"),
        ("s3://tables/a b.yaml", f"'s3://tables/a b.yaml' {NO_OBJECT}"),
        (
            "s3://tables/routing.json",
            "s3://tables/routing.json would be its own compiled form; "
            "name it s3://tables/routing.yaml",
        ),
        (
            "s3://tables/routing",
            "s3://tables/routing does not end in .yaml or .yml; name it s3://tables/routing.yaml",
        ),
        (
            "s3://tables/a.yaml/routing",
            "s3://tables/a.yaml/routing does not end in .yaml or .yml; "
            "name it s3://tables/a.yaml/routing.yaml",
        ),
        ("s3://tables/a//routing.yaml", f"s3://tables/a//routing.yaml {NOT_FOUND}"),
        ("s3://tables/a/./routing.yaml", f"s3://tables/a/./routing.yaml {NOT_FOUND}"),
        ("s3://tables/.yaml", f"s3://tables/.yaml {NOT_FOUND}"),
    ],
)
def test_bad(text, problem):
    """Any other location is refused with the remedy, before AWS is called."""
    with pytest.raises(WrongUse) as caught:
        table_location(text)

    assert str(caught.value) == problem
