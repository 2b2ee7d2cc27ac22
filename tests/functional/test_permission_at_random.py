"""Random tables, callers and requests, compared with a second implementation of the rules.

A call reaches SageMaker exactly if the oracle says so, at exactly the target that it says.
"""

from __future__ import annotations

import json
import re
import string
import sys
from dataclasses import dataclass, field

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chalicelib.routing.reading import file
from tests.support.clients import LambdaClient
from tests.support.events import CONTEXT, proxy_event
from tests.support.gateway import JSON, FakeRuntime, build_gateway
from tests.support.profile import LONG

CALLERS, REQUESTS = 5, 20
CASES = 100_000 if LONG else 4_000
NOW = 1_800_000_000

FIRSTS = ["a", "ab", "a-b"]
VALUES = ["x", "y", "X", "xy", "x.y", "x-y", "~", "a", "x" * 63]
NO_VALUES = ["", ".", "..", "*", "%78", "x y", "é", "x/y", "x*", "{p}", "x" * 64]
PATTERNS = ["[a-z]+", "[a-z.]{1,3}", "x.*", ".+", "[^y]+"]
TARGETS = {
    (): ["v1.tar.gz"],
    ("p",): ["{p}", "{p}.tar.gz", "{p}/v1.tar.gz", "of-{p}/{p}"],
    ("p", "q"): ["{p}/{q}", "{q}-{p}.tar.gz", "v1/{q}/{p}"],
}
PARAMETERS = ("model", "a", "b")


@dataclass(frozen=True)
class Entry:
    """One entry of a table."""

    first: str
    rules: dict[str, str | list[str]]
    """By parameter: a pattern, or a list of values."""

    targets: list[str]
    """The artifacts of its targets: one without a name, or several with weights."""

    @property
    def endpoint(self) -> str:
        return f"{self.first}-{len(self.rules)}"

    def document(self) -> tuple[str, object]:
        """Return the entry as in `routing.yaml`."""
        name = "/".join([self.first, *(f"{{{name}}}" for name in self.rules)])
        body: dict[str, object] = {"kind": "mme", "endpoint": self.endpoint}
        if len(self.targets) == 1:
            body["target_model"] = self.targets[0]
        else:
            named = enumerate(self.targets)
            body["targets"] = {f"v{n}": {"target_model": one, "weight": 1} for n, one in named}
            body["sticky"], body["fallback"] = "principal", ["v0"]
        rules = {
            name: {"one_of" if isinstance(rule, list) else "pattern": rule}
            for name, rule in self.rules.items()
        }
        return name, {**body, **({"parameters": rules} if rules else {})}


@dataclass(frozen=True)
class Caller:
    """An authorizer context."""

    outcome: str
    grants: list[str]
    expires: int | None

    def context(self) -> dict[str, str]:
        expires = "" if self.expires is None else str(self.expires)
        written = {"outcome": self.outcome, "grants": " ".join(self.grants), "expires": expires}
        return {**CONTEXT, **written}


def oracle(
    table: list[Entry], caller: Caller, segments: list[str]
) -> tuple[int, list[dict[str, str]]]:
    """Return the status, and the targets to one of which a call may go."""
    if caller.outcome == "unavailable":
        return 503, []
    if caller.outcome != "ok" or (caller.expires is not None and caller.expires <= NOW):
        return 401, []
    splits = [grant.split("/") for grant in caller.grants]
    same = [one for one in splits if len(one) == len(segments)]
    granted = any(all(a in ("*", b) for a, b in zip(one, segments, strict=True)) for one in same)
    found = [
        one for one in table if [one.first, len(one.rules)] == [segments[0], len(segments) - 1]
    ]
    slashed = "/" in "".join(segments)
    if slashed or not found or not (granted or "*" in caller.grants):
        return 404, []
    targets = found[0].targets
    for (name, rule), value in zip(found[0].rules.items(), segments[1:], strict=True):
        allowed = string.ascii_letters + string.digits + "._~-"
        fits = value in rule if isinstance(rule, list) else re.fullmatch(rule, value)
        if not (1 <= len(value) <= 63 and set(value) <= set(allowed) and fits):
            return 400, []
        targets = [one.replace(f"{{{name}}}", value) for one in targets]
    if any({".", ".."} & set(one.split("/")) for one in targets):
        return 400, []
    return 200, [{"EndpointName": found[0].endpoint, "TargetModel": one} for one in targets]


