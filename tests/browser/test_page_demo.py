"""The page with the models of the demo, on the gateway of `make run`."""

import io
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

from chalicelib.settings import Settings
from local_stack import job_resources
from local_stack.__main__ import GATEWAY_SETTINGS
from tests.support.key_documents import api_key, document, entry
from tests.support.local_gateway import ENVIRONMENT, LocalGateway
from tests.support.visitor import COMMANDS, Visitor, run_program

KEY = api_key()
SECRET = "inference-gateway/keys"
MODELS = {
    "breast-cancer": ["0"],
    "diabetes-boosted": None,
    "diabetes-component": None,
    "diabetes-linear": None,
    "digit": ["3"],
    "iris": ["0", "2"],
    "is-digit/{digit}": None,
    "wine": ["0"],
    "wine-grade": ["0"],
    "wine-release": ["0"],
}
"""The predictions for the examples; None where the number is not known here. One more is a job."""

SEVEN = [(1.5, 0.7), (6, 0.7), (4.8, 3), (3.6, 5), (3.2, 7.2)]
"""A stroke in the drawing field, in cells."""

DROP = """([bytes, name, type]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name, {type}));
    for (const kind of ["dragover", "drop"]) {
        const event = new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
        document.getElementById("call").dispatchEvent(event);
    }
}"""
COLOURS = 256
LARGEST_PICTURE = 150_000


@pytest.fixture(scope="module")
def gateway(demo):
    secrets = demo.client("secretsmanager")
    secrets.create_secret(Name=SECRET, SecretString=document(abcd1234=entry(grants=["*"])))
    jobs = {"GATEWAY_JOBS": GATEWAY_SETTINGS["GATEWAY_JOBS"], "GATEWAY_JOBS_QUEUE": "page-demo"}
    environment = {"AWS_ENDPOINT_URL": demo.url, "GATEWAY_CORS_ORIGIN": "", **jobs}
    with LocalGateway({**ENVIRONMENT, **environment}) as gateway:
        settings, port = Settings.from_env(jobs), urlsplit(gateway.url).port
        job_resources.create(settings, demo.client("s3"), demo.client("sqs"), port=port)
        yield gateway
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def visitor(page, gateway, demo):
    """Somebody who has opened the link of `make run`."""
    visitor = Visitor(page, gateway.url, demo.url)
    visitor.open(KEY)
    expect(visitor.id("catalog-count")).to_have_text(f"{len(MODELS) + 1} models")
    yield visitor
    visitor.check()


@pytest.mark.parametrize(("model", "predictions"), MODELS.items())
def test_models(visitor, model, predictions):
    """Every model of the demo answers its example."""
    visitor.choose_with_example(model)

    visitor.send()

    assert visitor.cells == predictions if predictions else len(visitor.cells) == 1
    expect(visitor.id("answer")).to_contain_text(model)
    for part in ("model", "gateway", "network"):
        expect(visitor.page.locator(f".bar.{part}")).to_be_attached()


def test_asynchronous_model(visitor):
    """A job answers the example; the page may read its result, which SageMaker has written."""
    visitor.choose_with_example("digit-async")

    visitor.send()

    assert visitor.cells == ["1"]


def draw(visitor, stroke):
    box = visitor.id("grid").bounding_box()
    mouse = visitor.page.mouse
    places = [
        (box["x"] + x * box["width"] / 8, box["y"] + y * box["height"] / 8) for x, y in stroke
    ]
    mouse.move(*places[0])
    mouse.down()
    for place in places[1:]:
        mouse.move(*place, steps=5)
    mouse.up()


@pytest.mark.parametrize("content_type", ["application/json", "image/png"])
def test_drawing(visitor, content_type):
    """A digit can be drawn, and is sent as numbers or as a PNG."""
    visitor.choose_with_example("digit")
    visitor.id("content-type").select_option(content_type)
    visitor.click("Clear")

    draw(visitor, SEVEN)
    visitor.send()

    assert visitor.cells == ["7"]


def test_drawn_png(visitor, tmp_path):
    """The PNG has 8 by 8 pixels in grey, as bright as the numbers are large."""
    visitor.choose_with_example("digit")
    (numbers,) = visitor.sent()["instances"]
    visitor.id("content-type").select_option("image/png")
    visitor.id("reset").wait_for()

    with visitor.page.expect_download() as download:
        visitor.click("Save the body as digit.png")
    download.value.save_as(tmp_path / "digit.png")

    with Image.open(tmp_path / "digit.png") as image:
        assert (image.mode, image.size) == ("L", (8, 8))
        assert [round(pixel * 16 / 255) for pixel in image.tobytes()] == numbers


