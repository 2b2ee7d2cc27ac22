"""A container with one model: `/ping` and `/invocations`."""

import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image


def npy(values) -> bytes:
    file = BytesIO()
    np.save(file, np.asarray(values))
    return file.getvalue()


def png(pixels, mode="L") -> bytes:
    file = BytesIO()
    kind = np.uint16 if mode == "I;16" else np.uint8
    image = Image.fromarray(np.array(pixels, dtype=kind))
    (image if mode == "I;16" else image.convert(mode)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module", name="server")
def _server(start, folders):
    """Sums the four pixels of a 2 by 2 picture."""
    return start("sklearn", SM_MODEL_DIR=str(folders["picture"]))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ping(server, method):
    """A loaded container says so with an empty 200, however it is asked."""
    response = server.request(method, "/ping")

    assert (response.status, response.body) == (200, b"")


ROWS = [[1, 2, 3, 4], [0.5, -1e3, 0, 1]]
SUMS = [10.0, -998.5]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param("application/json", json.dumps({"instances": ROWS}).encode(), id="json"),
        pytest.param(
            "Application/JSON; charset=utf-8",
            b'{"instances":[[1,2,3,4],[5e-1,-1E3,0,1]]}',
            id="as-said",
        ),
        pytest.param("text/csv", b"1,2,3,4\n0.5,-1000,0,1\n", id="csv"),
        pytest.param("text/csv", b"\xef\xbb\xbf1, 2,+3,4.\r\n.5,-1e3 ,0,1", id="csv-spreadsheet"),
        pytest.param("application/x-npy", npy(ROWS), id="npy"),
        pytest.param("application/x-npy", npy(np.array(ROWS, "f4")), id="npy-single-precision"),
        pytest.param("application/x-npy", npy(np.asfortranarray(ROWS)), id="npy-columns-first"),
        pytest.param("application/x-npy", npy(np.array(ROWS, ">f8")), id="npy-big-endian"),
        pytest.param("application/x-npy", npy(np.reshape(ROWS, (2, 2, 2))), id="npy-pictures"),
    ],
)
def test_the_same_rows_in_every_format(server, content_type, body):
    """Whatever the rows come as, the answer is the same."""
    response = server.invoke(body, content_type)

    assert (response.status, response.json()) == (200, {"predictions": SUMS})
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(png([[0, 255], [51, 102]]), id="grey"),
        pytest.param(png([[0, 255], [51, 102]], "RGB"), id="colour"),
        pytest.param(png([[0, 255], [51, 102]], "RGBA"), id="colour-with-alpha"),
        pytest.param(png([[0, 65535], [13107, 26214]], "I;16"), id="16-bit-grey"),
    ],
)
def test_picture(server, body):
    """Bright is ink: white is the highest level, and a level is a whole number."""
    response = server.invoke(body, "image/png")

    assert response.json() == {"predictions": [0 + 16 + 3 + 6]}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*;q=0.9, application/json;q=0.1", "text/csv"),
    ],
)
def test_accept(server, accept, expected):
    """The answer is JSON unless CSV is asked for."""
    response = server.invoke(b"1,2,3,4\n5,6,7,8", "text/csv", accept)

    bodies = {"application/json": b'{"predictions": [10.0, 26.0]}', "text/csv": b"10.0\n26.0\n"}
    assert (expected, bodies[expected]) == (response.headers["Content-Type"], response.body)


def test_an_accept_that_rules_everything_out(server):
    """What cannot be answered is refused with what could be."""
    response = server.invoke(b"1,2,3,4", "text/csv", "image/png")

    assert response.status == 406
    assert "application/json or text/csv" in response.json()["error"]


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Type": "application/xml"}, "not application/xml"),
        ({}, "no Content-Type"),
        ({"Content-Type": "text/csv", "Content-Encoding": "gzip"}, "compressed"),
    ],
)
def test_other_content_types(server, headers, said):
    """A body that no model reads is a 415 that says what would be."""
    response = server.request("POST", "/invocations", b"<a/>", headers)

    assert response.status == 415
    assert said in response.json()["error"]


def test_content_types_of_a_model_without_pictures(start, folders):
    """A model without a signature reads no images, and does not offer to."""
    server = start("sklearn", SM_MODEL_DIR=str(folders["sum"]))

    response = server.invoke(png([[0]]), "image/png")

    assert response.status == 415
    expected = "This model reads application/json, text/csv, application/x-npy, not image/png."
    assert expected == response.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/models", 404),
        ("POST", "/models/x/invoke", 404),
        ("GET", "/elsewhere", 404),
        ("GET", "/invocations", 405),
    ],
)
def test_other_paths(server, method, path, status):
    """What a single-model container does not have is refused as JSON, like everything else."""
    response = server.request(method, path)

    assert status == response.status
    assert response.json()["error"].endswith(".")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", b'{"instances": [[-1.0, 1.0]]}'),
        ("text/csv", b"-1.0,1.0\n"),
    ],
)
def test_preprocessing_step(start, folders, accept, expected):
    """A transformer answers in the form that the next container of a pipeline reads."""
    server = start("sklearn", SM_MODEL_DIR=str(folders["scaler"]))

    assert expected == server.invoke(b"0,4", "text/csv", accept).body


def test_lightgbm(start, folders):
    """A boosted classifier answers the class index as a whole number."""
    server = start("lightgbm", SM_MODEL_DIR=str(folders["multiclass"]))

    response = server.invoke(b'{"instances": [[1, 0], [15, 0], [29, 0]]}')

    assert response.json() == {"predictions": [0, 1, 2]}


def test_a_failing_model(start, folders):
    """A model that raises is a 500; the log says so in one line, and the server lives on."""
    server = start("sklearn", SM_MODEL_DIR=str(folders["failing"]))

    response = server.invoke(b'{"instances": [[123456]]}')

    assert response.status == 500
    assert "TypeError" in response.json()["error"]
    assert "500 POST /invocations: TypeError\n" in server.log()
    assert "123456" not in server.log()
    assert server.request("GET", "/ping").status == 200


def test_numbers_out_of_all_bounds(server):
    """An overflow inside the model is the caller's doing, not a failure of the server."""
    response = server.invoke(b'{"instances": [[1e308, 1e308, 1e308, 1e308]]}')

    assert response.status == 400
    assert "not a finite number" in response.json()["error"]


def test_large_body(server):
    """A body of SageMaker's own size is taken; a much larger one is refused with an answer."""
    row = b",".join([b"1." + b"0" * 97] * 4) + b"\n"

    assert server.invoke(row * 15_000, "text/csv", "text/csv").status == 200
    assert server.invoke(b" " * 33 * 1024 * 1024, "text/csv").status == 413
