"""Grants: for a caller, unknown and forbidden models are the same."""

import dataclasses
from itertools import product

import pytest

from chalicelib.auth.credentials import Identity
from chalicelib.routing.reading import file
from chalicelib.routing.table import row_key
from tests.faults.rows import row
from tests.functional.test_catalog import HOUSE_PRICE, NAMES
from tests.support.gateway import JSON, FakeScheme, FixedTable, table
from tests.support.problems import assert_problem
from tests.support.steps import gateway_functions


class Guests:
    """Callers with grants; each token lists the grants."""

    def __init__(self, build, **parts):
        self.scheme = FakeScheme({})
        self.gateway = build(scheme=self.scheme, **parts)

    def send(self, grants, method, path, body=b"{}"):
        token = "-".join(grants) or "none"
        self.scheme.known[token] = Identity("guest", tuple(grants), None)
        return self.gateway.client.send(
            method, path, {**JSON, "Authorization": f"Bearer {token}"}, body
        )

    def models(self, grants, query=""):
        return self.send(grants, "GET", f"/models{query}").json()


@pytest.fixture(name="guests")
def _guests(build):
    return Guests(build)


def but_for_the_name(response, name):
    """Return everything by which a caller could tell two models apart."""
    problem = assert_problem(response, 404, "unknown-model")
    assert problem["detail"].count(f"'{name}'") == 1
    own = {"x-request-id", "server-timing", "content-length"}
    headers = {key: value for key, value in response.headers.items() if key not in own}
    body = response.body.decode().replace(problem["instance"], "ID").replace(f"'{name}'", "NAME")
    return response.status, list(headers.items()), body


FORBIDDEN = [
    pytest.param([], "iris", id="no-grant"),
    pytest.param(["wine"], "iris", id="another-model"),
    pytest.param(["iris"], "house-price/houston", id="deeper"),
    pytest.param(["house-price"], "house-price/houston", id="the-name-alone"),
    pytest.param(["house-price/austin"], "house-price/houston", id="another-value"),
    pytest.param(["house-price/austin"], "house-price/paris", id="bad-parameter"),
    pytest.param(["house-price/austin"], "house-price/%2e%2e", id="bad-characters"),
    pytest.param(["translate/de/*"], "translate/fr/en", id="first-of-two-parameters"),
    pytest.param(["*/*"], "iris", id="any-of-two"),
]


@pytest.mark.parametrize(("grants", "path"), FORBIDDEN)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_unknown_and_forbidden_are_one(guests, method, grants, path):
    """Both responses are the same bytes, except for the name and the request's id."""
    prefix = "/predict/" if method == "POST" else "/models/"
    unknown = "/".join(["no-such", *path.split("/")[1:]])

    forbidden = guests.send(grants, method, prefix + path)
    missing = guests.send(grants, method, prefix + unknown)
    granted_but_missing = guests.send([*grants, unknown], method, prefix + unknown)

    assert but_for_the_name(forbidden, path) == but_for_the_name(missing, unknown)
    assert but_for_the_name(forbidden, path) == but_for_the_name(granted_but_missing, unknown)
    assert guests.gateway.runtime.calls == []
    assert not any("model" in line for line in guests.gateway.log.requests)


class WatchedRows(dict):
    """Rows that record which keys are read, and of which only the existence is asked for."""

    def __init__(self, rows):
        super().__init__(rows)
        self.touched, self.asked = set(), set()

    def __getitem__(self, key):
        self.touched.add(key)
        return super().__getitem__(key)

    def __contains__(self, key):
        self.asked.add(key)
        return super().__contains__(key)

    def __iter__(self):
        self.touched |= self.keys()
        return super().__iter__()


@pytest.fixture(name="watched")
def _watched(build):
    """Callers of a gateway whose table records what is asked for."""
    rows = WatchedRows(table().rows)
    watched = Guests(build, source=FixedTable(dataclasses.replace(table(), rows=rows)))
    watched.rows = rows
    return watched


