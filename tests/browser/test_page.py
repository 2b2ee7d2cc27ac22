"""The page at a gateway whose models answer as a test wants."""

import json
import threading
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from chalicelib.auth.credentials import Identity
from chalicelib.errors import ModelFailed, ModelNotReady
from chalicelib.sagemaker.answers import InferenceResponse
from tests.api_gateway.simulator import SimulatorClient
from tests.functional.conftest import chalices_signature
from tests.support.chalice_server import served
from tests.support.clients import TOKEN, LocalClient
from tests.support.gateway import (
    IDENTITY,
    TABLE,
    FakeRuntime,
    FakeScheme,
    FixedTable,
    build_gateway,
    table,
)
from tests.support.hostile_texts import HOSTILE
from tests.support.http_server import StubServer, response
from tests.support.visitor import COMMANDS, Visitor, run_program

__all__ = ["chalices_signature"]

MARKUP = "<img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}"
MODELS = f"""\
version: 1
models:
  echo:
    kind: single
    endpoint: e
    description: {json.dumps(MARKUP)}
    content_types: [application/json, text/plain, text/csv]
    accepts: [application/json, text/csv]
    pass_headers: [inference-id]
    example: {{instances: [[1.50, 12345678901234567890], [3, 4]], note: {json.dumps(MARKUP)}}}
  csv:
    kind: single
    endpoint: e
    content_types: [text/csv, application/json]
    example: "1,2\\n3,4"
  translate/{{source}}/{{target}}:
    kind: mme
    endpoint: e
    target_model: "{{source}}-{{target}}.tar.gz"
    parameters:
      source: {{one_of: [de, en]}}
      target: {{pattern: "[a-z]{{2}}"}}
    example: {{text: Haus}}
  x-ray:
    kind: single
    endpoint: e
    content_types: [image/png]
"""
TOKEN_WITHOUT_GRANT = "of-somebody-who-may-call-nothing"
SCHEME = FakeScheme({TOKEN: IDENTITY, TOKEN_WITHOUT_GRANT: Identity("nobody", ("no-such",), None)})
LIMIT = 4_600_000
SET_VALUE = """(editor, text) => {
    editor.value = text;
    editor.dispatchEvent(new Event("input", {bubbles: true}));
}"""


def answer_after(done):
    """Return a model that waits for an event, and then answers with the request's body."""

    def answer(_, request):
        done.wait()
        return InferenceResponse(request.body, request.content_type)

    return answer


@pytest.fixture
def serve(page):
    """Return a function that starts a gateway and opens its page; what the page did is checked."""
    visitors = []
    with ExitStack() as stack:

        def serve(text=MODELS, *, key=TOKEN, **runtime):
            gateway = build_gateway(
                LocalClient,
                runtime=FakeRuntime(**runtime),
                source=FixedTable(table(text)),
                scheme=SCHEME,
            )
            visitor = Visitor(page, stack.enter_context(served(gateway.app)))
            visitor.runtime = gateway.runtime
            visitors.append(visitor)
            visitor.open(key)
            return visitor

        yield serve
        for visitor in visitors:
            visitor.check()


@pytest.fixture
def visitor(serve):
    """Somebody who has chosen a model that sends every body back."""
    visitor = serve()
    visitor.choose_with_example("echo")
    return visitor


def answering(body, content_type="application/json"):
    return lambda _, __: InferenceResponse(body, content_type)


