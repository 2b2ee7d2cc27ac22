"""N2, N3 and N5: retries, deadline and overload, measured of the gateway and of the baseline."""

import pytest

from tests.faults.baseline import RETRY_MODES, BaselineClient, baseline_client
from tests.faults.measures import Held, attempts_per_request, goodput_per_second, overshoot
from tests.faults.outcome import gateway_at
from tests.faults.rows import row
from tests.support.gateway import JSON
from tests.support.http_server import Capacity, StubServer, drips, refusal, response, sends, waits
from tests.support.profile import LONG
from tests.support.stand_in import wait_until

# N2. A request through the baseline takes seconds, in legacy mode 15, so all are sent at once.
REQUESTS, AT_A_TIME = 100, 10
MODES = {
    "503": RETRY_MODES if LONG else ("standard",),
    "throttled": RETRY_MODES if LONG else (),
}
MOST_ATTEMPTS = 1.10
FAILURES = {
    "503": refusal(503, "ServiceUnavailable"),
    "throttled": refusal(400, "ThrottlingException", b'{"message": null}'),
}

# N3. The baseline has no deadline: it gets fewer requests, and the server answers in the end.
WAITS, CALLERS = (1_000, 64) if LONG else (100, 50)
CONTROL_WAITS = 20 if LONG else 5
BUDGET_SECONDS = 0.5
STUCK_SECONDS = 3.0 if LONG else 1.2
EVERY_SECONDS = 0.05
MOST_P99_MS, MOST_MS = 250, 500
SLOW = response(200, b'"%s"' % (b"x" * 1_000), JSON)
STUCK = {
    "hangs": waits(STUCK_SECONDS, SLOW),
    "dripped headers": drips(SLOW, seconds=STUCK_SECONDS, every_seconds=EVERY_SECONDS),
    "dripped bodies": drips(SLOW, 100, seconds=STUCK_SECONDS, every_seconds=EVERY_SECONDS),
}

# N5
ENDPOINT_PLACES, CALL_SECONDS = 4, 0.1
LOAD_SECONDS, LOAD_CALLERS = (20, 128) if LONG else (1.5, 64)
PATIENCE_SECONDS = 2.0
LEAST_SHARE = 0.9


def through_gateway(url, seconds=25.0):
    gateway = gateway_at(url)
    return lambda: gateway.predict("churn", x_request_timeout_ms=str(round(seconds * 1000)))


def through_baseline(url, retry_mode=None):
    client = BaselineClient(baseline_client(url, retry_mode))
    return lambda: client.predict("churn")


CLIENTS = {"gateway": through_gateway, **({"baseline": through_baseline} if LONG else {})}


@row("U1", "U3")
@pytest.mark.parametrize("failure", FAILURES)
def test_amplification(seen, measured, failure):
    """N2: when every call fails, the gateway adds few attempts; boto3 by itself adds many."""
    with StubServer(sends(FAILURES[failure])) as server:
        call = through_gateway(server.url)
        ours = attempts_per_request(call, server, REQUESTS, AT_A_TIME)
        control = {}
        for mode in MODES[failure]:
            call = through_baseline(server.url, mode)
            control[mode] = attempts_per_request(call, server, REQUESTS, REQUESTS)

    under = f"{REQUESTS} requests, {failure}"
    measured("N2", "gateway", f"{ours:.2f}", under, meets=ours <= MOST_ATTEMPTS)
    for mode, found in control.items():
        measured("N2", f"baseline, {mode}", f"{found:.2f}", under, meets=found <= MOST_ATTEMPTS)
    assert ours <= MOST_ATTEMPTS
    assert all(found > MOST_ATTEMPTS for found in control.values())
    seen(f"{failure} always: {ours:.2f} attempts a request")


@row("U7", "U8")
@pytest.mark.parametrize("stuck", STUCK)
def test_overshoot(seen, measured, stuck):
    """N3: many callers whose calls hang all get a response in time, and nothing is left open."""
    with StubServer(STUCK[stuck]) as server:
        call = through_gateway(server.url, BUDGET_SECONDS)
        before = Held.now(server.url)
        ours = overshoot(call, BUDGET_SECONDS, WAITS, CALLERS)
        wait_until(lambda: Held.now(server.url).is_no_more_than(before))
        control_call = through_baseline(server.url)
        control = overshoot(control_call, BUDGET_SECONDS, CONTROL_WAITS, CONTROL_WAITS)

    for whose, found, count, callers in (
        ("gateway", ours, WAITS, CALLERS),
        ("baseline", control, CONTROL_WAITS, CONTROL_WAITS),
    ):
        under = f"{count:,} {stuck}, {callers} at a time, {BUDGET_SECONDS} s each"
        meets = found.p99 <= MOST_P99_MS and found.most <= MOST_MS
        measured("N3", whose, str(found), under, meets=meets)
    assert ours.p99 < control.p99
    assert control.p99 > MOST_P99_MS
    seen(f"{WAITS:,} {stuck}: p99 {ours.p99:.0f} ms late; sockets, threads, processes left: 0")


@row("U1")
def test_goodput(seen, measured):
    """N5: at twice the endpoint's capacity as many calls succeed as at its capacity."""
    shares = {}
    for whose, make in CLIENTS.items():
        at_once, twice = (goodput(make, times) for times in (1, 2))
        shares[whose] = twice / at_once
        figure = f"{shares[whose]:.2f} ({at_once:.0f} and {twice:.0f} a second)"
        under = f"{ENDPOINT_PLACES / CALL_SECONDS:.0f} a second for {LOAD_SECONDS} s"
        measured("N5", whose, figure, under, meets=shares[whose] >= LEAST_SHARE)

    assert shares["gateway"] >= LEAST_SHARE
    seen(f"twice the capacity: {shares['gateway']:.2f} of the goodput")


def goodput(make, times):
    capacity = Capacity(ENDPOINT_PLACES, CALL_SECONDS)
    with StubServer(capacity.script) as server:
        offered = capacity.per_second * times
        return goodput_per_second(
            make(server.url), offered, LOAD_SECONDS, PATIENCE_SECONDS, LOAD_CALLERS
        )
