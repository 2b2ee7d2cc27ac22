"""Every relative link of the documentation leads to a file that exists, and to a heading in it."""

import re

import pytest

from tests.project.test_docs import PAGES, PROJECT

CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def anchors(text):
    """Return the anchors that GitHub gives to the headings of a page.

    Source: https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links
    """
    found = set()
    for heading in HEADING.findall(re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.M)):
        visible = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", visible.lower()).replace(" ", "-")
        same = sum(re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other) is not None for other in found)
        found.add(f"{slug}-{same}" if same else slug)
    return found


def broken_links(page):
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):  # another site
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            yield f"{link}: there is no such file"
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links(page):
    """No link of a page is broken."""
    assert list(broken_links(page)) == []


def test_anchors():
    """An anchor is the heading in lower case, with dashes for spaces and without punctuation."""
    text = "# What's `/predict/…` for?\n## A\n```\n# no heading\n```\n## A\n## [Keys](keys.md), old"

    assert anchors(text) == {"whats-predict-for", "a", "a-1", "keys-old"}
