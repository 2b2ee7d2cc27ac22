"""examples/python-client: when the client waits and sends a request again, and when it does not."""

import json

import pytest

from tests.support.http_server import (
    StubServer,
    refusal,
    response,
    sends_and_closes,
    sends_and_resets,
    waits,
)
from tests.support.key_documents import api_key

JOB = "6f0c8f4f2f0f4a0fb6d7c6a1c0e2a9d1"
ROWS = {"instances": [[1, 2]]}
ANSWER = response(200, b'{"predictions": [1]}', {"Content-Type": "application/json"})
THROTTLED = refusal(400, "ThrottlingException")
NOT_READY = refusal(429, "ModelNotReadyException")


@pytest.fixture
def waited():
    """The pauses of the client: the type of the problem, and the seconds."""
    return []


@pytest.fixture
def caller(client, gateway, waited):
    def on_wait(problem, seconds):
        waited.append((problem.type, seconds))

    return client.Gateway(gateway.url, api_key(), on_wait=on_wait)


def in_turn(*answers):
    """Answer with one after the other, and with the last one from then on."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_answer(caller, sagemaker):
    """JSON is returned as a value; every other body as its bytes, as it was sent."""
    assert caller.predict("churn", ROWS) == ROWS

    sagemaker.predict = lambda _: response(200, b"\x00\xff", {"Content-Type": "image/png"})
    assert caller.predict("churn", ROWS) == b"\x00\xff"


def test_job_instead(client):
    """A model that answers with a job only is no failure of the gateway: the job is named."""
    document = b'{"job": "%s", "status": "running"}' % JOB.encode()
    with StubServer() as server:
        server.reply = lambda _: response(202, document, {"Content-Type": "application/json"})
        with pytest.raises(client.JobInstead, match=f"the job {JOB}; job.py") as instead:
            client.Gateway(f"http://127.0.0.1:{server.port}", "key").predict("film", ROWS)

    assert instead.value.job == JOB


@pytest.mark.parametrize(("status", "said"), [(200, None), (403, f"the result of job {JOB}")])
def test_result_of_a_job(job_client, status, said):
    """What the bucket says instead of a result, such as that its URL has expired, is no answer."""
    with StubServer() as server:
        url = f"http://127.0.0.1:{server.port}"
        documents = {
            "/uploads": {"upload": "u", "url": f"{url}/body", "method": "PUT", "headers": {}},
            "/predict/churn": {"job": JOB, "status": "succeeded", "result": {"url": f"{url}/r"}},
        }

        def reply(request):
            if (document := documents.get(request.path)) is not None:
                return response(200, json.dumps(document).encode())
            return response(status if request.path == "/r" else 200, b"1")

        server.reply = reply
        if said is None:
            assert job_client.run_job(url, "key", "churn", b"{}") == b"1"
            return
        with pytest.raises(job_client.JobFailed, match=said):
            job_client.run_job(url, "key", "churn", b"{}")


def test_retry_after(caller, sagemaker, waited):
    """After a refusal for a moment, the client waits as long as the gateway says."""
    sagemaker.predict = in_turn(THROTTLED, ANSWER)

    assert caller.predict("churn", ROWS) == {"predictions": [1]}
    assert len(sagemaker.predictions) == 2
    ((problem, seconds),) = waited
    assert problem == "upstream-throttled"
    assert 1 <= seconds <= 2


def test_retry_after_zero(client, waited):
    """A pause of no seconds is no pause: the client keeps to its own."""
    members = b'{"type": "urn:inference-gateway:x", "retryable": true}'
    headers = {"Content-Type": "application/problem+json", "Retry-After": "0"}
    with StubServer() as server:
        server.reply = lambda _: response(503, members, headers)
        url = f"http://127.0.0.1:{server.port}"
        gateway = client.Gateway(url, "key", on_wait=lambda _, seconds: waited.append(seconds))
        with pytest.raises(client.Problem):
            gateway.predict("churn", ROWS, seconds=2)

    assert waited == [1]


def test_too_long(client, caller, sagemaker, waited):
    """If the pause would take more time than there is, the problem is raised at once."""
    sagemaker.predict = lambda _: NOT_READY

    with pytest.raises(client.Problem) as caught:
        caller.predict("churn", ROWS, seconds=4)

    assert (caught.value.status, caught.value.type) == (503, "model-not-ready")
    assert caught.value.retryable
    assert caught.value.retry_after >= 5
    assert (len(sagemaker.predictions), waited) == (1, [])


def test_time_limit(client, caller, sagemaker, waited):
    """The gateway learns how much time is left, and says in time that it was not enough."""
    sagemaker.script = waits(60)

    with pytest.raises(client.Problem) as caught:
        caller.predict("churn", ROWS, seconds=1.5)

    assert (caught.value.status, caught.value.type) == (504, "upstream-timeout")
    assert waited == []


def test_refusal(client, caller, sagemaker, waited):
    """What the gateway calls not retryable is raised, with what an operator asks for."""
    with pytest.raises(client.Problem, match=r"404 unknown-model: .*'chrun'") as caught:
        caller.predict("chrun", ROWS)

    assert len(caught.value.request_id) == 36
    assert (sagemaker.predictions, waited) == ([], [])


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(sends_and_resets(), id="reset"),
        pytest.param(sends_and_closes(ANSWER[:-3]), id="truncated"),
        pytest.param(waits(60), id="silent"),
    ],
)
def test_broken_connection(client, script):
    """Without a complete answer the model may have run: the request is not sent again."""
    with StubServer(script) as server:
        with pytest.raises(client.NoAnswer):
            client.Gateway(server.url, "key").predict("churn", ROWS, seconds=1)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(response(502, b"<html>", {"Content-Type": "text/html"}), id="proxy"),
        pytest.param(response(307, b"", {"Location": "http://127.0.0.1:9/"}), id="redirect"),
    ],
)
def test_not_the_gateway(client, answer):
    """An answer of somebody else is a problem, too; no credential follows a redirect."""
    with StubServer() as server:
        server.reply = lambda _: answer
        with pytest.raises(client.Problem, match="no answer of the gateway"):
            client.Gateway(server.url, "key").predict("churn", ROWS)
        assert len(server.requests) == 1


def test_pages_of_models(client):
    """All models are listed, also if they do not fit into one answer."""
    pages = {
        "/models": b'{"models": [{"name": "a"}], "next": "a"}',
        "/models?after=a": b'{"models": [{"name": "b"}]}',
    }
    json = {"Content-Type": "application/json"}
    with StubServer() as server:
        server.reply = lambda request: response(200, pages[request.path], json)
        names = [model["name"] for model in client.Gateway(server.url, "key").models()]

    assert names == ["a", "b"]