@row("K7")
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(("grants", "path"), FORBIDDEN)
def test_steps_do_not_tell_whether_a_model_exists(watched, method, grants, path):
    """Without a grant the same functions run, whether there is a model or not.

    The only rows that are read are those of models that a grant is for, with another number of
    segments. The table is asked once whether it has the path's row, whichever it is, because the
    log says it. With a grant, the functions are the same until the grant is decided.
    """
    prefix = "/predict/" if method == "POST" else "/models/"
    unknown = "/".join(["no-such", *path.split("/")[1:]])

    def steps(mine, asked):
        return gateway_functions(lambda: watched.send(mine, method, prefix + asked))

    steps(grants, unknown)  # what runs only once
    forbidden, missing = steps(grants, path), steps(grants, unknown)
    assert forbidden == missing
    of_grants = {grant.count("/") for grant in grants} - {path.count("/")}
    firsts = [asked.partition("/")[0] for asked in (path, unknown)]
    of_grants = {row_key(*own) for own in product(firsts, of_grants)}
    assert watched.rows.touched <= of_grants
    assert watched.rows.asked - of_grants == {row_key(one, path.count("/")) for one in firsts}

    granted = steps([path], path)
    decided = granted.index("Principal.may_call") + 1
    assert granted[:decided] == forbidden[:decided]
    assert watched.rows.touched != set()


@row("K7")
@pytest.mark.parametrize(
    "grants", [["iris"], ["iris", "house-price/houston"], ["nothing", "no/such/model"], []]
)
def test_list_reads_only_granted_rows(watched, grants):
    """A list of models costs a caller the same, whatever else the table has."""
    watched.models(grants)

    assert watched.rows.touched | watched.rows.asked == {
        row_key(first, len(values)) for first, *values in (grant.split("/") for grant in grants)
    }


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_grant_comes_before_parameters(guests, method):
    """Only who may use a value learns whether the model takes it."""
    path = "/predict/house-price/paris" if method == "POST" else "/models/house-price/paris"

    assert_problem(guests.send(["house-price/houston"], method, path), 404, "unknown-model")
    assert_problem(guests.send(["house-price/*"], method, path), 400, "invalid-parameter")
    assert_problem(guests.send(["house-price/paris"], method, path), 400, "invalid-parameter")
    assert_problem(guests.send(["*"], method, path), 400, "invalid-parameter")


def test_bad_value_does_not_name_the_others(guests):
    """A refused parameter does not list the values, which the caller may not all see."""
    response = guests.send(["house-price/paris"], "POST", "/predict/house-price/paris")

    assert b"houston" not in response.body
    assert b"austin" not in response.body


@pytest.mark.parametrize(
    ("grants", "path", "target"),
    [
        (["iris"], "iris", {"EndpointName": "tabular", "TargetModel": "iris-v1.tar.gz"}),
        (
            ["wine", "house-price/houston"],
            "house-price/houston",
            {"EndpointName": "housing", "TargetModel": "houston/v3.tar.gz"},
        ),
        (
            ["*/*/en"],
            "translate/de/en",
            {"EndpointName": "languages", "TargetModel": "de-en.tar.gz"},
        ),
        (["*"], "churn", {"EndpointName": "churn-prod"}),
    ],
)
def test_granted(guests, grants, path, target):
    """With a grant the model is called once, at its target."""
    assert guests.send(grants, "POST", f"/predict/{path}").status == 200
    assert guests.gateway.call.target == target
    assert guests.gateway.log.requests[0]["principal"] == "guest"


