"""Somebody who uses the gateway's page in a browser, as the tests see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.support.node import node_modules, program
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

SECONDS = 60.0  # on a busy machine
SERIOUS = {"serious", "critical"}
REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`${event.violatedDirective} ${event.blockedURI}`))"""
# Chromium writes a line for every answer that is an error. The page itself writes none.
OF_THE_BROWSER = "Failed to load resource"
STORED = """async () => [document.cookie, localStorage.length, sessionStorage.length,
    (await indexedDB.databases()).length]"""
AXE = """async () => (await axe.run()).violations.map(
    ({id, impact, nodes}) => [impact, id, nodes.map((node) => node.target.join(" ")).join(", ")])"""

COMMANDS = {
    "curl": lambda text: ["bash", "-c", text],
    "Python": lambda text: [sys.executable, "-c", text],
    "fetch": lambda text: [program("node", "nodejs"), "--input-type=module", "-e", text],
}
"""The command that runs a program which the page shows, by its language."""

expect.set_options(timeout=SECONDS * 1000)


class Visitor:
    """Uses the page, and keeps what the browser reports about it."""

    def __init__(self, page: Page, url: str, *others: str) -> None:
        self.page = page
        self.url = url
        self.allowed = (url, f"blob:{url}", "data:", *others)
        """What the URLs of requests may begin with."""
        self.expected: tuple[str, ...] = ()
        """Parts of the reports that a test wants the browser to make."""
        self.reports: list[str] = []
        page.set_default_timeout(SECONDS * 1000)
        page.add_init_script(REPORT_VIOLATIONS)
        page.on("console", lambda message: self._report(message.text))
        page.on("pageerror", lambda error: self._report(str(error)))
        page.on("request", lambda request: self._check_host(request.url))

    def _report(self, text: str) -> None:
        if not text.startswith(OF_THE_BROWSER) and not any(one in text for one in self.expected):
            self.reports.append(text)

    def _check_host(self, url: str) -> None:
        if not url.startswith(self.allowed):
            self.reports.append(f"a request to {url}")

    def open(self, key: str = "") -> None:
        """Open the page; with a key, as the link of `make run` does."""
        self.page.goto(f"{self.url}/" + (f"#key={key}" if key else ""))

    def id(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def connect(self, key: str) -> None:
        """Type a key."""
        self.id("key").fill(key)
        self.click("Connect")

    def choose(self, model: str) -> None:
        """Choose a model, and wait until the page knows it."""
        row = self.page.locator(".entry", has=self.page.locator("strong", has_text=model))
        row.filter(has=self.page.get_by_text(model, exact=True)).click()
        expect(self.id("model-name")).to_have_text(model)
        expect(self.id("options")).to_be_visible()
        expect(self.id("program")).not_to_be_empty()

    def choose_with_example(self, model: str) -> None:
        """Choose a model, and wait for its example."""
        self.choose(model)
        self.wait_for_example()

    def wait_for_example(self) -> None:
        expect(self.id("reset")).to_be_visible()

    def call(self, model: str, status: int = 200) -> None:
        """Send a model its example."""
        self.choose_with_example(model)
        self.send(status)

    def send(self, status: int = 200) -> None:
        """Send the request, and wait for an answer with this status."""
        self.id("send").click()
        self.expect_status(status)

    def expect_status(self, status: int) -> None:
        expect(self.page.locator(".status")).to_have_text(str(status))

    @property
    def cells(self) -> list[str]:
        """The cells of the answer's table."""
        return self.page.locator("#answer td").all_text_contents()

    def view(self, name: str) -> str:
        """Look at the answer in another way."""
        self.page.locator("#answer .choice span", has_text=name).click()
        return self.id("answer").locator("pre").inner_text()

    def program(self, language: str) -> str:
        """The call as code."""
        self.page.locator("#code-bar .choice span", has_text=language).click()
        return self.id("program").text_content() or ""

    def sent(self) -> Any:
        """The body in the editor, which is JSON."""
        return json.loads(self.id("body").input_value())

    def findings(self) -> list[str]:
        """The serious findings of axe; the CSP keeps a script element of axe's from running."""
        source = (node_modules(ROOT / "tests/browser") / "axe-core/axe.min.js").read_text("utf-8")
        self.page.evaluate(source)
        return [" ".join(found) for found in self.page.evaluate(AXE) if found[0] in SERIOUS]

    def check(self) -> None:
        """Check that the browser has nothing to report, and that the page keeps nothing."""
        assert self.reports == []
        assert self.page.evaluate(STORED) == ["", 0, 0, 0]
        assert self.page.context.cookies() == []
        assert "key" not in self.page.url


def run_program(language: str, text: str, key: str, folder: Path) -> str:
    """Run a program that the page shows, and return what it prints."""
    with start_program(language, text, key, folder) as running:
        printed, errors = running.communicate(timeout=SECONDS)
    assert running.returncode == 0, errors
    return printed


def start_program(
    language: str, text: str, key: str, folder: Path | None = None
) -> subprocess.Popen[str]:
    """Start a program that the page shows."""
    return subprocess.Popen(
        COMMANDS[language](text),
        cwd=folder,
        env={**os.environ, "GATEWAY_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
