"""The page where jobs are on: uploads and results go through a bucket that has CORS."""

import json
import re
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, expect

from chalicelib.errors import ModelNotReady, ModelRejectedInput
from chalicelib.sagemaker.answers import InferenceResponse
from tests.functional.conftest import chalices_signature
from tests.functional.test_jobs import AWAY
from tests.support.chalice_server import served
from tests.support.clients import TOKEN
from tests.support.gateway import FakeRuntime, FixedTable, table
from tests.support.http_server import StubServer, response
from tests.support.job_desk import BUCKET, fetch, job_desk
from tests.support.paths import ROOT
from tests.support.stand_in import StandIn, wait_until
from tests.support.visitor import Visitor, run_program, start_program

__all__ = ["chalices_signature"]

MODELS = """\
version: 1
models:
  churn:
    kind: single
    endpoint: churn
    content_types: [application/json, text/csv]
    accepts: [application/json, text/csv]
    example: {instances: [[1, 2]]}
  film:
    kind: async
    endpoint: films
    request_ttl_seconds: 600
    invocation_timeout_seconds: 60
    example: {film: 1}
"""
ROWS = b"1,2\n" * 5_000_000
LARGEST = 25_000_000
HTML = {"status": 200, "content_type": "text/html", "body": "<h1>Log in</h1>"}
OTHER_BUCKET = "answers-of-sagemaker"
RULE = {
    "AllowedMethods": ["PUT", "GET"],
    "AllowedHeaders": ["content-type", "if-none-match"],
    "ExposeHeaders": ["ETag"],
}
# Keeps every value that a progress bar has.
KEEP_PROGRESS = """window.shares = [];
new MutationObserver((changes) => {
    for (const {target} of changes) if (target.tagName === "PROGRESS") shares.push(target.value);
}).observe(document, {subtree: true, attributes: true, attributeFilter: ["value"]});"""
NETWORK = "Network.emulateNetworkConditions"
SLOW = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 10_000_000}
RUNS = "The job is running. If you leave this page, GET /jobs/… says how far it is."


class JobVisitor(Visitor):
    """Somebody who uses the page of a gateway with jobs."""

    def __init__(self, page, url, bucket_url):
        super().__init__(page, url, bucket_url)
        self.bucket_url = bucket_url
        self.bucket_host = urlsplit(bucket_url).netloc
        self.requests = []
        page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 (Playwright marks it)

    def choose_job(self, model="churn"):
        self.choose_with_example(model)
        self.page.get_by_label("As a job").check()

    def choose_file(self, content=ROWS, name="rows.csv"):
        self.choose_with_example("churn")
        file = {"name": name, "mimeType": "text/csv", "buffer": content}
        self.id("file-input").set_input_files(file)

    def expect(self, sentence):
        expect(self.id("answer")).to_contain_text(sentence)

    def send_job(self):
        """Send, wait until the job is running, and return its id."""
        self.id("send").click()
        return self.wait_for_job()

    def wait_for_job(self):
        self.expect(RUNS)
        return self.id("answer").locator("dd").inner_text()

    def sent(self, path):
        """The page's requests whose URL has this path in it."""
        return [one for one in self.requests if path in one.url]


def name_origins(desk, *origins, bucket=BUCKET):
    """Let pages of these origins use the bucket."""
    rules = [{**RULE, "AllowedOrigins": list(origins)}]
    desk.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


@pytest.fixture(scope="module")
def sagemaker():
    with StandIn() as stand_in:
        yield stand_in
        assert stand_in.stop() == 0, stand_in.log


@pytest.fixture
def desk(sagemaker):
    runtime = FakeRuntime(answers=BUCKET)
    return job_desk(sagemaker.url, source=FixedTable(table(MODELS)), runtime=runtime)


@pytest.fixture
def visitor(sagemaker, desk, page):
    """Somebody who has opened the page, whose origin the bucket's CORS rules name."""
    with served(desk.gateway.app) as url:
        visitor = JobVisitor(page, url, f"{sagemaker.url}/{BUCKET}/")
        name_origins(desk, url)
        visitor.open(TOKEN)
        yield visitor
        visitor.check()


