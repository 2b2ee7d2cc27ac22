"""`GET /models…`: the list of models."""

import base64

import pytest

from chalicelib.routing.headers import PASSED
from chalicelib.routing.reading import file
from chalicelib.routing.reading.entry import LONGEST_ENTRY
from chalicelib.routing.table import RoutingTable
from tests.faults.rows import row
from tests.support.gateway import JSON, FixedTable
from tests.support.problems import assert_problem

NAMES = [
    "attributes",
    "churn",
    "churn-green",
    "half-open",
    "hasty",
    "house-price/{city}",
    "iris",
    "picture",
    "sentiment",
    "summary",
    "translate/{source}/{target}",
    "wine-grade",
]
IRIS = {
    "name": "iris",
    "path": "/predict/iris",
    "kind": "mme",
    "description": "Iris species from four measurements",
    "content_types": ["application/json", "text/csv"],
    "accepts": ["application/json", "text/csv"],
    "parameters": {},
}
HOUSE_PRICE = {
    "name": "house-price/{city}",
    "path": "/predict/house-price/{city}",
    "kind": "mme",
    "description": None,
    "content_types": ["application/json"],
    "accepts": ["application/json"],
    "parameters": {"city": {"one_of": ["austin", "houston"]}},
    "example_path": "/predict/house-price/austin",
}


def many(count):
    """Build a table of so many models, named in order."""
    entries = "".join(f"  m{n:05}:\n    kind: single\n    endpoint: e\n" for n in range(count))
    return FixedTable(file.parse(f"version: 1\nmodels:\n{entries}".encode(), "many.yaml"))


@pytest.fixture(scope="module", name="thousands")
def _thousands():
    return many(2_500)


def test_list(gateway):
    """The list has every model in the order of names, and nothing of its target."""
    response = gateway.get("/models")

    listing = response.json()
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert listing.keys() == {"models"}
    assert [model["name"] for model in listing["models"]] == NAMES
    assert IRIS in listing["models"]
    assert HOUSE_PRICE in listing["models"]
    assert b"tabular" not in response.body


def test_jobs(build):
    """In a gateway with jobs, each model says so; one of kind `async` is visible as such."""
    rows = "  a: {kind: single, endpoint: e}\n  b: {kind: async, endpoint: e}\n"
    source = FixedTable(file.parse(f"version: 1\nmodels:\n{rows}".encode(), "routing.yaml"))
    gateway = build(source=source, jobs="s3://bucket/jobs", jobs_queue="queue")

    one, other = gateway.get("/models").json()["models"]
    assert (one["kind"], one["jobs"], other["kind"], other["jobs"]) == (
        "single",
        True,
        "async",
        True,
    )
    assert gateway.get("/models/a").json()["jobs"] is True


def test_pages(build, thousands):
    """A page has at most 1,000 models; `next` leads to the next page."""
    gateway = build(source=thousands)
    names, after = [], ""

    for _ in range(3):
        listing = gateway.get(f"/models?after={after}").json()
        names += [model["name"] for model in listing["models"]]
        after = listing.get("next", "")

    assert names == [f"m{n:05}" for n in range(2_500)]
    assert after == ""