@pytest.mark.parametrize(
    ("grants", "names"),
    [
        pytest.param([], [], id="no-grant"),
        pytest.param(["nothing"], [], id="granted-and-not-there"),
        pytest.param(["iris", "churn"], ["churn", "iris"], id="two"),
        pytest.param(["churn"], ["churn"], id="no-prefix"),
        pytest.param(["house-price/houston"], ["house-price/{city}"], id="one-value"),
        pytest.param(["house-price/paris"], [], id="a-value-it-cannot-have"),
        pytest.param(["house-price"], [], id="shallower"),
        pytest.param(["*/*"], ["house-price/{city}"], id="any-of-two-segments"),
        pytest.param(["*/*/*"], ["translate/{source}/{target}"], id="any-of-three-segments"),
        pytest.param(["*"], NAMES, id="everything"),
    ],
)
def test_list_shows_what_may_be_called(guests, grants, names):
    """The list has only granted models."""
    listing = guests.models(grants)

    assert [model["name"] for model in listing["models"]] == names
    assert listing.keys() == {"models"}


def test_parameters_are_cut_down(guests):
    """The list and the entry of a model have only granted values."""
    for grants, city in (
        (["house-price/*"], ["austin", "houston"]),
        (["house-price/houston"], ["houston"]),
        (["house-price/houston", "*/austin", "house-price/paris"], ["austin", "houston"]),
    ):
        example = {"example_path": f"/predict/house-price/{city[0]}"}
        expected = {**HOUSE_PRICE, "parameters": {"city": {"one_of": city}}, **example}
        assert guests.models(grants)["models"] == [expected]
        entry = guests.send(grants, "GET", "/models/house-price/houston").json()
        assert entry == expected | {"pass_headers": []}


@pytest.mark.parametrize(
    ("grants", "example"),
    [
        pytest.param(["*"], None, id="everything"),
        pytest.param(["*/*/*", "translate/fr/*"], None, id="pattern"),
        pytest.param(["translate/fr/*", "translate/fr/it"], "fr/it", id="known-from-a-grant"),
        pytest.param(["translate/fr/it", "translate/de/pl"], "de/pl", id="together"),
        pytest.param(["translate/fr/it", "translate/d/pl"], "fr/it", id="breaks-the-rule"),
        pytest.param(["*/fr/it"], "fr/it", id="any-model"),
    ],
)
def test_example_path(guests, grants, example):
    """An example path is one that the caller may call as it stands; none is made up."""
    entries = {entry["name"]: entry for entry in guests.models(grants)["models"]}
    shown = entries["translate/{source}/{target}"].get("example_path")

    assert shown == (example and f"/predict/translate/{example}")
    assert example is None or guests.send(grants, "POST", shown).status == 200


def test_example_path_that_makes_no_artifact(build):
    """Values that are good alone, and together no artifact's name, are no example."""
    dots = """\
version: 1
models:
  dots/{part}:
    kind: mme
    endpoint: e
    target_model: "{part}/m.tar.gz"
    parameters:
      part: {pattern: "[.a-z]{1,9}"}
"""
    guests = Guests(build, source=FixedTable(table(dots)))

    (unknown,) = guests.models(["dots/.."])["models"]
    (known,) = guests.models(["dots/..", "dots/x"])["models"]
    assert "example_path" not in unknown
    assert known["example_path"] == "/predict/dots/x"


HINTS = [
    pytest.param(
        ["house-price/*"],
        "house-price",
        "house-price/{city} needs a value for {city}: POST /predict/house-price/austin.",
        id="missing",
    ),
    pytest.param(
        ["house-price/houston"],
        "house-price",
        "house-price/{city} needs a value for {city}: POST /predict/house-price/houston.",
        id="only-what-is-granted",
    ),
    pytest.param(
        ["*"],
        "house-price/austin/7",
        "house-price/{city} has fewer segments: POST /predict/house-price/austin.",
        id="too-many",
    ),
    pytest.param(["iris"], "iris/7", "iris has fewer segments: POST /predict/iris.", id="none"),
    pytest.param(
        ["*/*/*"],
        "translate",
        "translate/{source}/{target} needs a value for {source} and {target}: "
        "POST /predict/translate/{source}/{target}.",
        id="two-are-missing",
    ),
    pytest.param(
        ["*"],
        "translate/de",
        "translate/{source}/{target} needs a value for {target}: "
        "POST /predict/translate/{source}/{target}.",
        id="the-second-is-missing",
    ),
]


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(("grants", "path", "hint"), HINTS)
def test_what_is_missing(guests, method, grants, path, hint):
    """Who may call a model is told what the path lacks; nobody else learns that it is there.

    `GET /models/<first segment>` shows the model instead.
    """
    prefix = "/predict/" if method == "POST" else "/models/"

    told = guests.send(grants, method, prefix + path)
    untold = guests.send(["wine/*", "house-price/paris"], method, prefix + path)

    if method == "GET" and "/" not in path:
        assert (told.status, told.json()["name"]) == (200, hint.partition(" ")[0])
    else:
        detail = assert_problem(told, 404, "unknown-model")["detail"]
        assert detail == f"No model named '{path}'; {hint}"
    expected = f"No model named '{path}'; GET /models lists the ones you may call."
    assert assert_problem(untold, 404, "unknown-model")["detail"] == expected
    assert guests.gateway.runtime.calls == []