class TestJob:
    """A request can be sent as a job, and its result is shown as an answer is."""

    def test_result(self, visitor, desk):
        """The result comes from the bucket, which gets no credential, and is shown as a table."""
        visitor.choose_job()
        job = visitor.send_job()
        assert desk.drain() == 1

        visitor.expect_status(200)

        assert visitor.cells == ["1", "2"]
        visitor.expect(job)
        assert json.loads(desk.gateway.call.request.body) == {"instances": [[1, 2]]}
        (result,) = visitor.sent(visitor.bucket_url)
        assert not {"authorization", "cookie", "referer"} & result.all_headers().keys()

    def test_retry_after(self, visitor, desk):
        """The job is asked for again after Retry-After."""
        visitor.choose_job()
        document = {"status": "running"}
        times = []

        def answer(route):
            times.append(visitor.page.evaluate("performance.now()"))
            if len(times) < 3:
                route.fulfill(json=document, headers={"Retry-After": str(len(times))})
            else:
                route.continue_()

        visitor.page.route("**/jobs/*", answer)
        visitor.send_job()
        desk.drain()
        visitor.expect_status(200)

        first, second, third = times
        assert (second - first >= 1000, third - second >= 2000) == (True, True)

    def test_without_the_choice(self, visitor):
        """A request without the choice is a prediction."""
        visitor.call("churn")

        (request,) = visitor.sent("/predict/churn")
        assert not {"prefer", "idempotency-key"} & request.headers.keys()

    def test_kind_async(self, visitor, desk):
        """A model of kind `async` leaves no choice."""
        visitor.choose_with_example("film")
        choice = visitor.page.get_by_label("As a job")
        assert (choice.is_checked(), choice.is_disabled()) == (True, True)
        visitor.send_job()
        desk.s3.put_object(
            Bucket=BUCKET, Key="out/1.out", Body=b"[7]", ContentType="application/json"
        )

        visitor.expect_status(200)

        assert visitor.cells == ["7"]

    def test_model_without_jobs(self, visitor):
        """Where the catalog does not say that there are jobs, there is no choice."""

        def without_jobs(route):
            content = route.fetch().json()
            for model in content["models"]:
                del model["jobs"]
            route.fulfill(json=content)

        visitor.page.route("**/models?after=", without_jobs)
        visitor.click("Replace key")
        visitor.connect(TOKEN)
        visitor.choose_file()

        expect(visitor.page.get_by_label("As a job")).to_be_hidden()
        expect(visitor.id("body-mistake")).to_contain_text("at most 4,600,000 bytes")

    def test_left(self, visitor, desk):
        """Whoever waits no longer can copy the job's id, and wait again."""
        visitor.choose_job()
        job = visitor.send_job()
        visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        visitor.click("Cancel")
        visitor.expect("The job goes on.")
        visitor.id("answer").get_by_role("button", name="Copy").click()
        expect(visitor.id("status")).to_have_text("Copied")
        assert visitor.page.evaluate("navigator.clipboard.readText()") == job
        desk.drain()

        visitor.click("Wait again")

        visitor.wait_for_job()
        visitor.expect_status(200)
        assert len(visitor.sent("/predict/")) == 1


class TestUpload:
    """A body over the limit of a prediction goes to the bucket, and then becomes a job."""

    def test_progress(self, visitor, desk):
        """The bar shows how far the upload is; the model gets all of the file."""
        visitor.page.evaluate(KEEP_PROGRESS)
        session = visitor.page.context.new_cdp_session(visitor.page)
        session.send(NETWORK, SLOW)
        visitor.choose_file()
        choice = visitor.page.get_by_label("As a job")
        assert (choice.is_checked(), choice.is_disabled()) == (True, True)

        visitor.id("send").click()
        bar = visitor.page.get_by_role("progressbar", name="Upload")
        expect(bar).to_be_visible()
        expect(visitor.id("status")).to_have_text("Uploading")
        visitor.wait_for_job()
        shares = visitor.page.evaluate("shares")
        desk.drain()
        visitor.expect_status(200)

        assert desk.gateway.call.request.body == ROWS
        assert desk.gateway.call.request.content_type == "text/csv"
        assert len(set(shares)) >= 3
        assert (shares, shares[-1]) == (sorted(shares), 1)
        (put,) = [one for one in visitor.sent(visitor.bucket_url) if one.method == "PUT"]
        assert not {"authorization", "cookie", "referer"} & put.all_headers().keys()

    def test_limit(self, visitor):
        """A body over the limit of an upload is not sent."""
        visitor.choose_file(b"a" * (LARGEST + 1))

        visitor.id("send").click()

        expect(visitor.id("body-mistake")).to_contain_text("at most 25,000,000 bytes")
        assert visitor.sent("/uploads") == []

    def test_cancel(self, visitor, desk):
        """An upload can be cancelled."""
        session = visitor.page.context.new_cdp_session(visitor.page)
        session.send(NETWORK, {**SLOW, "uploadThroughput": 100_000})
        visitor.choose_file()
        visitor.id("send").click()
        expect(visitor.page.get_by_role("progressbar")).to_be_visible()

        visitor.click("Cancel")

        visitor.expect("The request was cancelled.")
        assert (desk.keys(), visitor.sent("/predict/")) == ([], [])

    def test_choice_comes_back(self, visitor):
        """Without the large file the choice is free again."""
        visitor.choose_file()
        visitor.click("Remove the file")

        choice = visitor.page.get_by_label("As a job")
        assert (choice.is_checked(), choice.is_disabled()) == (False, False)


