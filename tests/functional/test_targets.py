"""Several targets of one name: who gets which, and what the caller and the log see of it."""

import math
from typing import TYPE_CHECKING

import pytest

from chalicelib.auth.credentials import Identity
from chalicelib.routing.headers import CORS_ALLOWED, CORS_EXPOSED
from tests.support.canary import CANARY
from tests.support.clients import LambdaClient
from tests.support.gateway import FakeScheme, FixedTable, build_gateway, table
from tests.support.problems import assert_problem

if TYPE_CHECKING:
    from chalicelib.routing.table import Model

TABLE = """\
version: 1
models:
  churn:
    kind: mme
    endpoint: tabular
    content_types: [application/json]
    targets:
      v7: {target_model: churn-v7.tar.gz, weight: 60}
      v8: {target_model: churn-v8.tar.gz, weight: 40}
    sticky: routing-key
  by-session:
    kind: single
    targets: {a: {endpoint: a, weight: 1}, b: {endpoint: b, weight: 1}}
    sticky: session-id
  by-principal:
    kind: single
    targets: {a: {endpoint: a, weight: 1}, b: {endpoint: b, weight: 1}}
    sticky: principal
  by-chance:
    kind: single
    targets: {a: {endpoint: a, weight: 1}, b: {endpoint: b, weight: 1}}
  price/{city}:
    kind: mme
    parameters: {city: {pattern: "[a-z.]+"}}
    targets:
      old: {endpoint: e, target_model: "{city}/v1.tar.gz", weight: 1}
      new: {endpoint: e, target_model: "{city}", weight: 1}
    sticky: routing-key
  plain: {kind: single, endpoint: plain}
"""
SESSION = "x-amzn-sagemaker-session-id"
CALLERS = [f"caller-{number}" for number in range(40)]


@pytest.fixture(name="house")
def _house():
    return build_gateway(LambdaClient, source=FixedTable(table(TABLE)))


def target(house, path, **headers):
    response = house.predict(path, **headers)
    assert response.status == 200
    return response.headers["x-target"]


class TestKeys:
    """What keeps a caller at one target."""

    @pytest.mark.parametrize(
        ("path", "header"), [("churn", "x_routing_key"), ("by-session", SESSION.replace("-", "_"))]
    )
    def test_header(self, house, path, header):
        """The same key has the same target, and different keys have both; nothing is passed on."""
        first = [target(house, path, **{header: caller}) for caller in CALLERS]
        again = [target(house, path, **{header: caller}) for caller in CALLERS]

        assert first == again
        assert len(set(first)) == 2
        assert {line["chosen"] for line in house.log.requests} == {"sticky"}
        assert CALLERS[0] not in str([call.request.invoke_args() for call in house.runtime.calls])
        assert CALLERS[0] not in house.log.text

    def test_principal(self):
        """Each principal has its target."""
        known = {f"of-{name}": Identity(name, ("*",), None, "k3yoft3s") for name in CALLERS}
        house = build_gateway(
            LambdaClient, source=FixedTable(table(TABLE)), scheme=FakeScheme(known)
        )

        first, again = (
            [target(house, "by-principal", authorization=f"Bearer {token}") for token in known]
            for _ in range(2)
        )
        assert first == again
        assert set(first) == {"a", "b"}

    @pytest.mark.parametrize(
        ("path", "headers", "counted"),
        [
            ("by-chance", {"x_routing_key": "a"}, False),
            ("churn", {}, True),
            ("churn", {SESSION.replace("-", "_"): "a"}, True),
            ("by-session", {SESSION.replace("-", "_"): "NEW_SESSION"}, True),
        ],
    )
    def test_without_a_key(self, capsys, path, headers, counted):
        """Without a key, chance decides; if the entry is sticky, a metric counts that."""
        house = build_gateway(LambdaClient, source=FixedTable(table(TABLE)))
        found = {target(house, path, **headers) for _ in range(60)}

        assert len(found) == 2
        assert {line["chosen"] for line in house.log.requests} == {"weight"}
        assert ('"NotSticky":[1.0]' in capsys.readouterr().out) is counted

    def test_new_session_as_a_key(self, house):
        """The word asks for a new session in a session id only; a routing key is any text."""
        found = {target(house, "churn", x_routing_key="NEW_SESSION") for _ in range(20)}

        assert len(found) == 1
        assert {line["chosen"] for line in house.log.requests} == {"sticky"}

    @pytest.mark.parametrize("key", ["", "a\x00", "größe", "x" * 257, "a\tb"])
    def test_bad_key(self, house, key):
        """A key that is not short plain text is refused, and not repeated."""
        response = house.predict("churn", x_routing_key=key)

        problem = assert_problem(response, 400, "invalid-header")
        assert problem["detail"] == (
            "The header X-Routing-Key must be 1 to 256 printable ASCII characters."
        )
        assert house.runtime.calls == []

    def test_unused_key(self, house):
        """Where no key is read, any is let through."""
        assert house.predict("plain", x_routing_key="größe").status == 200

    def test_order_of_checks(self, house):
        """A bad key is found after a bad media type, and before a bad body."""
        headers = {"content_type": "text/plain", "x_routing_key": "é"}
        assert_problem(house.predict("churn", **headers), 415, "unsupported-media-type")
        assert_problem(house.predict("churn", b"{", x_routing_key="é"), 400, "invalid-header")

    def test_twice(self, house):
        """A key that comes twice is refused, where that can be seen."""
        headers = [("Content-Type", "application/json"), ("X-Routing-Key", "a")]
        response = house.post("/predict/churn", b"{}", [*headers, ("x-routing-key", "b")])

        assert_problem(response, 400, "invalid-header")

    def test_shares(self, house):
        """The shares are those of the weights."""
        calls = 3_000
        found = [target(house, "churn", x_routing_key=f"k{number}") for number in range(calls)]

        most_apart = 5 * math.sqrt(0.4 * 0.6 / calls)
        assert abs(found.count("v8") / calls - 0.4) <= most_apart