class TestKey:
    """The credential is typed or comes with the address, and is kept nowhere."""

    def test_typed(self, serve):
        """A key can be typed, looked at, replaced and forgotten."""
        visitor = serve(key="")
        expect(visitor.id("key")).to_be_focused()
        assert visitor.id("key").get_attribute("type") == "password"
        visitor.click("Show")
        assert visitor.id("key").get_attribute("type") == "text"
        visitor.id("key").fill(f" Bearer {TOKEN} ")
        visitor.page.keyboard.press("Enter")
        expect(visitor.id("catalog-count")).to_have_text("4 models")

        visitor.click("Replace key")
        expect(visitor.id("key")).to_have_value("")
        visitor.click("Keep the present key")
        visitor.call("echo")
        visitor.click("Forget key")

        expect(visitor.id("key")).to_be_visible()
        expect(visitor.id("key")).to_have_value("")
        expect(visitor.id("desk")).to_be_hidden()
        assert visitor.page.locator(".entry").count() == 0

    def test_in_the_address(self, serve):
        """The key is taken out of the address and the history, and `redirected` with it."""
        visitor = serve(key="")
        visitor.page.goto("about:blank")
        visitor.page.goto(f"{visitor.url}/?redirected=#key={TOKEN}")
        expect(visitor.id("catalog-count")).to_have_text("4 models")
        assert visitor.page.url == f"{visitor.url}/"

        visitor.page.goto("about:blank")
        visitor.page.go_back()

        assert visitor.page.url == f"{visitor.url}/"

    @pytest.mark.parametrize(
        ("key", "sentence"),
        [
            ("gw_wrong_key", "The credential was not accepted"),
            ("", "paste yours here"),
            ("two words", "paste yours here"),
            ("schlüssel", "paste yours here"),
        ],
    )
    def test_refused(self, serve, key, sentence):
        """What is wrong with a key stands beside its field."""
        visitor = serve(key="")

        visitor.connect(key)

        expect(visitor.id("key-mistake")).to_contain_text(sentence)
        expect(visitor.id("key")).to_have_attribute("aria-invalid", "true")
        expect(visitor.id("alarm")).to_contain_text(sentence)

    def test_refused_in_the_address(self, serve):
        """A refused key of a link is shown as a typed one is."""
        visitor = serve(key="wrong")

        expect(visitor.id("key-mistake")).to_contain_text("The credential was not accepted")

    @pytest.mark.parametrize("key", ["%ff", "%", "%E0%A4%A", "a%2"])
    def test_odd_in_the_address(self, serve, key):
        """Text in the address that decodes to nothing is taken out of it and refused."""
        visitor = serve(key=key)

        expect(visitor.id("key-mistake")).not_to_be_empty()
        assert visitor.page.url == f"{visitor.url}/"

    def test_late_refusal(self, serve):
        """The refusal of an earlier key does not hide the models of the later one."""
        visitor = serve(key="")
        held = []

        def answer(route):
            if "slow-wrong-key" in route.request.headers["authorization"]:
                held.append(route)
            else:
                route.continue_()

        visitor.page.route("**/models*", answer)
        with visitor.page.expect_request("**/models*"):
            visitor.connect("slow-wrong-key")
        visitor.page.evaluate(f"location.hash = 'key={TOKEN}'")
        expect(visitor.id("catalog-count")).to_have_text("4 models")
        with visitor.page.expect_response("**/models*"):
            held[0].continue_()
        visitor.page.wait_for_timeout(200)

        expect(visitor.id("desk")).to_be_visible()
        expect(visitor.id("key-mistake")).to_be_empty()

    def test_keep_while_another_is_tried(self, serve):
        """Whoever keeps the present key does not get the models of the other one."""
        visitor = serve()
        expect(visitor.id("catalog-count")).to_have_text("4 models")
        held = []
        visitor.page.route("**/models*", lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks it)
        visitor.click("Replace key")
        with visitor.page.expect_request("**/models*"):
            visitor.connect(TOKEN_WITHOUT_GRANT)
        visitor.click("Keep the present key")
        with visitor.page.expect_response("**/models*"):
            held[0].continue_()
        visitor.page.wait_for_timeout(200)

        expect(visitor.id("catalog-count")).to_have_text("4 models")

    def test_unreachable(self, serve):
        """A gateway that does not answer gets a sentence."""
        visitor = serve(key="")
        visitor.page.route("**/models*", lambda route: route.abort())

        visitor.connect(TOKEN)

        expect(visitor.id("key-mistake")).to_contain_text("cannot be reached")


