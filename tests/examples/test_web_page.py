"""examples/web-page, in a real browser and on another origin than the gateway's."""

import socket
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.examples.walk import steps
from tests.support.http_server import StubServer, refusal, response, waits
from tests.support.key_documents import api_key
from tests.support.paths import ROOT
from tests.support.ports import closed_port, free_port
from tests.support.stand_in import wait_until

ANSWER = response(200, b'{"predictions": [1]}', {"Content-Type": "application/json"})

JOB = "6f0c8f4f2f0f4a0fb6d7c6a1c0e2a9d1"
PREDICT = """async (url) => {
    const { NoAnswer, predict } = await import("./gateway.js");
    const gateway = { url, credential: "key" };
    try {
        await predict(gateway, "/predict/churn", "{}", "application/json", { seconds: 1 });
    } catch (error) {
        return [error instanceof NoAnswer, error.message];
    }
}"""


@pytest.fixture(scope="module")
def origin():
    """The page's address; the server is that of the README."""
    ((command, _),) = steps((ROOT / "examples/web-page/README.md").read_text(encoding="utf-8"))
    python, *arguments = command.split()
    assert python == ".venv/bin/python"
    port = str(free_port())
    arguments[arguments.index("8080")] = port
    server = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _listens(int(port)))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _listens(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


class Reader:
    """Somebody at the page."""

    def __init__(self, page, origin):
        self.page = page
        self.origin = origin
        self.errors = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.status, self.answer = page.locator("#status"), page.locator("#answer")

    def connect(self, gateway, key):
        """Open the page, and list the models of a gateway."""
        self.page.goto(f"{self.origin}/?gateway={gateway}")
        self.page.get_by_label("API key or token").fill(key)
        self.page.get_by_role("button", name="List models").click()

    def predict(self, body=None, seconds=30):
        """Call the model that is chosen, with its example or another body."""
        if body is not None:
            self.page.get_by_label("Body").fill(body)
        self.page.get_by_label("Seconds").fill(str(seconds))
        self.page.get_by_role("button", name="Predict").click()


@pytest.fixture
def reader(page, origin):
    reader = Reader(page, origin)
    yield reader
    assert reader.errors == []


@pytest.fixture
def connected(reader, gateway, sagemaker):
    """A reader who sees the only model of the gateway."""
    reader.connect(gateway.url, api_key())
    expect(reader.status).to_have_text("Who leaves")
    return reader


def test_prediction(connected, sagemaker):
    """The page fills in the model's example, and shows the model's answer."""
    sagemaker.predict = lambda _: ANSWER

    connected.predict()

    expect(connected.answer).to_have_text('{"predictions": [1]}')
    expect(connected.status).to_have_text("churn has answered.")
    assert sagemaker.predictions[-1].body == b'{"instances":[[1,2]]}'


def test_job_instead(connected):
    """A model that answers with a job only has not answered: the page names the job."""
    document = {"job": JOB, "status": "running"}
    answer = {"status": 202, "json": document, "headers": {"Access-Control-Allow-Origin": "*"}}
    connected.page.route("**/predict/churn", lambda route: route.fulfill(**answer))

    connected.predict()

    expect(connected.status).to_have_text("No answer yet")
    expect(connected.answer).to_contain_text(f"The answer is the job {JOB}; predictLater in")


def test_retry_after(connected, sagemaker):
    """While the gateway asks for patience, the page says so, and then shows the answer."""
    answers = [refusal(400, "ThrottlingException"), ANSWER]
    sagemaker.predict = lambda _: answers.pop(0)

    connected.predict()

    expect(connected.status).to_have_text("SageMaker is throttling. Trying again in 2 s …")
    expect(connected.answer).to_have_text('{"predictions": [1]}')
    assert len(sagemaker.predictions) == 2


def test_time_limit(connected, sagemaker):
    """The gateway learns how long the page waits, and says in time that it was not enough."""
    sagemaker.script = waits(60)

    connected.predict(seconds=2)

    expect(connected.status).to_have_text("The model did not answer in time")


def test_problem(connected):
    """A problem is shown with what an operator asks for."""
    connected.predict("no JSON")

    expect(connected.status).to_have_text("The body is not valid JSON")
    expect(connected.answer).to_contain_text("request ")


@pytest.mark.parametrize(
    ("url", "key", "status"),
    [
        pytest.param(None, "gw_wrong", "The credential was not accepted", id="refused-key"),
        pytest.param(closed_port(), "gw_wrong", "No answer", id="no-gateway"),
    ],
)
def test_no_models(reader, gateway, url, key, status):
    """The page says why it cannot list the models."""
    reader.connect(url or gateway.url, key)

    expect(reader.status).to_have_text(status)


def test_lost_connection(page, origin):
    """Without an answer in time the model may have run: the request is not sent again."""
    allowed = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "*, Authorization",
    }

    def script(connection):
        if server.requests[-1].method == "OPTIONS":
            connection.sendall(response(204, b"", allowed))
        else:
            waits(60)(connection)

    with StubServer(script) as server:
        page.goto(origin)
        error = page.evaluate(PREDICT, server.url)
        assert error == [True, "No answer came in time."]
        assert [one.method for one in server.requests] == ["OPTIONS", "POST"]