class TestFailure:
    """What fails is said in a sentence, and trying again never makes a second job by mistake."""

    def test_failed_job(self, visitor, desk):
        """A failed job shows its problem and its time; trying again makes a new job."""
        desk.gateway.runtime.error = ModelRejectedInput(422)
        visitor.choose_job()
        first = visitor.send_job()
        desk.drain()
        visitor.expect_status(422)
        visitor.expect("model-rejected-input")
        visitor.expect("The same request would fail again.")
        visitor.expect(first)
        visitor.expect(re.compile(r"[0-9] m?s · [0-9]+ bytes"))
        expect(visitor.id("alarm")).to_contain_text("422")

        desk.gateway.runtime.error = ModelNotReady(retry_after_seconds=1)
        second = visitor.send_job()
        for _ in range(3):
            desk.drain()
        visitor.expect_status(503)
        desk.gateway.runtime.error = None
        visitor.click("Try again")
        third = visitor.wait_for_job()
        desk.drain()
        visitor.expect_status(200)

        assert len({first, second, third}) == 3

    def test_answer_lost(self, visitor, desk):
        """A request whose answer was lost is sent again with its key: it is the same job."""
        visitor.choose_job()

        def lose(route):
            route.fetch()
            route.abort()

        visitor.page.route("**/predict/*", lose)
        visitor.id("send").click()
        visitor.expect("cannot be reached")
        visitor.page.unroute("**/predict/*")

        visitor.click("Try again")
        visitor.wait_for_job()

        assert desk.drain() == 1
        visitor.expect_status(200)
        first, second = visitor.sent("/predict/")
        keys = {one.headers["idempotency-key"] for one in (first, second)}
        assert len(keys) == 1

    def test_cancelled_while_it_is_submitted(self, visitor, desk):
        """Whoever cancels before the job has an id may have one, and trying again finds it."""
        visitor.choose_job()
        visitor.page.route("**/predict/*", lambda route: route.fetch())  # and no answer
        with visitor.page.expect_request("**/predict/*"):
            visitor.id("send").click()
        wait_until(lambda: ".sent.json" in " ".join(desk.keys()))
        visitor.click("Cancel")
        visitor.expect("The gateway may have the job.")
        visitor.page.unroute("**/predict/*")

        visitor.click("Try again")
        visitor.wait_for_job()

        assert desk.drain() == 1
        visitor.expect_status(200)

    @pytest.mark.parametrize("path", ["predict", "jobs"])
    @pytest.mark.parametrize(
        ("answer", "sentence"),
        [
            (HTML, "Something before the gateway answered 200 with text/html."),
            ({"status": 204}, "Something before the gateway answered 204 with no content."),
            ({"status": 504, "json": {}}, "Something before the gateway refused or failed"),
        ],
    )
    def test_stranger(self, visitor, desk, path, answer, sentence):
        """What answers in place of the gateway is named, and trying again is the same job."""
        visitor.choose_job()
        visitor.page.route(f"**/{path}/*", lambda route: route.fulfill(**answer))
        visitor.id("send").click()
        visitor.expect(sentence)
        visitor.page.unroute(f"**/{path}/*")

        visitor.click("Try again")
        visitor.wait_for_job()

        assert desk.drain() == 1
        visitor.expect_status(200)
        assert len({one.headers["idempotency-key"] for one in visitor.sent("/predict/")}) == 1

    @pytest.mark.parametrize("status", [401, 504])
    def test_asked_in_vain(self, visitor, status):
        """Whoever may not ask for a running job any more still sees its id."""
        visitor.choose_job()
        visitor.page.route("**/jobs/*", lambda route: route.fulfill(status=status, json={}))
        job = visitor.send_job()

        visitor.expect_status(status)

        visitor.expect(job)

    def test_bucket_away(self, visitor, desk):
        """A problem of the gateway's is shown as any other; the upload is not sent again."""
        visitor.choose_file()
        desk.faults.next["HeadObject"] = [AWAY]
        visitor.send(503)
        visitor.expect("jobs-unavailable")

        visitor.page.get_by_role("button", name="Try again").click()
        visitor.wait_for_job()
        desk.drain()
        visitor.expect_status(200)

        assert len(visitor.sent("/uploads")) == 1

    def test_upload_from_another_origin(self, visitor, desk):
        """A bucket whose CORS rules name another origin gets a sentence that says so."""
        name_origins(desk, "https://app.example.com")
        visitor.expected = ("blocked by CORS policy",)
        visitor.choose_file()
        visitor.id("send").click()

        visitor.expect("The upload failed: check your connection")
        visitor.expect(
            f"and that the bucket at {visitor.bucket_host} is the gateway's "
            f"and its CORS names {visitor.url}."
        )
        expect(visitor.id("alarm")).to_contain_text("CORS")

        name_origins(desk, visitor.url)
        visitor.click("Try again")
        visitor.wait_for_job()
        desk.drain()
        visitor.expect_status(200)

    def test_result_for_another_origin(self, visitor, desk):
        """A result that the page may not read can be opened; then it is read without a new job."""
        visitor.expected = ("blocked by CORS policy",)
        visitor.choose_job()
        visitor.send_job()
        name_origins(desk, "https://app.example.com")
        desk.drain()
        visitor.expect("The download of the result failed: check your connection")
        visitor.expect(
            f"and that the bucket at {visitor.bucket_host} is the gateway's "
            f"and its CORS names {visitor.url}."
        )
        link = visitor.page.get_by_role("link", name="Open the result")
        assert json.loads(fetch(link.get_attribute("href"))[1]) == {"instances": [[1, 2]]}

        name_origins(desk, visitor.url)
        visitor.click("Try again")
        visitor.expect_status(200)

        assert len(visitor.sent("/predict/")) == 1

    def test_result_in_another_bucket(self, visitor, desk):
        """The page may read from no other bucket, whatever that bucket's rules say."""
        desk.s3.create_bucket(Bucket=OTHER_BUCKET)
        name_origins(desk, "*", bucket=OTHER_BUCKET)
        desk.gateway.runtime.answers = OTHER_BUCKET
        visitor.expected = ("connect-src", "Content Security Policy")
        visitor.choose_with_example("film")
        visitor.send_job()
        desk.s3.put_object(Bucket=OTHER_BUCKET, Key="out/1.out", Body=b"[7]")

        visitor.expect("The download of the result failed:")
        visitor.expect(f"that the bucket at {visitor.bucket_host} is the gateway's")

        expect(visitor.page.get_by_role("link", name="Open the result")).to_be_visible()

    def test_refused_upload(self, visitor):
        """A URL that the bucket does not take any more is said to be refused, not unreachable."""
        cors = {"Access-Control-Allow-Origin": "*"}
        visitor.page.route(
            f"**/{BUCKET}/**", lambda route: route.fulfill(status=403, body="", headers=cors)
        )
        visitor.choose_file()
        visitor.id("send").click()

        visitor.expect(f"The upload failed: the bucket at {visitor.bucket_host} answered 403.")


