"""The gateway on SageMaker's worst days: each fault becomes the right problem, in time."""

import json
import time

import pytest

from chalicelib.routing.reading import file
from tests.support.doors import ROOT, ApiGatewayDoor
from tests.support.gateway import AWS, JSON, FixedTable, house, runtime_at, table
from tests.support.problems import assert_problem
from tests.support.upstream import Upstream, sends

TABLE = file.load(ROOT / "routing.yaml")
PICTURE = json.dumps({"instances": [[0] * 64]}).encode()
FLOWER = b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'
HASTY = {**JSON, "X-Request-Timeout-Ms": "600"}
IN_TIME_SECONDS = 0.6 + 0.5  # the machine may be busy

FAULTS = [
    pytest.param("throttle", 503, "upstream-throttled", id="throttle"),
    pytest.param("not-ready", 503, "model-not-ready", id="not-ready"),
    pytest.param("e500", 502, "upstream-error", id="500"),
    pytest.param("e530", 502, "upstream-error", id="530"),
    pytest.param("e503", 503, "upstream-unreachable", id="503"),
    pytest.param("model-error", 502, "model-error", id="model-error"),
    pytest.param("reset", 503, "upstream-unreachable", id="reset"),
    pytest.param("truncate", 502, "upstream-truncated", id="truncate"),
]
# Those that may be over in a moment.
PASSING = ("throttle", "e500", "e530", "e503", "reset")
# What the stand-in says, and must not be said on.
UPSTREAMS_OWN = ("fault on demand", "arn:", "000000000000", "127.0.0.1", "amazonaws")


def gateway_to(url, routing=TABLE):
    return house(ApiGatewayDoor, source=FixedTable(routing), runtime=runtime_at(url))


@pytest.fixture
def gateway(demo):
    """One that has its client: making it takes a while, and none of these tests is about that."""
    gateway = gateway_to(demo.url)
    assert gateway.post("/predict/digit", PICTURE, JSON).status == 200
    return gateway


def timed(call, *arguments):
    """What the call gives, and how long it took."""
    started = time.monotonic()
    return call(*arguments), time.monotonic() - started


@pytest.mark.parametrize(("fault", "status", "slug"), FAULTS)
def test_fault(gateway, put, fault, status, slug):
    """The right problem, a second try where one may help, and not a word of SageMaker's."""
    put("digit-reader", fault)

    answer = gateway.post("/predict/digit", PICTURE, JSON)

    assert_problem(answer, status, slug)
    line = gateway.log.requests[-1]
    assert (line["slug"], line["attempts"], line["endpoint"]) == (
        slug,
        1 + (fault in PASSING),
        "digit-reader",
    )
    for text in UPSTREAMS_OWN:
        assert text not in answer.body.decode() + gateway.log.text


@pytest.mark.parametrize("fault", PASSING)
def test_fault_that_passes(gateway, put, fault):
    """What is over in a moment, the caller never sees; the log and the metrics do."""
    put("digit-reader", fault, count=1)

    assert gateway.post("/predict/digit", PICTURE, JSON).status == 200
    assert gateway.log.requests[-1]["attempts"] == 2


def test_cold_model_that_is_waited_for(demo, put):
    """`cold_start: wait` asks again until it is ready, `refuse` tells the caller to."""
    entry = "kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz"
    gateway = gateway_to(
        demo.url,
        table(f"version: 1\nmodels:\n  m: {{{entry}, cold_start: wait}}\n  r: {{{entry}}}"),
    )
    put("tabular", "not-ready", count=3)

    refused = gateway.post("/predict/r", FLOWER, JSON)
    waited = gateway.post("/predict/m", FLOWER, JSON)

    assert_problem(refused, 503, "model-not-ready")
    assert waited.status == 200
    assert [line["attempts"] for line in gateway.log.requests] == [1, 3]


def test_models_own_words(demo, put):
    """A model that opts in lets its container's words through, and nothing around them."""
    text = "version: 1\nmodels:\n  digit:\n    kind: single\n    endpoint: digit-reader\n"
    gateway = gateway_to(demo.url, table(f"{text}    expose_model_errors: true\n"))
    put("digit-reader", "model-error")

    answer = gateway.post("/predict/digit", PICTURE, JSON)

    problem = assert_problem(answer, 502, "model-error", "model_message")
    assert problem["model_message"] == "fault on demand"
    assert "fault on demand" not in gateway.log.text


def test_hang(gateway, put):
    """The deadline ends it, not the upstream; the log says where the time went."""
    put("digit-reader", "hang", seconds=30)

    answer, seconds = timed(gateway.post, "/predict/digit", PICTURE, HASTY)

    assert_problem(answer, 504, "upstream-timeout")
    assert 0.5 < seconds < IN_TIME_SECONDS
    line = gateway.log.requests[-1]
    assert line["model_ms"] + line["gateway_ms"] == pytest.approx(seconds * 1000, abs=50)


def test_hang_of_a_cold_artifact(gateway, put):
    """Nobody knows whether it is being loaded, so the caller is told to come back."""
    put("tabular", "hang", seconds=30)

    answer, seconds = timed(gateway.post, "/predict/iris", FLOWER, HASTY)

    assert_problem(answer, 503, "model-not-ready")
    assert seconds < IN_TIME_SECONDS


