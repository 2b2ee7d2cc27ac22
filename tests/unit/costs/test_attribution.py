"""How the cost of an endpoint is divided: the rules of each kind, and sums that always add up."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayctl.costs.attribution import NOT_CALLED, NOT_KNOWN, OTHERS, attributed
from gatewayctl.costs.bill import GROUPS, bill
from gatewayctl.costs.cloudwatch import VariantMetrics
from gatewayctl.costs.figures import Origin
from gatewayctl.costs.hosting import Occupant
from gatewayctl.costs.memory import UNRESERVED
from tests.support.made_up_costs import (
    ACCOUNTS,
    HOUR,
    METRICS,
    PRICES,
    USAGES,
    component,
    endpoint,
    hosting,
    multi_model,
    serverless,
    usage,
    use,
    user,
)

HOURLY = Fraction("0.102")
NEARLY_IDLE = 1e-5
"""What a few calls of a millisecond change in an hour."""


def cost(one, uses, metrics=None, prices=PRICES):
    """Return the cost of the only endpoint."""
    found = None if uses is None else usage(uses)
    by_variant = {one.name: {"AllTraffic": metrics}} if metrics else {}
    (only,) = attributed(hosting(one), found, HOUR, prices, by_variant)
    return only


def parts(one, column="by_busy"):
    """Return the part of the amount that each entry bears."""
    found = {}
    for share in one.shares:
        amount = getattr(share, column).value / one.amount.value
        found[share.user.model] = found.get(share.user.model, 0) + amount
    return found


class TestSums:
    """Whatever is in an account, no cent is lost and none is made up."""

    @settings(deadline=None)
    @given(ACCOUNTS, USAGES, METRICS, st.sampled_from([None, PRICES]))
    def test_exact(self, account, found, metrics, prices):
        """Both columns of an endpoint add up to its cost, exactly."""
        for one in attributed(account, found, HOUR, prices, metrics):
            assert one.shares
            for column in ("by_busy", "with_idle"):
                figures = [getattr(share, column) for share in one.shares]
                if one.amount.value is None:
                    assert all(figure.value is None for figure in figures)
                    assert one.amount.note
                else:
                    assert sum(figure.value for figure in figures) == one.amount.value
                    assert all(figure.value >= 0 for figure in figures)

    @settings(deadline=None)
    @given(ACCOUNTS, USAGES, METRICS, st.sampled_from(list(GROUPS)))
    def test_cents(self, account, found, metrics, by):
        """In cents, the rows of each grouping and the endpoints add up to the same bill."""
        total = bill(attributed(account, found, HOUR, PRICES, metrics), by)
        assert sum(row.by_busy.value or 0 for row in total.rows) == total.cents
        assert sum(row.with_idle.value or 0 for row in total.rows) == total.cents
        assert sum(total.endpoint_cents.values()) == total.cents
        lacking = {name for row in total.rows for name in row.lacking}
        assert lacking == set(total.lacking)

    @settings(deadline=None)
    @given(ACCOUNTS, USAGES, METRICS, st.randoms(use_true_random=False))
    def test_order(self, account, found, metrics, random):
        """The order of endpoints, of what is on them and of calls does not matter."""

        def shuffled(values):
            return tuple(random.sample(values, len(values)))

        other = replace(
            account,
            all=shuffled([replace(one, occupants=shuffled(one.occupants)) for one in account.all]),
        )
        uses = found and replace(found, uses=dict(shuffled(list(found.uses.items()))))
        before = bill(attributed(account, found, HOUR, PRICES, metrics), "model")
        after = bill(attributed(other, uses, HOUR, PRICES, metrics), "model")
        assert before.rows == after.rows

    @settings(deadline=None)
    @given(ACCOUNTS, USAGES, METRICS)
    def test_calls(self, account, found, metrics):
        """All calls of the log are in the rows, and unknown numbers are marked as such."""
        total = bill(attributed(account, found, HOUR, PRICES, metrics), "model")
        counted = sum(row.use.calls for row in total.rows if row.use_origin is Origin.MEASURED)
        assert counted == sum(one.calls for one in found.uses.values()) if found else not counted
        for row in total.rows:
            for figure in (row.by_busy, row.with_idle):
                assert (figure.value is None) == (figure.origin is Origin.UNKNOWN)


class TestMultiModel:
    """The artifacts of a multi-model endpoint."""

    def test_rare_and_large(self):
        """A large model that is called rarely bears little by time, and most of the idle time."""
        one = multi_model("tabular", {"large": 900_000_000, "hot": 171_000_000})
        found = cost(
            one,
            {
                user("tabular", "TargetModel=large.tar.gz"): use(1, 72),
                user("tabular", "TargetModel=hot.tar.gz"): use(99, 7_128),
            },
        )
        assert parts(found)["large"] == Fraction(1, 100)
        assert float(parts(found, "with_idle")["large"]) == pytest.approx(0.84, abs=0.005)
        assert found.busy_share.value == pytest.approx(7.2 / 3600)

    def test_only_called_ones(self):
        """An artifact that was not called was not loaded, and bears nothing."""
        one = multi_model("tabular", {"a": 10, "b": 1_000})
        found = cost(one, {user("tabular", "TargetModel=a.tar.gz"): use()})
        assert parts(found, "with_idle") == {"a": 1}

    def test_unknown_sizes(self):
        """Artifacts of unknown size count as the mean of the others, and the cell says so."""
        one = multi_model("tabular", {"a": 100, "b": 300, "c": None})
        uses = {user("tabular", f"TargetModel={name}.tar.gz"): use(1, 0) for name in "abc"}
        found = cost(one, uses, VariantMetrics(invocations=3, instance_seconds=3600))
        expected = {"a": 1 / 6, "b": 1 / 2, "c": 1 / 3}
        assert parts(found, "with_idle") == pytest.approx(expected, abs=NEARLY_IDLE)
        assert {share.with_idle.origin for share in found.shares} == {Origin.ASSUMED}


class TestAlwaysInMemory:
    """Containers that are in memory whether they are called or not."""

    CONTAINERS = (
        Occupant("TargetContainerHostname=a", 1),
        Occupant("TargetContainerHostname=b", 3),
    )

    def test_not_called(self):
        """The idle time of a container that nobody called is borne by nobody, in its own row."""
        one = endpoint("nlp", "mce", *self.CONTAINERS)
        found = cost(one, {user("nlp", "TargetContainerHostname=a"): use(1, 0)})
        expected = {"a": 1 / 4, NOT_CALLED: 3 / 4}
        assert parts(found, "with_idle") == pytest.approx(expected, abs=NEARLY_IDLE)

    def test_idle_endpoint(self):
        """An endpoint that nobody called costs the same, and has a row of its own."""
        found = cost(endpoint("churn"), {})
        assert parts(found) == parts(found, "with_idle") == {NOT_CALLED: 1}
        assert found.amount.value == HOURLY

    def test_no_log(self):
        """Without a log it is not known who called, which is not the same as nobody."""
        found = cost(endpoint("churn"), None)
        assert parts(found) == parts(found, "with_idle") == {NOT_KNOWN: 1}
        assert found.busy_share.value is None


class TestOthers:
    """Calls that did not come through the gateway."""

    USES = {user("churn", model="churn"): use(30, 3_000)}  # noqa: RUF012  (is not changed)

    def test_counted(self):
        """What CloudWatch counts beyond the log is in a row of its own, with its mean time."""
        metrics = VariantMetrics(invocations=90, latency_seconds=9.0, instance_seconds=3600)
        found = cost(endpoint("churn"), self.USES, metrics)
        assert parts(found) == {"churn": Fraction(1, 3), OTHERS: Fraction(2, 3)}
        assert {share.by_busy.origin for share in found.shares} == {Origin.AWS}

    def test_none(self):
        """If CloudWatch counts what the log has, the division is measured, and prices are AWS's."""
        metrics = VariantMetrics(invocations=30, latency_seconds=3.0, instance_seconds=3600)
        (share,) = cost(endpoint("churn"), self.USES, metrics).shares
        assert (share.by_busy.origin, share.with_idle.origin) == (Origin.AWS, Origin.AWS)

    def test_shadow(self):
        """The copies of calls that a shadow variant gets are not calls of others."""
        one = endpoint("churn")
        (variant,) = one.variants
        shadow = replace(variant, name="next", is_shadow=True)
        counts = VariantMetrics(invocations=30, latency_seconds=3.0, instance_seconds=3600)
        (found,) = attributed(
            hosting(replace(one, variants=(variant, shadow))),
            usage(self.USES),
            HOUR,
            PRICES,
            {"churn": {"AllTraffic": counts, "next": counts}},
        )
        assert parts(found) == {"churn": 1}
        assert found.amount.value == 2 * HOURLY

    def test_not_asked(self):
        """Without CloudWatch, that there are no others is an assumption."""
        (share,) = cost(endpoint("churn"), self.USES).shares
        assert share.by_busy.origin is Origin.ASSUMED
        assert "came through the gateway" in share.by_busy.note


