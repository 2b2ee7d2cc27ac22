"""What is taken out of botocore is what the botocore that ships has."""

import pytest

from deployment import roots


def test_roots():
    """The five roots as botocore has them; `python -m deployment.roots` writes the file."""
    assert roots.FILE.read_text() == roots.text()
    assert roots.text().count("-----BEGIN CERTIFICATE-----") == len(roots.LABELS) == 5


@pytest.mark.parametrize("label", roots.LABELS)
def test_each_root(label):
    """Each says which one it is."""
    assert f"# {label}\n-----BEGIN CERTIFICATE-----\n" in roots.text()