class TestOpenApi:
    """The gateway's OpenAPI document needs the credential, so a link to it would not do."""

    def test_download(self, visitor, tmp_path):
        """The page fetches the document with the credential, and saves it."""
        seen = []

        def answer(route):
            seen.append(route.request.headers["authorization"])
            route.fulfill(json={"openapi": "3.1.0"})

        visitor.page.route("**/openapi.json", answer)
        with visitor.page.expect_download() as download:
            visitor.click("Download OpenAPI")
        download.value.save_as(tmp_path / "openapi.json")

        assert json.loads((tmp_path / "openapi.json").read_text("utf-8")) == {"openapi": "3.1.0"}
        assert seen == [f"Bearer {TOKEN}"]

    def test_failure(self, visitor):
        """A document that is not there gets a sentence."""
        visitor.page.route("**/openapi.json", lambda route: route.fulfill(status=404, body=""))

        visitor.click("Download OpenAPI")

        expect(visitor.id("alarm")).to_contain_text("Status 404")


class TestCatalog:
    """The list has the granted models, and rows for as many as somebody can read."""

    def test_empty(self, serve):
        """A key without a grant that leads to a model gets a sentence."""
        visitor = serve(key=TOKEN_WITHOUT_GRANT)

        expect(visitor.id("catalog-count")).to_contain_text("Your key may call no model.")

    def test_thousands(self, serve):
        """All pages of the list are read; the filter finds a model in any of them."""
        entries = "".join(f"  m{n:04}: {{kind: single, endpoint: e}}\n" for n in range(2_500))
        visitor = serve(f"version: 1\nmodels:\n{entries}")
        rows = visitor.page.locator(".entry")
        expect(visitor.id("catalog-count")).to_have_text("2,500 models")
        expect(rows).to_have_count(100)

        visitor.click("Show more")
        expect(rows).to_have_count(200)
        expect(rows.nth(100)).to_be_focused()
        visitor.id("filter").fill("SINGLE m2499")

        expect(visitor.id("catalog-count")).to_have_text("1 of 2,500 models")
        visitor.page.keyboard.press("Enter")
        expect(visitor.id("model-name")).to_have_text("m2499")

    @pytest.mark.parametrize("status", [401, 503])
    def test_failure_in_the_middle(self, serve, status):
        """The models that came stay, with a sentence about why there are no more."""
        entries = "".join(f"  m{n:04}: {{kind: single, endpoint: e}}\n" for n in range(1_500))
        visitor = serve(f"version: 1\nmodels:\n{entries}", key="")
        visitor.page.route(
            "**/models?after=m*", lambda route: route.fulfill(status=status, body="")
        )
        visitor.connect(TOKEN)
        count = visitor.id("catalog-count")
        expect(count).to_contain_text("1,000 models, and no more could be loaded. ")
        expect(count).to_contain_text(f"Status {status}")

        visitor.id("filter").fill("m0999")

        expect(count).to_contain_text("1 of 1,000 models, and no more could be loaded. ")
        visitor.choose("m0999")