@pytest.mark.parametrize("language", ["fetch", "Python"])
def test_programs(visitor, desk, language, tmp_path):
    """The program starts the job, and prints its document; it says so if it cannot."""
    visitor.choose_job()

    document = json.loads(run_program(language, visitor.program(language), TOKEN, tmp_path))

    assert document["status"] == "running"
    assert desk.drain() == 1
    visitor.choose_file()
    expect(visitor.id("program")).to_contain_text("see the curl commands")


@pytest.mark.parametrize("is_large", [False, True])
def test_curl(visitor, desk, is_large, tmp_path):
    """The commands do what the page does, and print the result."""
    name = "-'\"$x` [1].csv"
    if is_large:
        visitor.choose_file(name=name)
        (tmp_path / name).write_bytes(ROWS)
    else:
        visitor.choose_job()
    text = visitor.program("curl")
    desk.gateway.runtime.answer = lambda *_: InferenceResponse(b'{"result": 7}', "application/json")

    running = start_program("curl", text, TOKEN, tmp_path)
    wait_until(lambda: desk.drain() or running.poll() is not None)
    printed, errors = running.communicate()

    assert running.returncode == 0, errors
    assert printed.endswith('{"result": 7}')
    body = desk.gateway.call.request.body
    assert body == ROWS if is_large else json.loads(body) == {"instances": [[1, 2]]}
    assert TOKEN not in text