def long_entries(count, characters):
    """Build a table of models whose entries have about so many characters each."""
    values = [f"v{n:058}" for n in range(characters // 62)]
    one = {"kind": "mme", "target": {"endpoint": "e", "target_model": "{v}"}}
    rule = {"parameters": {"v": {"one_of": values}}}
    rows = {f"m{number}/*": {**one, **rule} for number in range(count)}
    return FixedTable(RoutingTable("0" * 64, {}, rows))


def pages(gateway, query=""):
    """Follow `next` to the end; return all names, and the models and bytes of each answer."""
    names, counts, sizes, after = [], [], [], ""
    while after is not None:
        response = gateway.get(f"/models?after={after}{query}")
        listing = response.json()
        names += [model["name"] for model in listing["models"]]
        counts.append(len(listing["models"]))
        sizes.append(len(base64.b64encode(response.body)))
        after = listing.get("next")
    return names, counts, sizes


@row("R12")
@pytest.mark.parametrize(
    ("characters", "counts"),
    [
        pytest.param(1_000_000, [4, 3], id="several"),
        pytest.param(2_500_000, [1] * 7, id="one"),
        pytest.param(LONGEST_ENTRY, [1] * 7, id="longest"),
    ],
)
def test_pages_by_bytes(build, characters, counts):
    """A page ends before its answer is larger than Lambda carries; no model is left out."""
    names, of_pages, sizes = pages(build(source=long_entries(7, characters)))

    assert of_pages == counts
    assert names == [f"m{n}/{{v}}" for n in range(7)]
    assert max(sizes) <= 6_200_000


@row("R12")
def test_page_that_is_just_full(build):
    """Whatever the sizes are, the page is never larger, and its last entry never gets lost."""
    for characters in range(1_545_000, 1_551_000, 620):
        names, _, sizes = pages(build(source=long_entries(3, characters)), "&limit=1000")

        assert names == [f"m{n}/{{v}}" for n in range(3)]
        assert max(sizes) <= 6_200_000


@pytest.mark.parametrize(
    ("query", "names", "following"),
    [
        pytest.param("limit=2", NAMES[:2], NAMES[1], id="limit"),
        pytest.param("limit=2&after=churn", NAMES[2:4], NAMES[3], id="after"),
        pytest.param("limit=2&after=churm", NAMES[1:3], NAMES[2], id="after-what-is-not-there"),
        pytest.param("after=wine-grade", [], None, id="after-the-last"),
        pytest.param("limit=12", NAMES, None, id="exactly-all"),
        pytest.param("limit=11", NAMES[:11], NAMES[10], id="all-but-one"),
        pytest.param("limit=1000&unknown=1", NAMES, None, id="most"),
        pytest.param("limit=0012", NAMES, None, id="zeros"),
        pytest.param("after=house-price%2F%7Bcity%7D", NAMES[6:], None, id="after-a-pattern"),
    ],
)
def test_page(gateway, query, names, following):
    """`limit` and `after` choose a page; `next` is there if more models follow."""
    listing = gateway.get(f"/models?{query}").json()

    assert [model["name"] for model in listing["models"]] == names
    assert listing.get("next") == following


@pytest.mark.parametrize(
    "limit",
    [
        "0",
        "1001",
        "-1",
        "1.5",
        "many",
        "",
        "%D9%A5",
        "1e2",
        pytest.param("00000001000000", id="a-million-after-zeros"),
        pytest.param("000000001" + "0" * 5000, id="five-thousand-digits"),
    ],
)
def test_bad_limit(gateway, limit):
    """A wrong limit is refused; the problem says which ones are right."""
    problem = assert_problem(gateway.get(f"/models?limit={limit}"), 400, "invalid-parameter")

    assert "a whole number from 1 to 1000" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        pytest.param(
            "iris",
            IRIS | {"pass_headers": [], "example": {"instances": [[5.1, 3.5, 1.4, 0.2]]}},
            id="own",
        ),
        pytest.param("house-price/houston", HOUSE_PRICE | {"pass_headers": []}, id="pattern"),
    ],
)
def test_model(gateway, path, entry):
    """A path shows the entry of its model, its headers, and the example if there is one."""
    response = gateway.get(f"/models/{path}")

    assert (response.status, response.json()) == (200, entry)
    assert gateway.log.requests[0]["model"] == entry["name"]


@pytest.mark.parametrize(
    ("path", "name", "example"),
    [
        ("house-price", "house-price/{city}", "/predict/house-price/austin"),
        ("translate", "translate/{source}/{target}", None),
    ],
)
def test_first_segment(gateway, path, name, example):
    """The first segment alone shows the only model that begins so, with its parameters."""
    listed = {model["name"]: model for model in gateway.get("/models").json()["models"]}

    response = gateway.get(f"/models/{path}")

    assert (response.status, response.json()) == (200, listed[name] | {"pass_headers": []})
    assert response.json().get("example_path") == example
    assert gateway.log.requests[-1]["model"] == name


def test_longest_form(gateway):
    """A model may have two parameters."""
    model = gateway.get("/models/translate/de/en").json()

    rule = {"pattern": "[a-z]{2}"}
    assert model["parameters"] == {"source": rule, "target": rule}
    assert model["example_path"] == "/predict/translate/de/en"


@pytest.mark.parametrize("model", ["attributes", "half-open", "churn"])
def test_pass_headers(gateway, model):
    """A model's entry names the headers that a caller may send to it; each of them arrives."""
    names = gateway.get(f"/models/{model}").json()["pass_headers"]

    assert gateway.post(f"/predict/{model}", b"{}", JSON | dict.fromkeys(names, "7")).status == 200
    assert list(gateway.call.request.passed.values()) == ["7"] * len(names)
    assert len(names) == {"attributes": len(PASSED), "half-open": 1, "churn": 0}[model]


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("nothing", 404, "unknown-model"),
        ("iris/1/2", 404, "unknown-model"),
        ("house-price/paris", 400, "invalid-parameter"),
    ],
)
def test_no_model(gateway, path, status, slug):
    """A path without a model gets the refusals of a prediction."""
    assert_problem(gateway.get(f"/models/{path}"), status, slug)


def test_nothing_is_called(gateway):
    """The list calls no model."""
    for path in ("/models", "/models/iris", "/health"):
        assert "model" not in gateway.get(path).headers["server-timing"]
    assert gateway.runtime.calls == []
