"""The page of `gatewayctl advise --html`, opened as a file."""

import json

import pytest

from gatewayctl.advice.page import Bar, Card, Page, html
from tests.support.node import node_modules
from tests.support.paths import ROOT
from tests.support.visitor import AXE, REPORT_VIOLATIONS, SERIOUS

MARKUP = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
HIDDEN = "a\u202eb\x07c"
FIRST = 490_000

PAGE = Page(
    period="3 models on 2 endpoints, a week",
    currency="USD",
    totals=[Bar("one for each", (744.6,)), Bar("now", (200.0,)), Bar("advised", (None,))],
    cards=[
        Card(
            f"{MARKUP} and more: one multi-model endpoint, saves 670.14 USD a month",
            [("rule", ["a rule", f"A page, https://docs.aws.amazon.com/{MARKUP}"])],
            "change",
        ),
        Card(HIDDEN, [("measure", ["aws cloudwatch get-metric-statistics " + "x" * 300])], "open"),
        Card("c: stays single", [("rule", ["nothing to share with"])]),
    ],
    models=[
        Bar(MARKUP, (12.5, 100.0)),
        Bar("b", (0.0, 30.0)),
        *(Bar(f"m{number}", (1.0, 1.0)) for number in range(60)),
    ],
    hours={MARKUP: {FIRST: 3, FIRST + 2: 30}, "b": {FIRST + 1: 1}, "c": {}},
    endpoints=[("endpoint", "USD/month"), (MARKUP, "74.46"), ("a-very-long-name" * 6, "unknown")],
    notes=["assumed: nothing", MARKUP],
)


class Reader:
    """Somebody who opens the page; what it reports and asks for is kept."""

    def __init__(self, page, folder):
        self.page, self.reports, self.requests = page, [], []
        page.add_init_script(REPORT_VIOLATIONS)
        page.on("console", lambda message: self.reports.append(message.text))
        page.on("pageerror", lambda error: self.reports.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        self.file = folder / "advice.html"

    def open(self, content):
        self.file.write_text(html(content), encoding="utf-8")
        self.page.goto(self.file.as_uri())

    def findings(self):
        """The serious findings of axe."""
        source = (node_modules(ROOT / "tests/browser") / "axe-core/axe.min.js").read_text("utf-8")
        self.page.evaluate(source)
        return [found for found in self.page.evaluate(AXE) if found[0] in SERIOUS]


@pytest.fixture
def reader(page, tmp_path):
    return Reader(page, tmp_path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_looks(reader, scheme, width):
    """Axe finds nothing serious, and nothing is wider than the window."""
    reader.page.set_viewport_size({"width": width, "height": 740})
    reader.page.emulate_media(color_scheme=scheme)
    reader.open(PAGE)

    assert reader.findings() == []
    assert reader.page.evaluate("document.documentElement.scrollWidth") == width


def test_no_other_host(reader):
    """The page asks for nothing but itself, runs no script, and breaks no rule of its policy."""
    reader.open(PAGE)

    assert reader.requests == [reader.file.as_uri()]
    assert reader.reports == []
    assert reader.page.locator("script, img, link, iframe").count() == 0
    policy = reader.page.locator('meta[http-equiv="Content-Security-Policy"]')
    assert policy.get_attribute("content").startswith("default-src 'none';")
    assert "unsafe" not in policy.get_attribute("content")


def test_text(reader):
    """Names are text, whatever is in them; invisible characters are shown as escapes."""
    reader.open(PAGE)

    titles = reader.page.locator("h3").all_text_contents()
    assert titles[0].startswith(MARKUP)
    assert titles[1] == "a\\u202eb\\x07c"


def test_bars(reader):
    """The bars have the proportions of the amounts; what is unknown has none."""
    reader.open(PAGE)

    rows = reader.page.locator('section[aria-labelledby="totals"] tbody tr')
    assert rows.locator("td.number").all_text_contents() == ["744.60", "200.00", "unknown"]
    widths = [
        sum(rect.bounding_box()["width"] for rect in row.locator("rect").all())
        for row in rows.all()
    ]
    assert widths[1] / widths[0] == pytest.approx(200 / 744.6, abs=0.01)
    assert widths[2] == 0


def test_hours(reader):
    """Each endpoint that was called has a picture of its calls, which is also told in words."""
    reader.open(PAGE)

    said = [one.get_attribute("aria-label") for one in reader.page.locator("svg.area").all()]
    assert said == [
        f"{MARKUP}: 33 calls, at most 30 in an hour",
        "b: 1 calls, at most 1 in an hour",
    ]


def test_most_models(reader):
    """Of very many models, those that cost most are shown, and the others are added up."""
    reader.open(PAGE)

    rows = reader.page.locator('section[aria-labelledby="models"] tbody tr')
    assert rows.count() == 41
    assert json.dumps(rows.first.locator("td.number").all_text_contents()) == '["12.50", "100.00"]'
    assert "22 more models cost less" in rows.last.text_content()
    assert json.dumps(rows.last.locator("td.number").all_text_contents()) == '["22.00", "22.00"]'
