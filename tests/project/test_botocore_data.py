"""The root certificates in the package are those of the botocore in the package."""

from deployment import roots


def test_roots():
    """The file has the five roots, each with its name, as the installed botocore has them."""
    assert roots.FILE.read_text() == roots.text(), "run: python -m deployment.roots"
    assert roots.text().count("-----BEGIN CERTIFICATE-----") == len(roots.LABELS) == 5
    for label in roots.LABELS:
        assert f"# {label}\n-----BEGIN CERTIFICATE-----\n" in roots.text()
