"""Requests in threads: each response and each line of log belongs to its own request.

`chalice local` and some settings of Lambda run one app in many threads, and Chalice keeps the
current request on the app.
"""

import http.client
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from chalice.config import Config
from chalice.local import create_local_server

from chalicelib.auth.credentials import Identity
from chalicelib.errors import UpstreamThrottled
from chalicelib.sagemaker.answers import InferenceResponse
from tests.support.clients import LambdaClient, Response
from tests.support.events import CONTEXT, LambdaContext
from tests.support.gateway import JSON, FakeRuntime, FakeScheme, build_gateway
from tests.support.profile import LONG

THREADS = 8
CALLERS = 97
DIRECT_REQUESTS = 1_000 if LONG else 100
LOCAL_REQUESTS = 1_000 if LONG else 100

# Method, path, status, and the name of the model in the log.
KINDS = [
    ("POST", "/predict/iris", 200, "iris"),
    ("POST", "/predict/house-price/houston", 200, "house-price/{city}"),
    ("POST", "/predict/house-price/austin", 200, "house-price/{city}"),
    ("POST", "/predict/sentiment", 503, "sentiment"),
    ("POST", "/predict/house-price/paris", 400, "house-price/{city}"),
    ("POST", "/predict/nothing", 404, None),
    ("GET", "/models/churn", 200, "churn"),
    ("PUT", "/predict/churn", 405, None),
]


def answer(target, request):
    """Return the target and the input."""
    if target["EndpointName"] == "nlp":
        raise UpstreamThrottled
    content = {"target": target, "sent": json.loads(request.body)}
    return InferenceResponse(
        json.dumps(content).encode(), "application/json", target["EndpointName"]
    )


@pytest.fixture(autouse=True)
def _eager_threads():
    """Let Python change threads often, so that errors show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(name="gateway")
def _gateway():
    everybody = {f"token-{n}": Identity(f"caller-{n}", ("*",), None) for n in range(CALLERS)}
    return build_gateway(LambdaClient, runtime=FakeRuntime(answer), scheme=FakeScheme(everybody))


def request(number):
    """Return the request of this number, which differs from all others."""
    method, path, status, model = KINDS[number % len(KINDS)]
    body = json.dumps({"number": number, "filling": "x" * (number % 97)}).encode()
    return method, path, body, status, model


def assert_own(answer, line, number):
    """The response and the line of log are of the same request."""
    method, path, body, status, model = request(number)
    assert answer.status == status
    assert answer.headers["x-request-id"] == line["request_id"]
    assert (line["status"], line.get("model")) == (status, model)
    assert line.get("principal") == (f"caller-{number % CALLERS}" if status != 405 else None)
    assert (line["bytes_in"], line["bytes_out"]) == (len(body), len(answer.body))
    if method == "POST" and status == 200:
        assert answer.json()["sent"] == json.loads(body)
        assert answer.headers["x-model"] == model
        assert answer.headers["x-invoked-variant"] == line["endpoint"]
        told = answer.json()["target"]["TargetModel"]
        assert line["target"] == f"TargetModel={told}"
        assert told.startswith(path.split("/")[-1])
    if status >= 400:
        assert answer.json()["instance"] == line["request_id"]
        assert answer.json()["status"] == status


def in_threads(work, count):
    """Run `work(number)` for every number in threads that begin together; keep the order."""
    barrier = threading.Barrier(THREADS)

    def several(thread):
        barrier.wait()
        return [(number, work(number)) for number in range(thread, count, THREADS)]

    with ThreadPoolExecutor(THREADS) as pool:
        done = [one for results in pool.map(several, range(THREADS)) for one in results]
    return [result for _, result in sorted(done, key=lambda one: one[0])]


def test_one_app_in_threads(gateway):
    """Eight threads share one app: each request gets its own response and line of log."""

    def call(number):
        method, path, body, _, _ = request(number)
        event = gateway.client.event(method, path, JSON, body)
        event["requestContext"]["requestId"] = f"request-{number}"
        event["requestContext"]["authorizer"] = {
            **CONTEXT,
            "principal": f"caller-{number % CALLERS}",
        }
        return gateway.client.deliver(event, LambdaContext(f"lambda-{number}"))

    answers = in_threads(call, THREADS * DIRECT_REQUESTS)

    lines = {line["request_id"]: line for line in gateway.log.requests}
    assert len(lines) == len(gateway.log.lines) == len(answers)
    for number, answer in enumerate(answers):
        assert_own(answer, lines[f"request-{number}"], number)
    assert sum(line["cold_start"] for line in lines.values()) == 1


@pytest.fixture(name="local_server")
def _local_server(gateway):
    """Chalice's own server, which `chalice local` runs."""
    local = create_local_server(gateway.app, Config(), "127.0.0.1", 0)
    serving = threading.Thread(target=local.serve_forever)
    serving.start()
    yield local.server
    local.shutdown()
    serving.join()
    local.server.server_close()


def test_chalice_local(gateway, local_server, capfd):
    """The same holds over HTTP, in the threads of Chalice's server."""

    def call(number):
        method, path, body, _, _ = request(number)
        connection = http.client.HTTPConnection("127.0.0.1", local_server.server_port, timeout=30)
        bearer = {"Authorization": f"Bearer token-{number % CALLERS}"}
        connection.request(method, path, body, {**JSON, **bearer})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answer = Response(response.status, headers, response.read())
        connection.close()
        return answer

    answers = in_threads(call, THREADS * LOCAL_REQUESTS)

    lines = {line["request_id"]: line for line in gateway.log.requests}
    assert len(lines) == len(gateway.log.lines) == len(answers)
    for number, answer in enumerate(answers):
        assert_own(answer, lines[answer.headers["x-request-id"]], number)
    assert "Traceback" not in capfd.readouterr().err
