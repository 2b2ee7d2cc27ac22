"""`gatewayctl advise`, with endpoints, calls and prices in files."""

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gatewayctl.command import Dependencies
from gatewayctl.costs.hosting import Boundary, Occupant, VariantHosting, text
from gatewayctl.costs.prices import EXAMPLE
from gatewayctl.report import ExitCode
from tests.support.command_line import gatewayctl
from tests.support.made_up_costs import C5, G4, endpoint, hosting, multi_model
from tests.support.request_lines import line

MB = 10**6
ROLE = "arn:aws:iam::123456789012:role/models"
IMAGE = "sklearn:1"
KNOWN = Boundary(images=(IMAGE,), roles=(ROLE,))
FIRST = datetime(2026, 5, 4, tzinfo=UTC)
HOURS = 48


def single(name, size=20 * MB, boundary=KNOWN, **members):
    """Return an endpoint of one model on an ml.c5.large."""
    occupant = Occupant("", size, boundary.images[0] if boundary.images else None)
    return endpoint(name, "single", occupant, boundary=boundary, **members)


def entry(name, **members):
    written = {"kind": "single", "endpoint": name, **members}
    return f"  {name}: {json.dumps(written)}\n"


def entry_of_two(name, **targets):
    """Return an entry with weights and endpoints by the names of its targets."""
    written = {
        one: {"kind": "single", "endpoint": endpoint, "weight": weight}
        for one, (weight, endpoint) in targets.items()
    }
    return f"  {name}: {json.dumps({'targets': written})}\n"


def calls(*names, each=4, apart=5, **members):
    """Yield the lines of so many calls in each hour, with seconds between those of two models."""
    for hour in range(HOURS):
        for number in range(each):
            for place, name in enumerate(names):
                moment = FIRST + timedelta(hours=hour, minutes=10 * number, seconds=apart * place)
                written = {
                    "model": name,
                    "kind": "single",
                    "endpoint": name,
                    "principal": "shop",
                    "target_name": None,
                    "first_target": None,
                    "model_ms": 50.0,
                    "bytes_in": 900,
                    **members,
                }
                yield line(timestamp=f"{moment:%Y-%m-%d %H:%M:%S},000+0000", **written)