class TestInstances:
    """How long instances were there."""

    def test_present_count(self):
        """Without CloudWatch, the instances of now count since the endpoint was created."""
        found = cost(endpoint("churn", instances=2, created=1_800.0), {})
        assert found.amount.value == HOURLY
        assert (found.amount.origin, found.instance_seconds.value) == (Origin.ASSUMED, 3_600)

    def test_scale_to_zero(self):
        """An asynchronous endpoint without instances costs what CloudWatch saw of instances."""
        metrics = VariantMetrics(invocations=4, latency_seconds=600.0, instance_seconds=900)
        one = endpoint("reports", "async", instances=0)
        found = cost(one, {user("reports", model="reports"): use(4, 20)}, metrics)
        assert found.amount.value == HOURLY / 4
        assert found.per_hour.value == 0
        assert found.busy_share.value == pytest.approx(600 / 900)

    def test_unknown_type(self):
        """An instance type without a price makes the cost unknown, and names itself."""
        found = cost(endpoint("churn", instance_type="ml.new"), {})
        assert found.amount.value is None
        assert "'ml.new'" in found.amount.note


class TestServerless:
    """Serverless inference costs time at work, and data."""

    def test_use(self):
        """Each user bears its own time and data, and there is no idle time."""
        found = cost(
            serverless("ocr"),
            {
                user("ocr", model="scan"): use(10, 100_000, bytes_in=2**30),
                user("ocr", model="form"): use(10, 50_000),
            },
        )
        scan, form = Fraction("0.004") + Fraction("0.016"), Fraction("0.002")
        assert found.amount.value == scan + form
        assert parts(found, "with_idle") == parts(found)
        assert parts(found)["form"] == form / (scan + form)
        assert found.per_hour.value == 0

    def test_not_called(self):
        """One that nobody calls costs nothing."""
        assert cost(serverless("ocr"), {}).amount.value == 0

    def test_provisioned(self):
        """Provisioned concurrency costs money at rest, and less at work."""
        found = cost(serverless("ocr", provisioned=2), {user("ocr", model="ocr"): use(1, 1_000)})
        assert found.per_hour.value == 2 * 3600 * Fraction("0.00001")
        assert found.amount.value == found.per_hour.value + Fraction("0.00003")


class TestComponents:
    """Inference components share instances by what they reserve."""

    def test_reserved(self):
        """Each bears what it reserves of what it needs most; the rest has a row of its own."""
        one = endpoint(
            "shared", "component", component("a", 2, 0.5, 512), component("b", 1, 0, 1024)
        )
        found = cost(one, {user("shared", "InferenceComponentName=a"): use()})
        expected = {"a": Fraction(1, 2), NOT_CALLED: Fraction(1, 4), UNRESERVED: Fraction(1, 4)}
        assert parts(found, "with_idle") == expected
        assert parts(found) == {"a": 1, NOT_CALLED: 0, UNRESERVED: 0}