class TestRequest:
    """The form makes the request that its fields say."""

    def test_everything(self, visitor):
        """Body, types, passed headers and the time limit reach the gateway as they are shown."""
        visitor.id("content-type").select_option("text/csv")
        visitor.id("accept").select_option("text/csv")
        visitor.id("body").fill("1,2\n")
        visitor.page.get_by_text("Options").click()
        visitor.page.get_by_label("X-Amzn-SageMaker-Inference-Id").fill("it's 1")
        visitor.page.get_by_label("X-Request-Timeout-Ms").fill("2000")
        visitor.send()

        (call,) = visitor.runtime.calls
        request = call.request
        assert (request.body, request.content_type, request.accept) == (
            *(b"1,2\n", "text/csv"),
            "text/csv",
        )
        assert (request.passed, call.seconds <= 2) == ({"InferenceId": "it's 1"}, True)

    def test_example(self, visitor):
        """The example is formatted without changing a number, and comes back after an edit."""
        example = visitor.id("body").input_value()
        assert "[\n    [1.5, 12345678901234567890],\n    [3, 4]\n  ]" in example
        visitor.id("body").fill("[1,\n2]")
        visitor.click("Format")
        expect(visitor.id("body")).to_have_value("[1, 2]")

        visitor.click("Example")

        expect(visitor.id("body")).to_have_value(example)

    def test_example_as_text(self, serve):
        """An example that is a text is sent as it stands if the first type is not JSON."""
        visitor = serve()
        visitor.choose_with_example("csv")

        visitor.send()

        (call,) = visitor.runtime.calls
        assert (call.request.body, call.request.content_type) == (b"1,2\n3,4", "text/csv")
        assert visitor.cells == ["1", "2", "3", "4"]

    @pytest.mark.parametrize(
        ("body", "sentence"),
        [
            ('{"a": 1,\n "b": }', "Line 2, column 7: a value is expected"),
            ("[1 2]", "Line 1, column 4: a comma or ] is expected"),
            ("[NaN]", "Line 1, column 2: a value is expected"),
            ('{"a": 01}', "Line 1, column 7: a value is expected"),
            ("{} {}", "Line 1, column 4: the end is expected"),
            ("", "Line 1, column 1: a value is expected, and the text ends"),
            ("[" * 201 + "]" * 201, "a depth of at most 200 is expected"),
        ],
    )
    def test_mistakes_in_json(self, visitor, body, sentence):
        """A mistake is shown with its place before anything is sent."""
        visitor.id("body").fill(body)

        visitor.id("send").click()

        expect(visitor.id("body-mistake")).to_contain_text(sentence)
        expect(visitor.id("body")).to_be_focused()
        assert visitor.runtime.calls == []

    @pytest.mark.parametrize("is_file", [False, True])
    def test_limit(self, visitor, is_file):
        """A body over the limit is not sent; one at the limit is."""
        visitor.id("content-type").select_option("text/plain")

        def give(size):
            if is_file:
                file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a" * size}
                visitor.id("file-input").set_input_files(file)
            else:
                visitor.id("body").evaluate(SET_VALUE, "a" * size)

        give(LIMIT + 1)
        visitor.id("send").click()
        expect(visitor.id("body-mistake")).to_contain_text("at most 4,600,000 bytes")
        assert visitor.runtime.calls == []

        give(LIMIT)
        visitor.send()
        assert visitor.runtime.calls[0].request.body == b"a" * LIMIT

    def test_parameters(self, serve):
        """A value is checked against the pattern, and a whole path brings the example."""
        visitor = serve()
        visitor.choose("translate/{source}/{target}")
        visitor.id("send").click()
        target = visitor.page.get_by_label("target")
        expect(target).to_be_focused()
        target.fill("FR")
        visitor.id("send").click()
        expect(visitor.id("field-target-mistake")).to_have_text("The value has to match [a-z]{2}")

        target.fill("fr")
        target.blur()
        visitor.wait_for_example()
        visitor.page.get_by_label("source").select_option("en")
        visitor.send()

        (call,) = visitor.runtime.calls
        assert call.target["TargetModel"] == "en-fr.tar.gz"
        assert json.loads(call.request.body) == {"text": "Haus"}

    @pytest.mark.parametrize(
        ("label", "value"),
        [("X-Request-Timeout-Ms", "1.5"), ("X-Amzn-SageMaker-Inference-Id", "ü")],
    )
    def test_mistakes_in_headers(self, visitor, label, value):
        """A header that the gateway would refuse is not sent."""
        visitor.page.get_by_text("Options").click()
        visitor.page.get_by_label(label).fill(value)

        visitor.id("send").click()

        expect(visitor.page.get_by_label(label)).to_have_attribute("aria-invalid", "true")
        assert visitor.runtime.calls == []

    def test_cancel(self, serve):
        """The caller can stop waiting."""
        done = threading.Event()
        visitor = serve(answer=answer_after(done))
        visitor.choose_with_example("echo")
        visitor.id("send").click()
        expect(visitor.id("elapsed")).to_contain_text("s")
        visitor.click("Cancel")

        expect(visitor.id("answer")).to_have_text("The request was cancelled.")
        expect(visitor.id("send")).to_be_focused()
        done.set()

    def test_another_model_while_waiting(self, serve):
        """Whoever chooses another model no longer waits for the first one."""
        done = threading.Event()
        visitor = serve(answer=answer_after(done))
        visitor.choose_with_example("echo")
        visitor.id("send").click()
        expect(visitor.id("cancel")).to_be_visible()
        visitor.choose("csv")
        done.set()

        expect(visitor.id("cancel")).to_be_hidden()
        expect(visitor.id("answer")).to_have_text("Send the request to see the answer here.")