class Desk:
    """A folder with the files that the command reads."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, entries, endpoints, lines):
        self.table("routing.yaml", entries)
        (self.folder / "endpoints.json").write_text(text(hosting(*endpoints)))
        (self.folder / "gateway.log").write_text("\n".join(lines))

    def table(self, name, entries):
        (self.folder / name).write_text("version: 1\nmodels:\n" + "".join(entries))

    def advise(self, *arguments, code=ExitCode.FINE, prices="example", clock=time.time):
        """Run the command, which has to end with this exit code; None: with any."""
        outcome = gatewayctl(
            "advise",
            *arguments,
            f"--table={self.folder / 'routing.yaml'}",
            f"--endpoints={self.folder / 'endpoints.json'}",
            f"--log={self.folder / 'gateway.log'}",
            *([f"--prices={prices}"] if prices else []),
            project=self.folder,
            dependencies=Dependencies(clock=clock),
        )
        assert code in (outcome.code, None), outcome.err
        return outcome


TEN = [f"m{number}" for number in range(10)]


@pytest.fixture
def desk(tmp_path):
    """Ten models of one framework on ten ml.c5.large."""
    desk = Desk(tmp_path)
    desk.write(map(entry, TEN), map(single, TEN), calls(*TEN))
    return desk


def advice(outcome, name):
    """Return the advice for one model."""
    (found,) = [one for one in outcome.data["advice"] if name in one["models"]]
    return found


def test_the_articles_sum(desk):
    """Ten ml.c5.large cost 1.02 USD an hour, and one with all ten models 0.102."""
    out = desk.advise().out

    rows = dict(line.rsplit(maxsplit=2)[:2] for line in out.splitlines()[3:6])
    assert rows == {
        "one endpoint for each model": "1.02",
        "as it is now": "1.02",
        "as advised": "0.102",
    }
    assert "one multi-model endpoint instead of 10 endpoints, saves 670.14 USD a month" in out
    assert "calls a second" in out


def test_json(desk):
    """The same as data, for other programs."""
    outcome = desk.advise("--format=json")

    assert outcome.data["cost_a_month"] == pytest.approx(
        {"each_alone": 744.6, "now": 744.6, "advised": 74.46}
    )
    found = advice(outcome, "m3")
    assert found["models"] == TEN
    assert found["option"] == "multi-model"
    assert found["page"]["title"] == "Multi-model endpoints"
    assert found["endpoint"]["replaces"] == TEN
    assert found["endpoint"]["cold_share"] == [0, 0]


def test_one_model(desk):
    """The advice for one model is that of the account, and says why it is no other."""
    out = desk.advise("m3").out

    assert "one multi-model endpoint instead of 10 endpoints" in out
    assert "not serverless" in out


def test_page(desk):
    """The page has the totals, the advice, the costs and the calls of what is shown."""
    target = desk.folder / "advice.html"

    desk.advise(f"--html={target}")

    page = target.read_text(encoding="utf-8")
    assert "one multi-model endpoint instead of 10 endpoints" in page
    assert all(amount in page for amount in ("744.60", "74.46"))
    assert page.count('class="area"') == 10
    assert "192 calls, at most 4 in an hour" in page


@pytest.mark.parametrize("models", [7, 67])
def test_sums_of_the_page(desk, models):
    """The costs of the models add up to that of their endpoint to the cent, in both columns, also
    if some of them are not shown."""
    names = [f"a{number}" for number in range(models)]
    entries = [entry(one, kind="mme", endpoint="m", target_model=f"{one}.tar.gz") for one in names]
    sizes = {one: 1_000 * number for number, one in enumerate(names, 1)}
    lines = (
        written
        for one in names
        for written in calls(one, each=1, endpoint="m", target=f"TargetModel={one}.tar.gz")
    )
    desk.write(entries, [multi_model("m", sizes, boundary=KNOWN)], lines)
    target = desk.folder / "advice.html"

    desk.advise(f"--html={target}")

    page = target.read_text(encoding="utf-8")
    (table,) = re.findall('<h2 id="models">.*?</table>', page, re.DOTALL)
    amounts = [Decimal(one) for one in re.findall('<td class="number">([0-9.]+)<', table)]
    assert [sum(amounts[0::2]), sum(amounts[1::2])] == [Decimal("74.46")] * 2


def test_wrong_model(desk):
    """A name that the table does not have is refused."""
    err = desk.advise("m99", code=ExitCode.WRONG_USE).err

    assert "there is no model 'm99'" in err


def test_memory(desk):
    """Without sizes nobody knows whether the models fit: no advice, but what to measure."""
    desk.write(map(entry, TEN), [single(name, size=None) for name in TEN], calls(*TEN))

    outcome = desk.advise("--format=json", code=ExitCode.FINDINGS)

    found = advice(outcome, "m0")
    assert found["option"] is None
    assert "s3:ListBucket" in found["measure"][0]["how"]
    assert outcome.data["cost_a_month"]["advised"] == outcome.data["cost_a_month"]["now"]


def test_memory_factor(desk):
    """A larger factor makes models larger, until one instance cannot hold them all."""
    small = advice(desk.advise("--format=json", "--memory-factor=3"), "m0")
    large = advice(desk.advise("--format=json", "--memory-factor=40", code=ExitCode.FINDINGS), "m0")

    assert small["endpoint"]["instances"] == 1
    assert large["endpoint"]["instances"] > 1
    assert "ModelCacheHit" in large["measure"][0]["how"]


def test_currency(desk):
    """Amounts are in the currency of the prices."""
    prices = json.loads(EXAMPLE.read_text())
    (desk.folder / "prices.json").write_text(json.dumps({**prices, "currency": "CNY"}))
    file = str(desk.folder / "prices.json")

    out = desk.advise(prices=file).out

    assert "saves 670.14 CNY a month" in out
    assert "USD" not in out
    assert desk.advise("--format=json", prices=file).data["currency"] == "CNY"


def test_types_of_variants(desk):
    """Variants with different types of instances: the advice says that these are the obstacle."""
    variants = (VariantHosting("a", C5, 1), VariantHosting("b", "ml.m5.large", 2))
    mixed = replace(single("m0"), variants=variants)
    desk.write(map(entry, TEN[:2]), [mixed, single("m1")], calls(*TEN[:2]))

    found = advice(desk.advise("--format=json", code=ExitCode.FINDINGS), "m0")

    assert found["option"] is None
    (measure,) = found["measure"]
    assert "the same type of instance" in measure["how"]


def test_shadow(desk):
    """A shadow variant answers no call: its type and its costs do not change the advice."""
    variants = (VariantHosting("a", C5, 1), VariantHosting("b", "ml.m5.large", 2, is_shadow=True))
    shadowed = replace(single("m0"), variants=variants)
    desk.write(map(entry, TEN), [shadowed, *map(single, TEN[1:])], calls(*TEN))

    outcome = desk.advise()

    assert "one multi-model endpoint instead of 10 endpoints, saves 670.14 USD" in outcome.out
    assert "m0: its shadow variants are in no sum here" in outcome.err


def test_not_in_the_table(desk):
    """Endpoints that no entry names are in no sum, and that is said."""
    desk.write([entry("m0")], map(single, TEN[:2]), calls("m0"))

    assert "the table does not name m1: these endpoints are in no sum" in desk.advise().err


def test_no_memory_factor(desk):
    """What is no number is refused."""
    err = desk.advise("--memory-factor=nan", code=ExitCode.WRONG_USE).err

    assert "'nan' is none" in err


def test_short_log(desk):
    """A log that covers two days of a fortnight says nothing of the hours before it.

    A gateway that was deployed two days ago is not idle for twelve.
    """
    desk.write([entry("a")], [single("a")], calls("a"))
    end = (FIRST + timedelta(hours=HOURS)).timestamp()

    outcome = desk.advise("--format=json", "--days=14", clock=lambda: end)

    assert outcome.data["period_hours"] == pytest.approx(HOURS, abs=1)
    (hours,) = [
        one["holds"]
        for rule in advice(outcome, "a")["rules"]
        for one in rule["conditions"]
        if one["text"] == "most hours have no call"
    ]
    assert hours is False


def test_long_time(desk):
    """A chart of many years has no more steps than one can see."""
    late = line(
        timestamp="2090-01-01 00:00:00,000+0000",
        **{"model": "m0", "endpoint": "m0", "target_name": None, "first_target": None},
    )
    desk.write(map(entry, TEN), map(single, TEN), [*calls(*TEN), late])
    target = desk.folder / "advice.html"

    desk.advise(f"--html={target}", code=ExitCode.FINE)

    page = target.read_text(encoding="utf-8")
    assert len(page) < 10 * 60_000
    assert "193 calls, at most 4 in an hour" in page


@pytest.mark.parametrize("written", ["2", "-1%", "much", "101%"])
def test_wrong_cold_target(desk, written):
    """The cold target is a share."""
    err = desk.advise(f"--cold-target={written}", code=ExitCode.WRONG_USE).err

    assert f"'{written}' is no share" in err


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"roles": ("another",)}, "the execution role"),
        ({"networks": ("subnet-1",)}, "the VPC"),
        ({"is_isolated": True}, "network isolation"),
    ],
)
def test_boundaries(desk, change, reason):
    """Two models that something separates stay apart, and the reason is said."""
    other = replace(KNOWN, **change)
    desk.write(map(entry, "ab"), [single("a"), single("b", boundary=other)], calls("a", "b"))

    out = desk.advise().out

    assert "a: stays single" in out
    assert f"b: {reason} differs" in out


def test_elsewhere(desk):
    """What was read says nothing of an endpoint with the same name in another Region."""
    desk.write([entry("a"), entry("b", region="us-west-2")], map(single, "ab"), calls("a", "b"))

    outcome = desk.advise("b")

    assert ["as", "it", "is", "now", "unknown", "unknown"] in [
        one.split() for one in outcome.out.splitlines()
    ]
    assert "b: it is in another Region or account, which was not read" in outcome.err


@pytest.mark.parametrize(("model_ms", "option"), [(50.0, "pipeline"), (1_500.0, "multi-container")])
def test_sequence(desk, model_ms, option):
    """Two models that are called one after the other become a pipeline; calls at the same time are
    none, although they end one after the other."""
    boosted = Boundary(images=("xgboost:1",), roles=(ROLE,))
    endpoints = [single("scale"), single("grade", boundary=boosted)]
    lines = calls("scale", "grade", apart=1, model_ms=model_ms)
    desk.write(map(entry, ["scale", "grade"]), endpoints, lines)

    outcome = desk.advise("--format=json")

    found = advice(outcome, "scale")
    assert (found["models"], found["option"]) == (["grade", "scale"], option)
    assert found["endpoint"]["times_the_load"] > 1


def test_unsorted(desk):
    """Steps of a pipeline cannot be seen in a log that is not in the order of time; it is said."""
    said = "the log is not in the order of time"
    assert said not in desk.advise().err

    desk.write(map(entry, TEN), map(single, TEN), reversed([*calls(*TEN)]))

    assert said in desk.advise().err


def test_parameters(desk):
    """An entry with parameters is a model for each value; the log says which were called."""
    sizes = {f"{city}-v1": 20 * MB for city in ("bonn", "graz", "lund")}
    written = {
        "kind": "mme",
        "endpoint": "homes",
        "target_model": "{city}-v1.tar.gz",
        "parameters": {"city": {"pattern": "[a-z]+"}},
    }
    lines = [
        line
        for city in ("bonn", "graz")
        for line in calls(
            "homes/{city}", endpoint="homes", kind="mme", target=f"TargetModel={city}-v1.tar.gz"
        )
    ]
    homes = multi_model("homes", sizes, boundary=KNOWN)
    desk.write([f"  homes/{{city}}: {json.dumps(written)}\n"], [homes], lines)

    out = desk.advise("homes/bonn").out

    assert "homes/bonn, homes/graz: stays multi-model" in out


class TestWhatIf:
    """Another table gets the same calls, on endpoints that need not exist."""

    def shared(self, endpoint="all"):
        return [
            entry(name, kind="mme", endpoint=endpoint, target_model=f"{name}.tar.gz")
            for name in TEN
        ]

    def test_planned(self, desk):
        """The plan says which instances the endpoint would have."""
        desk.table("other.yaml", self.shared())

        outcome = desk.advise(
            f"--what-if={desk.folder / 'other.yaml'}", "--plan=a*=ml.c5.large", "--format=json"
        )

        assert outcome.data["now"]["cost_a_month"] == pytest.approx(744.6)
        assert outcome.data["what_if"]["cost_a_month"] == pytest.approx(74.46)
        assert outcome.data["what_if"]["cold_share"] == [0, 0]
        assert outcome.data["what_if"]["most_models_on_one"] == 10
        assert outcome.data["risks"] == []

    def test_text(self, desk):
        """Both are in one table, by the hour and by the month."""
        desk.table("other.yaml", self.shared())

        out = desk.advise(f"--what-if={desk.folder / 'other.yaml'}", "--plan=all=ml.c5.large").out

        rows = [line.split() for line in out.splitlines()]
        assert ["USD/hour", "1.02", "0.102"] in rows
        assert ["USD/month", "744.60", "74.46"] in rows

    @pytest.mark.parametrize(
        ("change", "risk"),
        [
            pytest.param({"size": 500 * MB}, "find their model not loaded", id="cold"),
            pytest.param({"size": None}, "unknown how often", id="unknown"),
            pytest.param(
                {"boundary": Boundary(images=("other",), roles=(ROLE,))}, "one image", id="image"
            ),
            pytest.param(
                {"boundary": Boundary(images=(IMAGE,), roles=("other",))},
                "apart from m0 today by the execution role",
                id="role",
            ),
        ],
    )
    def test_risks(self, desk, change, risk):
        """What would go wrong is said: cold models, images and boundaries that do not fit."""
        changed = [single(name, **change) for name in TEN[1:]]
        desk.write(map(entry, TEN), [single("m0"), *changed], calls(*TEN))
        desk.table("other.yaml", self.shared())

        out = desk.advise(
            f"--what-if={desk.folder / 'other.yaml'}",
            "--plan=all=ml.c5.large",
            code=ExitCode.FINDINGS,
        ).out

        assert risk in out

    def test_not_in_either_table(self, desk):
        """Calls of an artifact that neither table names stay a part of its endpoint's load."""
        kept = entry("a", kind="mme", endpoint="m", target_model="a.tar.gz")
        endpoint = multi_model("m", {"a": MB, "b": MB}, boundary=KNOWN)
        lines = [
            line
            for name in "ab"
            for line in calls(name, endpoint="m", kind="mme", target=f"TargetModel={name}.tar.gz")
        ]
        desk.write([kept], [endpoint], lines)
        desk.table("other.yaml", [kept])

        outcome = desk.advise(f"--what-if={desk.folder / 'other.yaml'}", "--format=json")

        (host,) = outcome.data["endpoints"]
        assert (host["models"], host["calls"]) == (2, 2 * 4 * HOURS)
        assert outcome.data["now"] == outcome.data["what_if"]

    @pytest.mark.parametrize(
        ("models", "size", "risk"),
        [
            (16, MB, "box: 16 containers, and at most 15 are possible"),
            (15, 100 * MB, "box: 15 models with 4.5 GB, and memory for 3.4 GB"),
            (15, None, "box: unknown whether the memory is enough"),
            (15, 70 * MB, None),
        ],
    )
    def test_containers(self, desk, models, size, risk):
        """All containers of an endpoint are in memory at once, and there are at most 15."""
        names = [f"c{number}" for number in range(models)]
        desk.write(map(entry, names), [single(one, size=size) for one in names], calls(*names))
        box = {"kind": "mce", "endpoint": "box"}
        desk.table(
            "other.yaml", [entry(one, target_container_hostname=one, **box) for one in names]
        )

        data = desk.advise(
            f"--what-if={desk.folder / 'other.yaml'}",
            "--plan=box=ml.c5.large",
            "--format=json",
            code=ExitCode.FINDINGS if risk else ExitCode.FINE,
        ).data

        assert data["risks"] == ([risk] if risk else [])

    def test_accelerator(self, desk):
        """A model that runs on a GPU today does not run on a CPU for less money without a word."""
        desk.write([entry("m0")], [single("m0", instance_type=G4)], calls("m0"))
        desk.table("other.yaml", [entry("m0")])

        data = desk.advise(
            f"--what-if={desk.folder / 'other.yaml'}",
            "--plan=m0=ml.c5.large",
            "--format=json",
            code=ExitCode.FINDINGS,
        ).data

        assert data["risks"] == ["m0: these run on a GPU today, and would run on a CPU: m0"]

    @pytest.mark.parametrize(
        ("entries", "endpoints", "lines"),
        [
            pytest.param(
                [entry_of_two("m", a=(70, "a"), b=(30, "b"))],
                [single("a"), single("b")],
                [
                    *calls("m", endpoint="a", each=1, model_ms=9_000.0),
                    *calls("m", endpoint="b", each=3, model_ms=9_000.0),
                ],
                id="parts other than the weights",
            ),
            pytest.param(
                [entry_of_two("m", a=(100, "a"), b=(0, "b"))],
                [single("a"), single("b")],
                calls("m", endpoint="a"),
                id="weight 0",
            ),
            pytest.param(
                [entry("m", kind="mme", target_model="a.tar.gz")],
                [multi_model("m", {"a": 900 * MB, "b": 900 * MB}, boundary=KNOWN)],
                [
                    *calls("m", target="TargetModel=a.tar.gz"),
                    *calls("gone", endpoint="m", target="TargetModel=b.tar.gz"),
                ],
                id="an artifact that the table does not name",
            ),
            pytest.param(
                [entry("b", region="us-west-2")], [single("b")], calls("b"), id="another Region"
            ),
        ],
    )
    def test_same_table(self, desk, entries, endpoints, lines):
        """With the present table, everything is as it is now, and as it was measured."""
        desk.write(entries, endpoints, lines)

        same = f"--what-if={desk.folder / 'routing.yaml'}"
        data = desk.advise(same, "--format=json", code=None).data

        assert data["now"] == data["what_if"]
        assert data["now"]["cold_share"] == [0, 0]
        shown = desk.advise(code=None).out.partition("\nendpoint ")[2]
        assert shown == desk.advise(same, code=None).out.partition("\nendpoint ")[2]

    def test_without_plan(self, desk):
        """An endpoint that is not there and not planned has unknown costs."""
        desk.table("other.yaml", self.shared())

        out = desk.advise(f"--what-if={desk.folder / 'other.yaml'}", code=ExitCode.FINDINGS).out

        assert ["USD/month", "744.60", "unknown"] in [line.split() for line in out.splitlines()]
        assert "--plan all=" in out

    def test_lost(self, desk):
        """Who is called and not in the other table gets a 404."""
        desk.table("other.yaml", self.shared()[1:])

        out = desk.advise(
            f"--what-if={desk.folder / 'other.yaml'}",
            "--plan=*=ml.c5.large",
            code=ExitCode.FINDINGS,
        ).out

        assert "risk: callers get a 404: the table does not have m0" in out

    @pytest.mark.parametrize(
        "plan", ["all", "all=", "all=c5.large", "all=ml.c5.large:0", "=ml.x.y"]
    )
    def test_wrong_plan(self, desk, plan):
        """A plan names an endpoint and a type."""
        desk.table("other.yaml", self.shared())

        other = f"--what-if={desk.folder / 'other.yaml'}"
        err = desk.advise(other, f"--plan={plan}", code=ExitCode.WRONG_USE).err

        assert "ENDPOINT=TYPE" in err

    def test_plan_alone(self, desk):
        """A plan without another table would have no effect."""
        err = desk.advise("--plan=all=ml.c5.large", code=ExitCode.WRONG_USE).err

        assert "--what-if" in err

    def test_page_of_both(self, desk):
        """The page has the advice, which is not about the other table."""
        desk.table("other.yaml", self.shared())

        err = desk.advise("--html=x.html", f"--what-if={desk.folder / 'other.yaml'}", code=2).err

        assert "leave out one" in err