CALL = """async ([base, token, rows]) => {
    const file = new File([rows], "rows.csv", {type: "text/csv"});
    const shares = [];
    const result = await predictLater(base, token, "churn", file, (share) => shares.push(share));
    return [await result.text(), shares.at(-1)];
}"""


def test_example_for_pages_of_others(page, sagemaker):
    """The example of docs/calling.md gets a result for a page that the CORS rules name.

    What the bucket says of a URL that has expired is no result.
    """
    text = (ROOT / "docs/calling.md").read_text("utf-8")
    (example,) = re.findall(r"```js\n(async function predictLater.*?)```", text, re.DOTALL)
    with StubServer() as server:
        server.reply = lambda _: response(200, b"<!doctype html>", {"Content-Type": "text/html"})
        desk = job_desk(
            sagemaker.url,
            source=FixedTable(table(MODELS)),
            runtime=FakeRuntime(answers=BUCKET),
            cors_origin=server.url,
        )
        name_origins(desk, server.url)
        page.goto(server.url)
        page.add_script_tag(content=example)
        with served(desk.gateway.app) as url, worked(desk):
            result, share = page.evaluate(CALL, [url, TOKEN, "1,2"])
            expired = {"status": 403, "headers": {"Access-Control-Allow-Origin": "*"}}
            page.route("**/*.result?*", lambda route: route.fulfill(**expired))
            with pytest.raises(Error, match=r"The bucket answered 403 for the job [0-9a-f]{32}"):
                page.evaluate(CALL, [url, TOKEN, "1,2"])

    assert (result, share) == ("1,2", 1)


@contextmanager
def worked(desk):
    """Work on the jobs of a desk in a thread."""
    ended = threading.Event()

    def work():
        while not ended.wait(0.1):
            desk.drain()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def states(visitor, desk):
    """Lead through the states of a job, and yield the name of each."""
    visitor.choose_job()
    yield "choice"
    file = {"name": "rows.csv", "mimeType": "text/csv", "buffer": ROWS}
    visitor.id("file-input").set_input_files(file)
    yield "large file"
    visitor.id("send").click()
    visitor.wait_for_job()
    yield "running"
    visitor.click("Cancel")
    yield "left"
    name_origins(desk, "https://app.example.com")
    desk.drain()
    visitor.expected = ("blocked by CORS policy",)
    visitor.click("Wait again")
    visitor.expect("The download of the result failed:")
    yield "failed download"
    name_origins(desk, visitor.url)
    visitor.click("Try again")
    visitor.expect_status(200)
    yield "result"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_looks(visitor, desk, page, scheme, width):
    """In every state of a job, axe finds nothing serious and nothing is wider than the window."""
    page.set_viewport_size({"width": width, "height": 740})
    page.emulate_media(color_scheme=scheme)
    if visitor.id("all-models").is_visible():
        visitor.id("all-models").click()

    for state in states(visitor, desk):
        assert (state, visitor.findings()) == (state, [])
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert (state, wide) == (state, width)


def test_keyboard_alone(visitor, desk):
    """A job needs no mouse."""
    keyboard = visitor.page.keyboard
    expect(visitor.id("catalog-count")).to_have_text("2 models")
    expect(visitor.id("filter")).to_be_focused()
    keyboard.type("churn")
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    visitor.wait_for_example()
    while not visitor.page.evaluate("document.activeElement.id === 'as-job'"):
        keyboard.press("Tab")
    keyboard.press("Space")
    keyboard.press("Control+Enter")
    visitor.wait_for_job()
    expect(visitor.id("status")).to_have_text(RUNS)
    desk.drain()

    visitor.expect_status(200)
    expect(visitor.id("status")).to_contain_text("200: The model answered")
