"""The examples that call the demo's models."""

from tests.examples.walk import Walk


def test_readme_of_the_python_client(demo, tmp_path):
    """Each command of examples/python-client prints what the README shows."""
    with Walk(tmp_path, demo) as walk:
        walk.follow("python-client")
