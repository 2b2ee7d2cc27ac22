"""A real browser, and web pages of other origins for it."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.support.http_server import StubServer, response

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--no-sandbox",  # which needs rights that a container does not give
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.test 127.0.0.1",  # what DNS rebinding does
)


@pytest.fixture(scope="module")
def chromium():
    """Chromium, for which every host name below .test leads to this machine.

    Not for the session: Playwright's event loop keeps others from running in this thread.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        sentence = "There is no Chromium on this machine; on Debian: apt-get install chromium."
        (pytest.fail if os.environ.get("CI") else pytest.skip)(sentence)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A tab with a profile of its own."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def elsewhere():
    """The URL of an empty page on another origin."""
    with StubServer() as server:
        server.reply = lambda _: response(200, b"<!doctype html>", {"Content-Type": "text/html"})
        yield f"http://elsewhere.test:{server.port}/"
