"""A container with one model, over HTTP."""

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
    """The model sums the four pixels of a 2 by 2 image."""
    return start("sklearn", SM_MODEL_DIR=str(folders["picture"]))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ping(server, method):
    """A container with its model loaded responds with an empty 200, to GET and to POST."""
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
            id="json-other-spelling",
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
    """The same rows get the same predictions in every format."""
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
    """A white pixel is the highest level, a black pixel is 0, and levels are whole numbers."""
    response = server.invoke(body, "image/png")

    assert response.json() == {"predictions": [0 + 16 + 3 + 6]}


def test_accept(server):
    """The response has the format that Accept prefers; 406 if no format is accepted."""
    csv = server.invoke(b"1,2,3,4\n5,6,7,8", "text/csv", "text/*;q=0.9, application/json;q=0.1")
    array = server.invoke(b"1,2,3,4\n5,6,7,8", "text/csv; header=absent", "application/x-npy")
    refused = server.invoke(b"1,2,3,4", "text/csv", "image/png")

    assert (csv.headers["Content-Type"], csv.body) == ("text/csv", b"10.0\n26.0\n")
    assert array.headers["Content-Type"] == "application/x-npy"
    assert array.body == npy([10.0, 26.0])
    assert refused.status == 406
    assert refused.json()["error"] == (
        "This model answers application/json or application/x-npy or text/csv;"
        " the request accepts none of them."
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(json.dumps(ROWS).encode(), "application/json", id="list"),
        pytest.param(json.dumps(ROWS).encode(), "application/json; charset=utf-8", id="charset"),
        pytest.param(json.dumps(ROWS).encode(), "", id="no-content-type"),
    ],
)
def test_list_without_a_key(server, body, content_type):
    """The answer to a JSON list is a list; a body without Content-Type is read as JSON."""
    headers = {"Content-Type": content_type} if content_type else {}
    response = server.request("POST", "/invocations", body, headers)

    assert (response.status, response.json()) == (200, SUMS)
    assert response.headers["Content-Type"] == "application/json"


@pytest.fixture(scope="module", name="csv_server")
def _csv_server(start, folders):
    default = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv; header=absent"}
    return start("sklearn", SM_MODEL_DIR=str(folders["picture"]), **default)


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", "text/csv"),
        ("*/*", "text/csv"),
        ("text/html, */*;q=0.1", "text/csv"),
        ("application/json", "application/json"),
        ("application/*", "application/json"),
        ("text/csv;q=0, */*", "application/json"),
    ],
)
def test_default_accept(csv_server, accept, answered):
    """SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT is the format where the request accepts anything."""
    response = csv_server.invoke(b"[[1,2,3,4]]", accept=accept)

    assert (response.status, response.headers["Content-Type"]) == (200, answered)


def test_default_accept_that_the_model_cannot_answer(start, folders):
    """A default in another format is a 406 that names the variable, and not ignored."""
    default = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/x-recordio-protobuf"}
    server = start("sklearn", SM_MODEL_DIR=str(folders["picture"]), **default)

    response = server.invoke(b"[[1,2,3,4]]")

    assert response.status == 406
    assert response.json()["error"].endswith(
        "; SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT is 'application/x-recordio-protobuf'."
    )
    assert server.invoke(b"[[1,2,3,4]]", accept="application/json").json() == [10.0]


def test_script(start, folders):
    """A user's script is not run, and the log says so."""
    server = start(
        "sklearn", SM_MODEL_DIR=str(folders["picture"]), SAGEMAKER_PROGRAM="inference.py"
    )

    assert server.invoke(b"[[1,2,3,4]]").json() == [10.0]
    assert "SAGEMAKER_PROGRAM is 'inference.py': scripts are not run" in server.log()


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Content-Type": "application/xml"}, "not application/xml"),
        ({"Content-Type": "text/csv", "Content-Encoding": "gzip"}, "compressed"),
    ],
)
def test_other_content_types(server, headers, message):
    """A body in a format that the model does not read gets a 415."""
    response = server.request("POST", "/invocations", b"<a/>", headers)

    assert response.status == 415
    assert message in response.json()["error"]


def test_content_types_of_a_model_without_pictures(start, folders):
    """A model without a signature reads no images; the 415 lists what the model reads."""
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
    """A path or method that the container does not have gets a JSON error."""
    response = server.request(method, path)

    assert response.status == status
    assert response.json()["error"].endswith(".")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", b'{"instances": [[-1.0, 1.0]]}'),
        ("text/csv", b"-1.0,1.0\n"),
    ],
)
def test_preprocessing_step(start, folders, accept, expected):
    """A transformer responds in the form that the next container of a pipeline reads."""
    server = start("sklearn", SM_MODEL_DIR=str(folders["scaler"]))

    assert server.invoke(b"0,4", "text/csv", accept).body == expected


def test_a_failing_model(start, folders):
    """An error in the model is a 500 and one log line without the input; the server goes on."""
    server = start("sklearn", SM_MODEL_DIR=str(folders["failing"]))

    response = server.invoke(b'{"instances": [[123456]]}')

    assert response.status == 500
    assert "TypeError" in response.json()["error"]
    assert "500 POST /invocations: TypeError\n" in server.log()
    assert "123456" not in server.log()
    assert server.request("GET", "/ping").status == 200


def test_overflow_in_the_model(server):
    """A prediction that is not finite is the caller's mistake: 400."""
    response = server.invoke(b'{"instances": [[1e308, 1e308, 1e308, 1e308]]}')

    assert response.status == 400
    assert "not a finite number" in response.json()["error"]


def test_large_body(server):
    """A body as large as SageMaker allows is accepted; a much larger one gets a 413."""
    row = b",".join([b"1." + b"0" * 97] * 4) + b"\n"

    assert server.invoke(row * 15_000, "text/csv", "text/csv").status == 200
    assert server.invoke(b" " * 33 * 1024 * 1024, "text/csv").status == 413