def test_drawing_by_keys(visitor):
    """Arrows move in the drawing, and the space bar draws."""
    visitor.choose_with_example("digit")
    visitor.click("Clear")
    keyboard = visitor.page.keyboard
    visitor.id("grid").locator(".cell").first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Space", "ArrowLeft", "ArrowLeft", "Space"):
        keyboard.press(key)

    (numbers,) = visitor.sent()["instances"]
    assert {place: number for place, number in enumerate(numbers) if number} == {16: 16, 17: 16}
    expect(visitor.page.get_by_label("row 3, column 2: 16")).to_be_attached()


def test_drawing_by_touch(chromium, gateway):
    """A finger draws."""
    context = chromium.new_context(has_touch=True)
    visitor = Visitor(context.new_page(), gateway.url)
    visitor.open(KEY)
    visitor.choose_with_example("digit")
    visitor.click("Clear")

    visitor.id("grid").tap(position={"x": 30, "y": 30})

    (numbers,) = visitor.sent()["instances"]
    assert [place for place, number in enumerate(numbers) if number] == [1, 8, 9, 10, 17]
    visitor.check()
    context.close()


@pytest.mark.parametrize("content_type", ["application/json", "text/csv"])
def test_parameter(visitor, content_type):
    """A parameter has a list of its values, and a drawing can be sent to each of them."""
    visitor.choose_with_example("is-digit/{digit}")
    visitor.page.get_by_label("digit").select_option("7")
    visitor.id("content-type").select_option(content_type)

    visitor.send()

    assert visitor.cells == ["1"]
    assert "/predict/is-digit/7'" in visitor.program("curl")


def png(numbers):
    image = Image.frombytes("L", (8, 8), bytes(round(number * 255 / 16) for number in numbers))
    file = io.BytesIO()
    image.save(file, "PNG")
    return list(file.getvalue())


def test_dropped_image(visitor):
    """A dropped image is shown, and is sent with its own type."""
    visitor.choose_with_example("digit")
    (numbers,) = visitor.sent()["instances"]

    visitor.page.evaluate(DROP, [png(numbers), "a 3.png", "image/png"])

    expect(visitor.id("preview")).to_be_visible()
    expect(visitor.id("content-type")).to_have_value("image/png")
    visitor.send()
    assert visitor.cells == ["3"]
    visitor.click("Remove the file")
    expect(visitor.id("body")).to_be_visible()


def test_file_of_another_type(visitor):
    """A chosen file's type is sent even if the model does not list it: the gateway says so."""
    visitor.choose_with_example("digit")
    file = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8"}

    visitor.id("file-input").set_input_files(file)
    visitor.send(415)

    expect(visitor.id("answer")).to_contain_text("image/jpeg")


def test_keyboard_alone(visitor):
    """A prediction needs no mouse."""
    keyboard = visitor.page.keyboard
    expect(visitor.id("filter")).to_be_focused()
    keyboard.type("iris")
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(visitor.id("model-name")).to_be_focused()
    visitor.wait_for_example()
    for _ in range(3):
        keyboard.press("Tab")
    expect(visitor.id("body")).to_be_focused()
    keyboard.press("Control+Enter")

    visitor.expect_status(200)
    assert visitor.cells == ["0", "2"]
    expect(visitor.id("status")).to_contain_text("200: The model answered")


@pytest.mark.parametrize("language", COMMANDS)
def test_programs(visitor, language, tmp_path):
    """The printed program gets the model's answer, and does not have the key."""
    visitor.choose_with_example("iris")

    text = visitor.program(language)

    assert KEY not in text
    assert run_program(language, text, KEY, tmp_path).strip() == '{"predictions": [0, 2]}'


PICTURES = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
}


@pytest.fixture
def folder(pytestconfig, tmp_path):
    """Where pictures are written."""
    return Path(pytestconfig.getoption("--pictures") or tmp_path)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(chromium, gateway, folder, name):
    """The pictures of docs/page.md; `--pictures FOLDER` says where they are written."""
    context = chromium.new_context(**PICTURES[name])
    visitor = Visitor(context.new_page(), gateway.url)
    visitor.open(KEY)
    visitor.choose_with_example("digit")
    visitor.click("Clear")
    visitor.id("grid").scroll_into_view_if_needed()
    draw(visitor, SEVEN)
    visitor.send()
    visitor.page.mouse.move(0, 0)

    path = folder / f"page-{name}.png"
    with Image.open(io.BytesIO(visitor.page.screenshot())) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)

    assert path.stat().st_size <= LARGEST_PICTURE
    visitor.check()
    context.close()