class TestAnswer:
    """An answer is shown for what it is, and never runs."""

    @pytest.mark.parametrize(
        ("answer", "cells"),
        [
            (b'{"predictions": [0, 12345678901234567890]}', ["0", "12345678901234567890"]),
            (b"[[1.50, 2], [3]]", ["1.50", "2", "3"]),
            (b'[{"a": "x", "b": [1]}, {"a": null}]', ["x", "[1]", "null", ""]),
            (b'{"label": ["a", "b"], "score": [0.1, 0.9], "n": 2}', ["a", "0.1", "b", "0.9"]),
            (b'{"id": "i", "rows": [{"a": 1}]}', ["1"]),
        ],
    )
    def test_table(self, serve, answer, cells):
        """Rows in JSON are a table; JSON shows each number as it came."""
        visitor = serve(answer=answering(answer))
        visitor.call("echo")

        assert visitor.cells == cells
        assert json.loads(visitor.view("JSON")) == json.loads(answer)
        assert visitor.view("Text") == answer.decode()

    def test_csv(self, serve):
        """CSV is a table, with quotes as RFC 4180 has them."""
        visitor = serve(answer=answering(b'1,"a ""b"", c"\r\n,2\r\n', "text/csv; charset=utf-8"))
        visitor.call("echo")

        assert visitor.cells == ["1", 'a "b", c', "", "2"]

    def test_csv_of_old_systems(self, serve):
        """A carriage return alone also ends a line; a long line does not keep the browser busy."""
        answer = b"1,2\r3," + b"4" * 2_000_000 + b"\r"
        visitor = serve(answer=answering(answer, "text/csv"))
        visitor.call("echo")

        assert [cell[:2] for cell in visitor.cells] == ["1", "2", "3", "44"]

    def test_sparse(self, serve):
        """Of objects that have no name in common, the page shows as many columns as fit."""
        answer = json.dumps([{f"name-{n}": n} for n in range(100_000)]).encode()
        visitor = serve(answer=answering(answer))
        visitor.call("echo")

        assert len(visitor.cells) == 200 * 50
        expect(visitor.id("answer")).to_contain_text("100000 rows and 100000 columns")

    @pytest.mark.parametrize("timing", ["a;dur=1.2.3, b;dur=..", "c;dur=0", ";;,=", "d;dur=1e999"])
    def test_odd_timing(self, visitor, timing):
        """A Server-Timing that a proxy has spoilt leaves the bars that can be drawn."""
        headers = {"Server-Timing": timing, "Retry-After": "-1, soon"}
        visitor.page.route(
            "**/predict/*", lambda route: route.fulfill(status=500, body="", headers=headers)
        )
        visitor.send(500)

        expect(visitor.page.locator(".bars")).to_contain_text("network")
        expect(visitor.page.locator(".bars")).not_to_contain_text("NaN")

    @pytest.mark.parametrize(
        ("body", "media_type"),
        [
            (MARKUP.encode(), "text/html"),
            (MARKUP.encode(), "application/json"),
            (b"", "application/json"),
            (b"[[1], 2, {", "application/json"),
            ("ü\u202e".encode(), "text/plain"),
        ],
    )
    def test_text(self, serve, body, media_type):
        """Whatever else can be read is shown as text."""
        visitor = serve(answer=answering(body, media_type))
        visitor.call("echo")

        assert visitor.id("answer").locator("pre").text_content() == body.decode()

    def test_image(self, serve):
        """An SVG is shown as an image, in which no script runs."""
        start = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="alert(1)">'
        picture = start + b'<script>alert(1)</script><rect width="40" height="40"/></svg>'
        visitor = serve(answer=answering(picture, "image/svg+xml"))
        visitor.call("echo")

        image = visitor.page.get_by_alt_text("The model's answer")
        expect(image).to_be_visible()
        expect(image).to_have_js_property("naturalWidth", 40)
        assert visitor.view("Text") == picture.decode()

    def test_bytes(self, serve, tmp_path):
        """Other bytes can be downloaded as they came."""
        visitor = serve(answer=answering(b"\xff\0\x01", "application/x-npy"))
        visitor.call("echo")

        expect(visitor.id("answer")).to_contain_text("3 bytes, which are no text")
        with visitor.page.expect_download() as download:
            visitor.click("Download")
        download.value.save_as(tmp_path / "answer")
        assert download.value.suggested_filename == "answer.npy"
        assert (tmp_path / "answer").read_bytes() == b"\xff\0\x01"

    def test_copy(self, serve):
        """The answer can be copied."""
        visitor = serve(answer=answering(b"[1]"))
        visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        visitor.call("echo")

        visitor.id("answer").get_by_role("button", name="Copy").click()

        expect(visitor.id("status")).to_have_text("Copied")
        assert visitor.page.evaluate("navigator.clipboard.readText()") == "[1]"

    def test_large(self, serve):
        """Of a large answer, the page shows the beginning."""
        visitor = serve(answer=answering(json.dumps(list(range(300_000))).encode()))
        visitor.call("echo")

        assert len(visitor.cells) == 200
        expect(visitor.id("answer")).to_contain_text("The beginning of 300000 rows")


