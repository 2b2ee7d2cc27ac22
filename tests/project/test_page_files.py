"""The files of the page are small, and cannot run what comes from outside."""

import re

import pytest

from chalicelib.api.page import FOLDER, MEDIA_TYPES

MOST_BYTES = 65_000
FILES = sorted(FOLDER.iterdir())
RUNS_TEXT = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser|\beval\b|Function\("
    r"|localStorage|sessionStorage|indexedDB|document\.cookie|javascript:"
)


def test_size():
    """All files together have at most 65 kB."""
    assert sum(path.stat().st_size for path in FILES) <= MOST_BYTES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file(path):
    """A file is of a kind that the gateway sends, keeps nothing, and runs no text."""
    assert path.suffix in MEDIA_TYPES
    assert RUNS_TEXT.findall(path.read_text(encoding="utf-8")) == []


def test_imports():
    """Every module is imported, and every import is a file beside it."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in FILES}
    imported = {name for text in texts.values() for name in re.findall(r'from "\./(.+?)"', text)}

    assert imported | {"main.js"} == {name for name in texts if name.endswith(".js")}