rules = st.one_of(
    st.sampled_from(PATTERNS),
    st.lists(st.sampled_from(VALUES), min_size=1, unique=True),
)
values = st.sampled_from(VALUES * 5 + NO_VALUES)
requests = st.tuples(
    st.sampled_from(FIRSTS), st.lists(values, max_size=2), st.sampled_from(["POST", "POST", "GET"])
)
grants = st.one_of(
    st.just("*"),
    st.lists(st.sampled_from(["*", *FIRSTS, *VALUES]), min_size=1, max_size=4).map("/".join),
    st.tuples(
        st.sampled_from([*FIRSTS * 3, "*", "*", "**", "A"]),
        st.lists(st.sampled_from([*"*****", *VALUES, "%78", "", "x*"]), max_size=2),
    ).map(lambda parts: "/".join([parts[0], *parts[1]])),
)
callers = st.builds(
    Caller,
    st.sampled_from(["ok"] * 20 + ["unauthorized", "unavailable", "OK", ""]),
    st.lists(grants, max_size=6),
    st.sampled_from([None] * 8 + [NOW + 1, NOW, NOW - 1]),
)


def artifacts(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    """Draw the artifacts of the targets of an entry with these parameters."""
    return st.lists(st.sampled_from(TARGETS[names]), min_size=1, max_size=3)


@st.composite
def tables(draw: st.DrawFn) -> list[Entry]:
    """Draw entries with different names or numbers of parameters."""
    keys = st.tuples(st.sampled_from(FIRSTS), st.sampled_from(list(TARGETS)))
    chosen = draw(st.lists(keys, min_size=3, max_size=9, unique=True))
    return [
        Entry(first, {name: draw(rules) for name in names}, draw(artifacts(names)))
        for first, names in chosen
    ]


@dataclass
class Trial:
    """One gateway whose table changes, and a count of its results."""

    entries: list[Entry] = field(default_factory=list)
    runtime: FakeRuntime = field(default_factory=FakeRuntime)
    statuses: dict[int, int] = field(default_factory=dict)
    violations: int = 0

    def __post_init__(self) -> None:
        self._house = build_gateway(
            LambdaClient, source=self, runtime=self.runtime, clock=lambda: float(NOW)
        )

    def table(self) -> object:
        """Return the gateway's table."""
        return self._table

    def use(self, entries: list[Entry]) -> None:
        models = dict(entry.document() for entry in entries)
        text = json.dumps({"version": 1, "models": models})  # which is YAML, too
        self.entries, self._table = entries, file.parse(text.encode(), "random.yaml")
        self._house.log.stream.truncate(0)

    def case(self, caller: Caller, segments: list[str], method: str) -> str:
        """Return what is wrong, or an empty text."""
        status, targets = oracle(self.entries, caller, segments)
        prefix = "/predict" if method == "POST" else "/models"
        names = PARAMETERS[: len(segments)]
        asked = proxy_event(
            method,
            "/".join([prefix, *segments]),
            resource="/".join([prefix, *(f"{{{name}}}" for name in names)]),
            path_parameters=dict(zip(names, segments, strict=True)),
            headers=JSON,
            body=b"{}",
            authorizer=caller.context(),
        )
        self.runtime.calls.clear()

        answered = self._house.client.deliver(asked).status

        called = [call.target for call in self.runtime.calls]
        is_call = status == 200 and method == "POST"
        right = answered == status and (
            len(called) == 1 and called[0] in targets if is_call else called == []
        )
        self.statuses[answered] = self.statuses.get(answered, 0) + 1
        self.violations += not right
        return (
            ""
            if right
            else f"{caller} {method} {segments}: {answered} {called}, {status} {targets}"
        )


def test_random_tables_callers_and_requests(capsys, monkeypatch):
    """The gateway and the oracle never differ; the number of cases is printed."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    trial = Trial()

    # A failing case says all about itself; to shrink the twenty around it would take minutes.
    @settings(max_examples=CASES // (CALLERS * REQUESTS), deadline=None, phases=[Phase.generate])
    @given(
        tables(),
        st.lists(callers, min_size=CALLERS, max_size=CALLERS),
        st.lists(requests, min_size=REQUESTS, max_size=REQUESTS),
    )
    def run(entries, callers, requests):
        trial.use(entries)
        for caller in callers:
            for first, values, method in requests:
                assert trial.case(caller, [first, *values], method) == ""

    run()

    cases = sum(trial.statuses.values())
    with capsys.disabled():
        shares = ", ".join(f"{status}: {n:,}" for status, n in sorted(trial.statuses.items()))
        sys.stdout.write(
            f"\npermission: {cases:,} random cases ({shares}), {trial.violations} violations\n"
        )
    assert cases >= CASES
    assert trial.violations == 0
    assert trial.statuses.keys() == {200, 400, 401, 404, 503}
    assert trial.statuses[200] > cases / 100  # else it would say little