class TestProblem:
    """A problem says what happened and what can be done."""

    def test_retry_after(self, serve):
        """The seconds of Retry-After are counted down, then the request can be sent again."""
        visitor = serve(error=ModelNotReady(retry_after_seconds=1))
        visitor.call("echo", 503)

        answer = visitor.id("answer")
        expect(answer).to_contain_text("The model is not ready")
        expect(answer).to_contain_text("model-not-ready")
        expect(answer).to_contain_text("Try again: it can succeed now.")
        visitor.runtime.error = None
        visitor.click("Try again")
        visitor.expect_status(200)

    def test_try_again_now(self, serve):
        """Nobody has to wait for the end of the countdown."""
        visitor = serve(error=ModelNotReady(retry_after_seconds=600))
        visitor.call("echo", 503)
        expect(visitor.id("answer")).to_contain_text("wait ")

        visitor.runtime.error = None
        visitor.click("Try again now")

        visitor.expect_status(200)

    def test_final(self, serve):
        """A problem that stays says so; a text of the model's is shown as text."""
        visitor = serve(error=ModelFailed(500, model_message=MARKUP))
        visitor.call("echo", 502)

        answer = visitor.id("answer")
        expect(answer).to_contain_text("The same request would fail again.")
        expect(answer).to_contain_text(MARKUP)
        expect(visitor.id("alarm")).to_contain_text("502")
        request_id = answer.locator("dt", has_text="X-Request-Id").locator("+ dd").text_content()
        assert request_id

    def test_not_of_the_gateway(self, visitor):
        """An error of something before the gateway is said to be one."""
        visitor.page.route(
            "**/predict/*",
            lambda route: route.fulfill(status=502, content_type="text/html", body=MARKUP),
        )

        visitor.send(502)

        expect(visitor.id("answer")).to_contain_text("Something before the gateway")
        assert visitor.id("answer").locator("pre").text_content() == MARKUP

    def test_no_answer(self, visitor):
        """A connection that breaks gets a sentence, and the request can be sent again."""
        visitor.page.route("**/predict/*", lambda route: route.abort())
        visitor.id("send").click()
        expect(visitor.id("answer")).to_contain_text("cannot be reached")

        visitor.page.unroute("**/predict/*")
        visitor.click("Try again")

        visitor.expect_status(200)


BODIES = {
    **HOSTILE,
    "markup": MARKUP,
    "of a shell": "'; echo $HOME `id` \\ !! \"$(id)\" $'\\x41' %s",
    "of JavaScript": "${process.exit(1)} ` \\u0041 `\n\\",
    "of Python": 'a\n"""\n{x} \\N{DASH} \'\'\'\nb"',
    "begins with @": "@/etc/passwd",
    "ends with a quote": 'a\nb"',
    "begins with a quote": '"a\nb',
    "line ends": "\n\na\n",
    "empty": "",
    "emoji": "👍\U000e0041",
    "JSON": '{\n  "instances": [[5.1, "a"]]\n}',
}


