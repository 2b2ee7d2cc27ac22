"""What is known of an account, from its endpoints, its log, CloudWatch and the prices."""

import pytest

from gatewayctl import tables
from gatewayctl.advice import hosts, reading
from gatewayctl.advice.decision import decide
from gatewayctl.costs.cloudwatch import VariantMetrics
from gatewayctl.costs.hosting import Boundary, EndpointHosting, Occupant, VariantHosting
from gatewayctl.costs.usage import Period, Usage
from tests.support.made_up_costs import (
    C5,
    PRICES,
    endpoint,
    hosting,
    multi_model,
    serverless,
    use,
    user,
)

FORTNIGHT = Period(1_700_000_000.0, 1_700_000_000.0 + 14 * 86_400)
BOUNDARY = Boundary(images=("sklearn:1",), roles=("models",))


@pytest.fixture
def account(tmp_path):
    """What is known of a table with one model, on the endpoint `churn`."""
    path = tmp_path / "routing.yaml"
    path.write_text("version: 1\nmodels:\n  churn: {kind: single, endpoint: churn}\n")
    table = tables.load(path).table

    def known(endpoints, uses, metrics):
        log = Usage(FORTNIGHT, "made up", uses)
        return reading.account(table, endpoints, log, PRICES, memory_factor=3, metrics=metrics)

    return known


@pytest.mark.parametrize(("counted", "unseen"), [(100, 0.0), (400, 0.75), (0, None), (90, 0.0)])
def test_calls_of_others(account, counted, unseen):
    """The part of the calls that only CloudWatch has; the copies for a shadow variant are none."""
    variants = [VariantHosting(name, C5, 1, is_shadow=name == "s") for name in "ps"]
    endpoints = hosting(EndpointHosting("churn", "single", tuple(variants), (Occupant("", 9),)))
    metrics = {"p": VariantMetrics(counted), "s": VariantMetrics(counted)}

    found = account(endpoints, {user("churn", model="churn"): use(100)}, {"churn": metrics})

    assert found.unseen.get("churn") == unseen


def test_artifact_that_the_table_does_not_name(tmp_path):
    """An artifact whose entry was removed was called: it is a part of the endpoint's load."""
    path = tmp_path / "routing.yaml"
    path.write_text("version: 1\nmodels:\n  a: {kind: mme, endpoint: m, target_model: a.tar.gz}\n")
    uses = {
        user("m", f"TargetModel={name}.tar.gz"): use(calls) for name, calls in (("a", 1), ("b", 70))
    }
    log = Usage(FORTNIGHT, "made up", uses)
    endpoints = hosting(multi_model("m", {"a": 10, "b": 20, "c": 30}, boundary=BOUNDARY))

    found = reading.account(tables.load(path).table, endpoints, log, PRICES, memory_factor=3)

    assert [(one.name, one.memory_bytes, one.traffic.calls) for one in found.on("m")] == [
        ("a", 30, 1),
        ("m (b.tar.gz, not in the table)", 60, 70),
    ]


def test_container_that_the_table_does_not_name(tmp_path):
    """What the log has of its calls is known; more of the log would not say more."""
    path = tmp_path / "routing.yaml"
    entry = "{kind: mce, endpoint: box, target_container_hostname: a}"
    path.write_text(f"version: 1\nmodels:\n  a: {entry}\n")
    targets = [f"TargetContainerHostname={name}" for name in "abc"]
    box = endpoint("box", "mce", *(Occupant(one, 10) for one in targets), boundary=BOUNDARY)
    uses = {user("box", targets[0], "a"): use(5), user("box", targets[1], "b"): use(70)}

    found = reading.account(
        tables.load(path).table,
        hosting(box),
        Usage(FORTNIGHT, "made up", uses),
        PRICES,
        memory_factor=3,
    )

    assert [(one.name, one.memory_bytes, one.traffic.calls) for one in found.on("box")] == [
        ("a", 30, 5),
        ("box (b, not in the table)", 30, 70),
        ("box (c, not in the table)", 30, 0),
    ]
    assert {one.option for one in decide(found, 0.01).values()} == {"multi-container"}


def test_log_without_a_call(account):
    """A log without a call may be that of a gateway that was not there: nothing is said to idle."""
    found = account(hosting(endpoint("churn", boundary=BOUNDARY)), {}, {})

    decision = decide(found, 0.01)["churn"]

    assert decision.option is None
    assert "--days 14" in decision.unknown[0].measure


def test_data(account):
    """Serverless inference charges for the data in and out; both are known."""
    uses = {user("churn", model="churn"): use(10, bytes_in=7, bytes_out=5)}

    found = account(hosting(endpoint("churn", boundary=BOUNDARY)), uses, {})

    assert found.serverless_price_of_data == 0.016
    assert found.models[0].traffic.data_bytes == 12


def test_variants(account):
    """An endpoint with several variants is no case for serverless inference."""
    two = tuple(VariantHosting(name, C5, 1) for name in "ab")
    endpoints = hosting(EndpointHosting("churn", "single", two, (Occupant("", 9),), BOUNDARY))

    found = account(endpoints, {user("churn", model="churn"): use(10)}, {})

    verdicts = decide(found, 0.01)["churn"].verdicts
    assert "2 variants" in [each.found for one in verdicts for each in one.conditions]


def test_provisioned_concurrency():
    """It costs money without calls, too, and so it is in the costs of a month."""
    log = Usage(FORTNIGHT, "made up", {user("s"): use(100, 7_000)})

    found = hosts.host_of("s", hosting(serverless("s", provisioned=3)), log, PRICES)

    at_work = 7 * 730 / 336 * 0.00003
    assert found.cost_a_month == pytest.approx(3 * 0.00001 * 3600 * 730 + at_work)