class TestAnswers:
    """What the caller and the log see."""

    def test_one_target(self, house):
        """An entry without targets has nothing of this."""
        response = house.predict("plain")

        (line,) = house.log.requests
        assert "x-target" not in response.headers
        assert not line.keys() & {"target_name", "first_target", "chosen", "fallbacks"}
        assert line["endpoint"] == "plain"

    def test_log(self, house):
        """The line names the target, and how it was chosen."""
        response = house.predict("churn", x_routing_key=CANARY)

        (line,) = house.log.requests
        name = response.headers["x-target"]
        assert (line["target_name"], line["first_target"]) == (name, name)
        assert (line["chosen"], line["fallbacks"]) == ("sticky", 0)
        assert line["target"] == f"TargetModel=churn-{name}.tar.gz"
        assert CANARY not in house.log.text

    def test_refused(self, house):
        """A request that is refused has no target."""
        house.predict("churn", b"{")

        (line,) = house.log.requests
        assert line["kind"] == "mme"
        assert not line.keys() & {"target_name", "endpoint", "chosen"}

    def test_parameters(self, house):
        """The parameters fill the chosen target, and are checked for all of them."""
        assert target(house, "price/houston") in {"old", "new"}
        assert house.runtime.calls[0].target["TargetModel"].startswith("houston")

        for _ in range(20):
            assert_problem(house.predict("price/.."), 400, "invalid-parameter")

    def test_catalog(self, house):
        """Callers do not see the targets; the kind is that of the heaviest one."""
        entry = house.get("/models/churn").json()

        assert entry["kind"] == "mme"
        assert not {"targets", "sticky", "fallback"} & entry.keys()
        assert "v7" not in str(entry)

    def test_cors(self):
        """Web pages may send the key, and read which target answered."""
        assert "X-Routing-Key" in CORS_ALLOWED
        assert "X-Target" in CORS_EXPOSED


def test_heaviest():
    """A model's target is the heaviest, and of equal weights the first by name."""
    model: Model = table(TABLE).find("churn").model
    assert [one.name for one in model.targets] == ["v7", "v8"]
    assert model.target == model.targets[0].target
    assert [one.name for one in table(TABLE).find("by-chance").model.targets] == ["a", "b"]