class TestPrograms:
    """The call as code is the call of the form, whatever its texts are."""

    @pytest.mark.parametrize("language", COMMANDS)
    def test_hostile_bodies(self, visitor, language, tmp_path):
        """Each program sends exactly what the page sends, and shows nothing that hides."""
        visitor.id("content-type").select_option("text/plain")
        visitor.page.get_by_text("Options").click()
        visitor.page.get_by_label("X-Amzn-SageMaker-Inference-Id").fill('it\'s "$1" `\\')
        for name, body in BODIES.items():
            visitor.id("body").evaluate(SET_VALUE, body)
            visitor.send()
            text = visitor.program(language)
            if "\0" in body:
                save(visitor, tmp_path / "body.txt")

            run_program(language, text, TOKEN, tmp_path)

            *_, shown, ran = visitor.runtime.calls
            assert ran.request == shown.request, name
            assert all(line.isprintable() for line in text.split("\n")), name
            assert TOKEN not in text

    @pytest.mark.parametrize("language", COMMANDS)
    def test_file(self, visitor, language, tmp_path):
        """A file is named in the program, whatever its name is."""
        name = "-'\"$x` \\.txt"
        content = bytes(range(256))
        file = {"name": name, "mimeType": "text/plain", "buffer": content}
        visitor.id("file-input").set_input_files(file)
        (tmp_path / name).write_bytes(content)

        run_program(language, visitor.program(language), TOKEN, tmp_path)

        (call,) = visitor.runtime.calls
        assert (call.request.body, call.request.content_type) == (content, "text/plain")


def save(visitor, path):
    with visitor.page.expect_download() as download:
        visitor.id("save-body").click()
    download.value.save_as(path)


def states(visitor):
    """Lead through the states of the page, and yield the name of each."""
    yield "key"
    visitor.connect("wrong")
    expect(visitor.id("key-mistake")).not_to_be_empty()
    yield "refused key"
    visitor.connect(TOKEN)
    expect(visitor.id("catalog-count")).to_have_text("4 models")
    yield "catalog"
    visitor.choose("translate/{source}/{target}")
    visitor.id("send").click()
    yield "mistake"
    if visitor.id("all-models").is_visible():
        visitor.id("all-models").click()
    visitor.choose_with_example("echo")
    visitor.page.get_by_text("Options").click()
    yield "model"
    visitor.send()
    yield "table"
    visitor.view("JSON")
    yield "JSON"
    visitor.runtime.error = ModelNotReady(retry_after_seconds=60)
    visitor.send(503)
    yield "problem"
    if visitor.id("all-models").is_visible():
        visitor.id("all-models").click()
    visitor.choose("x-ray")
    visitor.page.get_by_text("Draw a digit").click()
    visitor.id("grid").locator(".cell").first.press("Space")
    yield "drawing"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 900, 360])
def test_looks(serve, page, scheme, width):
    """In every state, axe finds nothing serious and nothing is wider than the window."""
    page.set_viewport_size({"width": width, "height": 740})
    page.emulate_media(color_scheme=scheme)
    visitor = serve(key="")

    for state in states(visitor):
        assert (state, visitor.findings()) == (state, [])
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert (state, wide) == (state, width)


def test_stage(page):
    """The page works below the path of a stage, as API Gateway has it."""
    gateway = build_gateway(SimulatorClient, source=FixedTable(table(TABLE)))

    def reply(request):
        path = request.path.removeprefix("/api")
        answer = gateway.client.send(request.method, path, request.headers.items(), request.body)
        return response(answer.status, answer.body, answer.headers)

    with StubServer() as server:
        server.reply = reply
        visitor = Visitor(page, f"{server.url}/api")
        visitor.open(TOKEN)
        visitor.choose_with_example("iris")
        visitor.send()

        assert visitor.cells == ["5.1", "3.5", "1.4", "0.2"]
        assert f"'{visitor.url}/predict/iris'" in visitor.program("curl")
        assert all(request.path.startswith("/api/") for request in server.requests)
        visitor.check()
        page.context.close()