def test_hang_of_a_warm_artifact(gateway, put):
    """Whoever has just been answering is not being loaded; another artifact may be."""
    assert gateway.post("/predict/iris", FLOWER, JSON).status == 200
    put("tabular", "hang", seconds=30)

    assert_problem(gateway.post("/predict/iris", FLOWER, HASTY), 504, "upstream-timeout")
    assert_problem(gateway.post("/predict/wine", FLOWER, HASTY), 503, "model-not-ready")


def test_hang_within_the_deadline(gateway, put):
    """Slow is not wrong."""
    put("digit-reader", "hang", seconds=0.2)

    assert gateway.post("/predict/digit", PICTURE, JSON).status == 200


def test_drip_within_the_deadline(gateway, put):
    """An answer that comes drop by drop is whole in the end."""
    put("digit-reader", "drip", seconds=0.5)

    answer = gateway.post("/predict/digit", PICTURE, JSON)

    assert answer.status == 200
    assert answer.json().keys() == {"predictions"}


def test_drip_past_the_deadline(gateway, put):
    """Though something always comes: the clock covers the body too."""
    put("digit-reader", "drip", seconds=20)

    answer, seconds = timed(gateway.post, "/predict/digit", PICTURE, HASTY)

    assert_problem(answer, 504, "upstream-timeout")
    assert seconds < IN_TIME_SECONDS


def test_too_little_time(gateway):
    """A call that cannot end in time is not begun."""
    answer = gateway.post("/predict/iris", FLOWER, {**JSON, "X-Request-Timeout-Ms": "20"})

    assert_problem(answer, 504, "upstream-timeout")
    assert "model" not in answer.headers["server-timing"]
    assert gateway.log.requests[-1]["attempts"] == 0


@pytest.mark.parametrize(
    ("entry", "status", "slug"),
    [
        pytest.param("kind: single, endpoint: nowhere", 503, "model-unavailable", id="endpoint"),
        pytest.param(
            "kind: component, endpoint: shared, inference_component: nothing",
            503,
            "model-unavailable",
            id="component",
        ),
        pytest.param("kind: single, endpoint: tabular", 502, "upstream-rejected", id="no-artifact"),
        pytest.param(
            "kind: mme, endpoint: tabular, target_model: nothing.tar.gz",
            502,
            "upstream-rejected",
            id="unknown-artifact",
        ),
        pytest.param(
            "kind: mme, endpoint: digit-reader, target_model: a.tar.gz",
            502,
            "upstream-rejected",
            id="artifact-on-single",
        ),
        pytest.param("kind: single, endpoint: diabetes", 502, "upstream-rejected", id="no-host"),
        pytest.param("kind: single, endpoint: shared", 502, "upstream-rejected", id="no-component"),
    ],
)
def test_table_and_endpoint_disagree(demo, entry, status, slug):
    """What is not there may come; what does not fit has to be mended."""
    gateway = gateway_to(demo.url, table(f"version: 1\nmodels:\n  m: {{{entry}}}\n"))

    answer = gateway.predict("m")

    assert_problem(answer, status, slug)
    for text in UPSTREAMS_OWN:
        assert text not in answer.body.decode() + gateway.log.text


def test_nobody_listens():
    """A stopped upstream is found out at once."""
    with Upstream(sends()) as upstream:
        gateway = gateway_to(upstream.url)

    answer, seconds = timed(gateway.predict, "iris")

    assert_problem(answer, 503, "upstream-unreachable")
    assert seconds < 2


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(403, "AccessDeniedException", id="no-permission"),
        pytest.param(403, "ExpiredTokenException", id="expired"),
        pytest.param(400, "UnrecognizedClientException", id="unknown-key"),
        pytest.param(403, "InvalidSignatureException", id="wrong-secret"),
        pytest.param(403, "SomethingNew", id="another-code"),
    ],
)
def test_not_let_in(status, code):
    """Our permissions and credentials are nothing that a caller could mend, or should read of."""
    body = b'{"Message": "User: arn:aws:sts::123456789012:assumed-role/canary is not authorized"}'
    head = f"HTTP/1.1 {status} No\r\nx-amzn-ErrorType: {code}\r\nContent-Length: {len(body)}"
    with Upstream(sends(head.encode() + b"\r\n\r\n" + body)) as upstream:
        gateway = gateway_to(upstream.url)

        answer = gateway.predict("iris")

    assert_problem(answer, 500, "gateway-misconfigured")
    assert "canary" not in answer.body.decode() + gateway.log.text


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"region_name": "us-east-1"}, id="no-credentials"),
        pytest.param({"aws_access_key_id": "a", "aws_secret_access_key": "b"}, id="no-region"),
        pytest.param({**AWS, "region_name": "no region"}, id="bad-region"),
    ],
)
def test_not_set_up(demo, settings):
    """Without credentials or a region nothing is sent."""
    runtime = runtime_at(demo.url, **settings)
    gateway = house(ApiGatewayDoor, source=FixedTable(TABLE), runtime=runtime)

    assert_problem(gateway.predict("iris"), 500, "gateway-misconfigured")