SIMILAR = """\
version: 1
models:
  x: {kind: single, endpoint: e}
  x/{a}: {kind: mme, endpoint: e, target_model: "{a}", parameters: {a: {one_of: [p, q]}}}
  x/{a}/{b}:
    kind: mme
    endpoint: e
    target_model: "{a}-{b}"
    parameters: {a: {pattern: ".+"}, b: {one_of: [p]}}
"""


@pytest.mark.parametrize(
    ("grants", "shown"),
    [
        pytest.param(["*"], "x", id="exactly-that"),
        pytest.param(["x", "x/*"], "x", id="also-others"),
        pytest.param(["x/*"], "x/{a}", id="the-only-one"),
        pytest.param(["x/q"], "x/{a}", id="one-value"),
        pytest.param(["x/*/*", "x/z"], "x/{a}/{b}", id="a-value-it-cannot-have"),
        pytest.param(["x/*", "x/*/*"], None, id="two"),
        pytest.param(["y"], None, id="none"),
    ],
)
def test_first_segment_alone(build, grants, shown):
    """It shows the one model that the caller may call, whatever else the table has."""
    guests = Guests(build, source=FixedTable(table(SIMILAR)))

    response = guests.send(grants, "GET", "/models/x")

    if shown is None:
        detail = assert_problem(response, 404, "unknown-model")["detail"]
        assert ("x/{a} needs" in detail and "x/{a}/{b} needs" in detail) == (grants != ["y"])
    else:
        assert response.json()["name"] == shown
        if grants == ["x/q"]:
            assert response.json()["parameters"] == {"a": {"one_of": ["q"]}}


def test_pattern_is_cut_down_to_values(guests):
    """A caller with two granted values sees those values, not the pattern."""
    (model,) = guests.models(["translate/de/*", "translate/fr/*", "translate/deutsch/*"])["models"]

    assert model["parameters"] == {
        "source": {"one_of": ["de", "fr"]},
        "target": {"pattern": "[a-z]{2}"},
    }


def test_pages_count_what_is_visible(build):
    """`limit` and `next` count only granted models."""
    entries = "".join(f"  m{n:05}:\n    kind: single\n    endpoint: e\n" for n in range(3_000))
    many = file.parse(f"version: 1\nmodels:\n{entries}".encode(), "many.yaml")
    guests = Guests(build, source=FixedTable(many))
    mine = [f"m{n:05}" for n in (7, 8, 1_500, 2_998, 2_999)]

    def page(query):
        listing = guests.models(mine, query)
        return [model["name"] for model in listing["models"]], listing.get("next")

    assert page("?limit=5") == (mine, None)
    assert page("?limit=4") == (mine[:4], mine[3])
    assert page("?limit=2") == (mine[:2], mine[1])
    assert page(f"?limit=2&after={mine[1]}") == (mine[2:4], mine[3])
    assert page(f"?limit=2&after={mine[3]}") == (mine[4:], None)
    assert page("?after=m01000") == (mine[2:], None)
    assert page("?limit=1&after=m02999") == ([], None)
    assert page("") == (mine, None)
